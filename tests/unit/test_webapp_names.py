import socket
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.resolver import Resolver

from webapp import names
from webapp.app import create_app
from webapp.names import check_name, in_hosts, look_up, reverse
from webapp.settings import Settings

# What the server below answers, by name and type; any other name does not exist.
RECORDS = {
    ("webapp.", "A"): ["webapp. 600 IN A 172.18.0.2", "webapp. 600 IN A 172.18.0.3"],
    ("webapp.", "AAAA"): ["webapp. 600 IN AAAA fd00::2"],
    ("my_webapp.", "A"): ["my_webapp. 600 IN A 172.18.0.2"],
    ("my_webapp.", "AAAA"): [],
    ("six.", "A"): [],
    ("six.", "AAAA"): ["six. 60 IN AAAA fd00::6"],
    ("alias.", "A"): ["alias. 600 IN CNAME webapp.", "webapp. 600 IN A 172.18.0.2"],
    ("alias.", "AAAA"): ["alias. 600 IN CNAME webapp."],
    ("empty.", "A"): [],
    ("empty.", "AAAA"): [],
    ("half.", "A"): ["half. 60 IN A 192.0.2.6"],
    ("db.lan.", "A"): ["db.lan. 5 IN A 192.0.2.5"],
    ("db.lan.", "AAAA"): [],
    ("3.0.18.172.in-addr.arpa.", "PTR"): [
        "3.0.18.172.in-addr.arpa. 600 IN PTR client.two-bridges."
    ],
}
FAILURES = {"broken.": dns.rcode.SERVFAIL, "secret.": dns.rcode.REFUSED}
SILENT = {"silent.", "9.0.18.172.in-addr.arpa.", "half."}  # but for RECORDS


def answer(wire):
    query = dns.message.from_wire(wire)
    (question,) = query.question
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    if (name, kind) in RECORDS:
        for record in RECORDS[name, kind]:
            owner, ttl, rdclass, rdtype, value = record.split()
            response.answer.append(dns.rrset.from_text(owner, ttl, rdclass, rdtype, value))
    elif name in SILENT:
        return None
    else:
        response.set_rcode(FAILURES.get(name, dns.rcode.NXDOMAIN))
    return response.to_wire()


@pytest.fixture
def resolver():
    """A resolver whose only server is a real one, on a port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve():
            while True:
                wire, peer = server.recvfrom(4096)
                if not wire:
                    return
                if response := answer(wire):
                    server.sendto(response, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        resolver = Resolver(configure=False)
        resolver.port = server.getsockname()[1]
        resolver.nameservers = ["127.0.0.1"]
        yield resolver
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", server.getsockname())
        thread.join()


@pytest.fixture
def hosts(tmp_path):
    path = tmp_path / "hosts"
    path.write_text(
        "127.0.0.1\tlocalhost\n"
        "::1 localhost ip6-localhost # a comment: webapp\n"
        "\n"
        "# 192.0.2.9 commented-out\n"
        "172.17.0.2 Linked alias-of-linked\n"
        "192.0.2.1\n"
    )
    return path


@pytest.mark.parametrize(
    ("name", "addresses", "canonical_name", "ttl"),
    [
        ("webapp", ["172.18.0.2", "172.18.0.3", "fd00::2"], "webapp", 600),
        ("webapp.", ["172.18.0.2", "172.18.0.3", "fd00::2"], "webapp", 600),
        ("my_webapp", ["172.18.0.2"], "my_webapp", 600),
        ("six", ["fd00::6"], "six", 60),
        ("alias", ["172.18.0.2"], "webapp", 600),
    ],
    ids=["both families", "trailing dot", "underscore", "IPv6 only", "CNAME"],
)
def test_dns_answers(resolver, hosts, name, addresses, canonical_name, ttl):
    lookup = look_up(name, resolver, 1.0, hosts)
    assert lookup.error is None
    assert (lookup.source, lookup.server) == ("dns", "127.0.0.1")
    assert sorted(lookup.addresses) == addresses
    assert (lookup.canonical_name, lookup.ttl_seconds) == (canonical_name, ttl)
    assert 0 < lookup.milliseconds < 1000


@pytest.mark.parametrize(
    ("name", "status", "reason", "detail"),
    [
        ("nosuch", 404, "NXDOMAIN", "No such name. Asked for: nosuch."),
        ("empty", 404, "No Address", "The name exists, but has no address."),
        ("broken", 502, "Server Failure", "127.0.0.1: SERVFAIL"),
        ("secret", 502, "Server Failure", "127.0.0.1: REFUSED"),
        ("silent", 504, "Timeout", "No server answered in time."),
    ],
)
def test_dns_fails(resolver, hosts, name, status, reason, detail):
    lookup = look_up(name, resolver, 0.15, hosts)
    assert (lookup.source, lookup.server, lookup.addresses) == ("dns", "127.0.0.1", [])
    assert lookup.error == names.Failure(status, reason, detail)


@pytest.mark.parametrize("name", ["silent", "half"])
def test_both_questions_share_the_time(resolver, hosts, name):
    start = time.perf_counter()
    assert look_up(name, resolver, 0.15, hosts).error.status == 504
    assert time.perf_counter() - start < 0.6  # dnspython pauses before it gives up


def test_the_server_that_answered_is_named_when_there_are_two(resolver, hosts):
    resolver.nameservers = ["127.0.0.2", "127.0.0.1"]
    resolver.timeout = 0.1
    assert look_up("webapp", resolver, 1.0, hosts).server == "127.0.0.1"
    assert look_up("nosuch", resolver, 1.0, hosts).server is None


@pytest.mark.parametrize(
    ("name", "ndots", "canonical_name"),
    [("db", 1, "db.lan"), ("db", 0, "db.lan"), ("webapp", 1, "webapp"), ("webapp", 0, "webapp")],
)
def test_search_domains_are_tried(resolver, hosts, name, ndots, canonical_name):
    resolver.search = [dns.name.from_text("lan")]
    resolver.ndots = ndots
    assert look_up(name, resolver, 1.0, hosts).canonical_name == canonical_name


@pytest.mark.parametrize(("ndots", "tried"), [(1, "x.lan., x."), (0, "x., x.lan.")])
def test_a_failure_tells_the_names_tried_in_order(resolver, hosts, ndots, tried):
    resolver.search = [dns.name.from_text("lan")]
    resolver.ndots = ndots
    assert look_up("x", resolver, 1.0, hosts).error.detail == f"No such name. Asked for: {tried}"


def test_no_server_at_all(hosts):
    lookup = look_up("webapp", Resolver(configure=False), 1.0, hosts)
    assert (lookup.server, lookup.error.status) == (None, 502)
    assert lookup.error.detail == "No name server is configured."


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("localhost", ["127.0.0.1", "::1"]),
        ("LOCALHOST", ["127.0.0.1", "::1"]),
        ("linked", ["172.17.0.2"]),
        ("alias-of-linked", ["172.17.0.2"]),
        ("webapp", []),
        ("commented-out", []),
        ("local", []),
        ("192.0.2.1", []),
    ],
)
def test_hosts_file(hosts, name, addresses):
    assert in_hosts(name, hosts) == addresses


def test_no_hosts_file(tmp_path):
    assert in_hosts("localhost", tmp_path / "missing") == []


def test_the_hosts_file_comes_before_dns(resolver, hosts):
    hosts.write_text("192.0.2.1 webapp\n")
    lookup = look_up("webapp", resolver, 1.0, hosts)
    assert (lookup.source, lookup.server, lookup.addresses) == ("/etc/hosts", None, ["192.0.2.1"])


@pytest.mark.parametrize(
    "name",
    ["a", "a.", "web-app", "my_webapp_1", "_srv", "9", "a" * 63, f"{'a.' * 126}a", "1.2.3.4.5"],
    ids=lambda name: name[:12],
)
def test_names_that_can_be(name):
    check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "No name was given"),
        (".", "No name was given"),
        ("172.18.0.2", "an address already"),
        ("fd00::2", "an address already"),
        ("a" * 64, "at most 63 characters"),
        (f"{'a.' * 126}aa", "at most 253 characters"),
        ("a..b", "nothing between two dots"),
        ("a..", "nothing between two dots"),
        (".a", "nothing between two dots"),
        ("a b", "letters, digits"),
        ("a\n", "letters, digits"),
        ("a\0", "letters, digits"),
        ("bücher", "letters, digits"),
        ("a/b", "letters, digits"),
        ("a:80", "letters, digits"),
        ("-a", "hyphen"),
        ("a.b-", "hyphen"),
    ],
    ids=lambda value: ascii(value)[:16],
)
def test_names_that_cannot_be(name, reason):
    with pytest.raises(ValueError, match=reason):
        check_name(name)


def test_reverse(resolver):
    assert reverse("172.18.0.3", resolver, 1.0) == "client.two-bridges"
    assert reverse("172.18.0.4", resolver, 1.0) is None


def test_reverse_is_bounded(resolver):
    start = time.perf_counter()
    assert reverse("172.18.0.9", resolver, 0.1) is None
    assert time.perf_counter() - start < 0.6  # dnspython pauses before it gives up


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("webapp", 200),
        ("a b", 400),
        ("nosuch", 404),
        ("empty", 404),
        ("broken", 502),
        ("silent", 504),
    ],
)
def test_the_status_tells_one_shape_the_rest(resolver, monkeypatch, name, status):
    monkeypatch.setattr(names, "system_resolver", lambda: resolver)
    client = create_app(Settings(resolve_timeout=0.1)).test_client()
    response = client.get("/resolve", query_string={"name": name})
    assert response.status_code == status
    assert list(response.json) == [
        "name",
        "source",
        "server",
        "addresses",
        "canonical_name",
        "ttl_seconds",
        "milliseconds",
        "error",
    ]
    assert response.json["name"] == name
    assert response.json["milliseconds"] < 600  # resolve_timeout, and a margin
    assert (response.json["error"] is None) is (status == 200)


def test_page(resolver, monkeypatch):
    monkeypatch.setattr(names, "system_resolver", lambda: resolver)
    client = create_app(Settings()).test_client()
    for name, texts in {
        "alias": ("172.18.0.2", "Canonical name", "webapp", "600 s", "127.0.0.1"),
        "nosuch": ("NXDOMAIN", "No such name.", "127.0.0.1", 'value="nosuch"'),
    }.items():
        page = client.get(f"/resolve?name={name}", headers={"Accept": "text/html"}).text
        for text in texts:
            assert text in page


def test_without_a_name_the_page_asks_for_one():
    client = create_app(Settings()).test_client()
    response = client.get("/resolve", headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "No name was given" in response.text
    assert '<form action="/resolve">' in response.text
