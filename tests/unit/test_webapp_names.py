"""Names, against a real DNS server on 127.0.0.1."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.resolver import Resolver

from webapp import names
from webapp.app import create_app

KEYS = "name source server addresses canonical_name ttl_seconds milliseconds error"
GENEROUS, SHORT = "10", "0.2"  # seconds; the short one only where nobody answers

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


def answer(wire: bytes) -> bytes | None:
    query = dns.message.from_wire(wire)
    (question,) = query.question
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    if (name, kind) in RECORDS:
        for record in RECORDS[name, kind]:
            owner, ttl, rdclass, rdtype, value = record.split()
            response.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, value))
    elif name in SILENT:
        return None
    else:
        response.set_rcode(FAILURES.get(name, dns.rcode.NXDOMAIN))
    return response.to_wire()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server on 127.0.0.1; nobody listens there on 127.0.0.2."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                wire, peer = server.recvfrom(4096)
                if not wire:
                    return
                if response := answer(wire):
                    server.sendto(response, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", server.getsockname())
        thread.join()


@pytest.fixture
def resolver(port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Resolver:
    resolver = Resolver(configure=False)
    resolver.port = port
    resolver.nameservers = ["127.0.0.1"]
    monkeypatch.setattr(names, "system_resolver", lambda: resolver)
    hosts = tmp_path / "hosts"
    hosts.write_bytes(
        b"127.0.0.1\tlocalhost\n"
        b"::1 localhost ip6-localhost # a comment, \xfcber: webapp\n"
        b"\n"
        b"# 192.0.2.9 commented-out\n"
        b"172.17.0.2 Linked alias-of-linked\n"
        b"192.0.2.1\n"
    )
    monkeypatch.setattr(names, "HOSTS", hosts)
    return resolver


def ask(name: str, limit: str = GENEROUS) -> tuple[int, dict[str, Any]]:
    client = create_app({"WEBAPP_RESOLVE_TIMEOUT": limit}).test_client()
    response = client.get("/resolve", query_string={"name": name})
    assert response.json is not None
    assert list(response.json) == KEYS.split()
    assert response.json["name"] == name
    return response.status_code, response.json


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
def test_dns_answers(
    resolver: Resolver, name: str, addresses: list[str], canonical_name: str, ttl: int
) -> None:
    status, found = ask(name)
    assert (status, found["error"]) == (200, None)
    assert (found["source"], found["server"]) == ("dns", "127.0.0.1")
    assert sorted(found["addresses"]) == addresses
    assert (found["canonical_name"], found["ttl_seconds"]) == (canonical_name, ttl)
    assert found["milliseconds"] > 0


@pytest.mark.parametrize(
    ("name", "status", "reason", "detail"),
    [
        ("nosuch", 404, "NXDOMAIN", "does not exist: nosuch."),
        ("empty", 404, "NoAnswer", "does not contain an answer"),
        ("broken", 502, "NoNameservers", "SERVFAIL"),
        ("secret", 502, "NoNameservers", "REFUSED"),
        ("", 400, "EmptyLabel", "A DNS label is empty."),
        ("a..b", 400, "EmptyLabel", "A DNS label is empty."),
        (".a", 400, "EmptyLabel", "A DNS label is empty."),
        ("a" * 64, 400, "LabelTooLong", "63 octets"),
        ("a." * 126 + "aa", 400, "NameTooLong", "255 octets"),
        ("a" + chr(92), 400, "BadEscape", "escape"),
        ("xn--" + chr(255), 400, "IDNAException", "hyphens"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_failure_has_the_status_of_its_kind(
    resolver: Resolver, name: str, status: int, reason: str, detail: str
) -> None:
    answered, found = ask(name)
    assert answered == status
    assert (found["addresses"], found["canonical_name"]) == ([], None)
    assert (found["error"]["status"], found["error"]["reason"]) == (status, reason)
    assert detail in found["error"]["detail"]


@pytest.mark.parametrize("name", ["silent", "half"])
def test_a_server_that_is_silent_for_a_question_is_a_timeout(resolver: Resolver, name: str) -> None:
    status, found = ask(name, SHORT)
    assert (status, found["error"]["reason"]) == (504, "LifetimeTimeout")
    assert found["milliseconds"] < 2000  # both questions share the time


def test_the_second_server_answers_when_the_first_is_silent(resolver: Resolver, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.2", port))
        resolver.nameservers = ["127.0.0.2", "127.0.0.1"]
        status, found = ask("webapp", "2")
    assert (status, found["server"]) == (200, "127.0.0.1")
    assert found["milliseconds"] < 2000


@pytest.mark.parametrize(
    ("name", "ndots", "canonical_name"),
    [("db", 1, "db.lan"), ("db", 0, "db.lan"), ("webapp", 1, "webapp"), ("webapp", 0, "webapp")],
)
def test_search_domains_are_tried(
    resolver: Resolver, name: str, ndots: int, canonical_name: str
) -> None:
    resolver.search = [dns.name.from_text("lan")]
    resolver.ndots = ndots
    assert ask(name)[1]["canonical_name"] == canonical_name


def test_a_failure_tells_the_names_tried(resolver: Resolver) -> None:
    resolver.search = [dns.name.from_text("lan")]
    assert ask("x")[1]["error"]["detail"] == "None of DNS query names exist: x.lan., x."


def test_no_server_at_all(resolver: Resolver) -> None:
    resolver.nameservers = []
    status, found = ask("webapp")
    assert (status, found["error"]["reason"]) == (502, "NoNameservers")


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("localhost", ["127.0.0.1", "::1"]),
        ("LOCALHOST", ["127.0.0.1", "::1"]),
        ("linked", ["172.17.0.2"]),
        ("alias-of-linked", ["172.17.0.2"]),
    ],
)
def test_the_hosts_file_comes_before_dns(
    resolver: Resolver, name: str, addresses: list[str]
) -> None:
    status, found = ask(name)
    assert (status, found["source"], found["server"]) == (200, "/etc/hosts", None)
    assert found["addresses"] == addresses


@pytest.mark.parametrize("name", ["commented-out", "local", "webapp"])
def test_what_the_hosts_file_does_not_have_is_asked_of_dns(resolver: Resolver, name: str) -> None:
    assert ask(name)[1]["source"] == "dns"


@pytest.mark.parametrize(
    ("text", "servers", "search"),
    [
        (b"nameserver 127.0.0.11\nsearch lan\noptions ndots:0\n", ["127.0.0.11"], ["lan"]),
        (b"nameserver 10.0.0.1\nnameserver fd00::1\n", ["10.0.0.1", "fd00::1"], []),
        (b"search a..b\nnameserver 10.0.0.1\n", ["10.0.0.1"], []),
        (b"# \xfcber\nsearch lan\nnameserver 10.0.0.1\n", ["10.0.0.1"], ["lan"]),
        (b"nameserver localhost\nnameserver 10.0.0.1\n", ["10.0.0.1"], []),
        (b"nameserver localhost\n", [], []),
        (b"", [], []),
        (None, [], []),
    ],
    ids=["docker", "two", "search", "bytes", "name", "only a name", "empty", "missing"],
)
def test_resolv_conf_is_read_as_far_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: bytes | None,
    servers: list[str],
    search: list[str],
) -> None:
    if text is not None:
        (tmp_path / "resolv.conf").write_bytes(text)
    monkeypatch.setattr(names, "RESOLV_CONF", tmp_path / "resolv.conf")
    resolver = names.system_resolver()
    assert resolver.nameservers == servers
    assert [domain.to_text(omit_final_dot=True) for domain in resolver.search] == search
    assert resolver.ndots == (0 if text and b"ndots" in text else None)


def test_page(resolver: Resolver) -> None:
    client = create_app({}).test_client()
    for name, texts in {
        "alias": ("172.18.0.2", "Canonical name", "webapp", "600 s", "127.0.0.1"),
        "nosuch": ("NXDOMAIN", "does not exist", 'value="nosuch"'),
        "": ("Look up a name", "A DNS label is empty."),
    }.items():
        page = client.get(f"/resolve?name={name}", headers={"Accept": "text/html"}).text
        for text in texts:
            assert text in page
