"""Whole runs against real servers: what a service does, and what the client calls it."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import resolver
from tests.support.client_run import (
    Ran,
    Serve,
    Server,
    always,
    closed_port,
    drip,
    each,
    reply,
    run,
)

Start = Callable[..., Server]


def calling(url: str, *argv: str) -> Ran:
    """Run in JSON format, with timeouts that no busy machine reaches unless told otherwise."""
    limits = ("--interval=0", "--read-timeout=60", "--connect-timeout=60")
    return run("--format=json", *limits, url, *argv)


@pytest.fixture(autouse=True)
def _on_the_default_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    where = resolver.Resolver(("192.168.65.7",), *resolver.DEFAULT)
    monkeypatch.setattr(resolver, "look", lambda: where)


@pytest.fixture
def start() -> Iterator[Start]:
    servers = []

    def start(serve: Serve, address: tuple[str, int] = ("127.0.0.1", 0)) -> Server:
        servers.append(Server(serve, address))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def port() -> Iterator[int]:
    with closed_port() as number:
        yield number


def silent(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    server.closing.wait()


def reset(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    # A close with a linger time of 0 sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class Names(dict[str, list[str]]):
    """Names of our own, each with its addresses; `asked` are those looked up so far."""

    def __init__(self) -> None:
        super().__init__(webapp=["127.0.0.1"])
        self.asked: list[str] = []


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Names:
    real, names = socket.getaddrinfo, Names()

    def getaddrinfo(host: str | bytes, *args: object, **kwargs: object) -> list[object]:
        name = host.decode() if isinstance(host, bytes) else host
        if name in names:  # else it is an address
            names.asked.append(name)
        addresses = names.get(name, [name])
        return [found for a in addresses for found in real(a, *args, **kwargs)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


# --- answered


def test_a_call_that_is_answered(start: Start) -> None:
    ran = calling(start(always(reply())).url)
    assert ran.code == 0
    (call,) = ran.calls
    assert call["ok"]
    assert call["status"] == 200
    assert call["address"] == "127.0.0.1"
    assert call["addresses"] == ["127.0.0.1"]
    assert call["answered_by"] == "0c8f1a2b3c4d"
    assert 0 < call["ms"] < 1000
    assert call["resolver"] == ["192.168.65.7"]


def test_the_request_goes_to_the_address_and_names_the_host_as_written(
    start: Start, dns: Names
) -> None:
    server = start(always(reply()))
    dns["web_app"] = ["127.0.0.1"]
    assert calling(f"http://web_app:{server.port}/who?x=1#part").code == 0
    request = server.requests[0]
    assert request.startswith("GET /who?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: web_app:{server.port}\r\n" in request
    assert "\r\nAccept: application/json\r\n" in request
    assert "\r\nUser-Agent: two-bridges-client\r\n" in request


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"hostname": "a\\nb\\u001b[2J\\u202ec"}', "a?b?[2J?c"),
        (b'{"hostname": "%s"}' % (b"x" * 100), "x" * 64),
        (b'{"hostname": 7}', None),
        (b'{"hostname": ""}', None),
        (b'["hostname"]', None),
        (b"<html>", None),
        (b"\xff\xfe", None),
        (b"", None),
        (b"[" * 100_000, None),
        (b'{"hostname": "x", "more": "%s"}' % (b" " * 3_000_000), None),
    ],
    ids=["hostile", "long", "number", "empty", "list", "html", "binary", "none", "deep", "huge"],
)
def test_whatever_the_body_is_a_good_status_is_an_answer(
    start: Start, body: bytes, shown: str | None
) -> None:
    ran = calling(start(always(reply(body))).url)
    assert ran.code == 0
    assert ran.calls[0]["answered_by"] == shown


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{ }\r\n0\r\n\r\n",
    ],
    ids=["no-body", "until-closed", "chunked"],
)
def test_every_way_to_end_a_body_is_understood(start: Start, answer: bytes) -> None:
    assert calling(start(each(answer)).url).code == 0


def test_a_redirect_is_an_answer_and_not_followed(start: Start) -> None:
    elsewhere = start(always(reply()))
    answer = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
    ran = calling(start(always(answer % elsewhere.url.encode())).url)
    assert (ran.code, ran.calls[0]["status"]) == (0, 302)
    assert elsewhere.connections == 0


def test_a_proxy_of_the_environment_is_not_used(
    start: Start, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    assert calling(start(always(reply())).url).code == 0


# --- failed


@pytest.mark.parametrize(
    ("serve", "code", "step", "reason"),
    [
        (always(reply(status="404 Not Found")), 22, "ask", "HTTP status 404"),
        (always(reply(status="503 Nope")), 22, "ask", "HTTP status 503"),
        (silent, 28, "ask", "timed out"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), 28, "ask", "timed out"),
        (drip(b"HTTP/1.1 200 OK\r\n\r\n"), 28, "ask", "timed out"),
        (
            drip(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999\r\n\r\n"),
            28,
            "ask",
            "timed out",
        ),
        (each(b"SSH-2.0-OpenSSH_9.2\r\n"), 7, "ask", "SSH-2.0"),
        (each(b"\x1b[2J\n\n"), 7, "ask", "?[2J"),
        (each(b""), 7, "ask", "Remote end closed connection without response"),
        (reset, 7, "ask", "Connection reset by peer"),
        (each(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), 7, "ask", "IncompleteRead"),
        (each(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), 7, "ask", ""),
    ],
    ids=[
        "404",
        "503",
        "silence",
        "drip",
        "drip-without-end",
        "drip-of-a-redirect",
        "not-http",
        "garbage",
        "closed",
        "reset",
        "cut-short",
        "broken-chunk",
    ],
)
def test_a_service_that_fails_to_answer(
    start: Start, serve: Serve, code: int, step: str, reason: str
) -> None:
    ran = calling(start(serve).url, "--read-timeout=0.3")
    assert ran.code == code
    (call,) = ran.calls
    assert (call["code"], call["step"], call["ok"]) == (code, step, False)
    assert reason in call["error"]
    assert call["address"] == "127.0.0.1"
    assert call["cure"]
    assert ran.err == ""


def test_a_port_that_nobody_listens_on(port: int) -> None:
    ran = calling(f"http://127.0.0.1:{port}/")
    assert ran.code == 7
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "Connection refused")
    assert "0.0.0.0" in ran.calls[0]["cure"]


def test_an_address_without_a_route() -> None:
    ran = calling("http://255.255.255.255/")
    assert ran.code == 7
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "Network is unreachable")


def test_a_connection_that_nobody_takes() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        # The kernel keeps one connection for a backlog of 0 and drops the packets of the next.
        first.connect(full.getsockname())
        ran = calling(f"http://127.0.0.1:{full.getsockname()[1]}/", "--connect-timeout=0.2")
    assert ran.code == 28
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "timed out")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "web..app", "x" * 64 + ".invalid"])
def test_a_name_that_does_not_resolve(host: str) -> None:
    ran = calling(f"http://{host}:8000/")
    assert ran.code == 6
    (call,) = ran.calls
    assert (call["step"], call["name"], call["addresses"]) == ("resolve", host, [])
    assert call["address"] is None
    assert call["cure"].startswith("Put both containers on a network of your own")


def test_tls_that_the_service_does_not_speak(start: Start) -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    ran = calling(start(serve).url.replace("http:", "https:"))
    assert (ran.code, ran.calls[0]["step"]) == (7, "connect")
    assert "TLS" in ran.calls[0]["cure"]


def test_tls_is_checked_for_the_name_although_an_address_is_called(
    start: Start, dns: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    name = "-subj /CN=webapp -addext subjectAltName=DNS:webapp"
    command = [*openssl.split(), *name.split(), "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(server: Server, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            always(reply())(server, tls)

    server = start(serve)
    dns["other"] = ["127.0.0.1"]
    untrusted = calling(f"https://webapp:{server.port}/")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", certificate)
    trusted = calling(f"https://webapp:{server.port}/")
    wrong_name = calling(f"https://other:{server.port}/")
    assert (untrusted.code, trusted.code, wrong_name.code) == (7, 0, 7)
    assert "self-signed" in untrusted.calls[0]["error"]
    assert "'other'" in wrong_name.calls[0]["error"]


def test_the_exit_code_is_that_of_the_last_failed_call(start: Start) -> None:
    server = start(each(reply(status="503 x"), b"HTTP/1.1 garbage\r\n\r\n", reply()))
    ran = calling(server.url, "--count=3")
    assert [call["code"] for call in ran.calls] == [22, 7, 0]
    assert ran.code == 7


# --- several addresses, several calls


def test_the_next_address_is_tried_when_one_refuses(start: Start, dns: Names) -> None:
    server = start(always(reply()))
    dns["webapp"] = ["127.0.0.2", "127.0.0.1"]
    (call,) = calling(f"http://webapp:{server.port}/").calls
    assert call["ok"]
    assert call["addresses"] == ["127.0.0.2", "127.0.0.1"]
    assert call["address"] == "127.0.0.1"


def test_an_ipv6_address_is_called_too(start: Start, dns: Names) -> None:
    server = start(always(reply()), ("::1", 0))
    dns["webapp"] = ["::1"]
    (call,) = calling(f"http://webapp:{server.port}/").calls
    assert (call["ok"], call["address"]) == (True, "::1")


def test_the_next_address_is_not_asked_when_one_fails_to_answer(start: Start, dns: Names) -> None:
    server = start(each(b""))
    other = start(always(reply()), ("127.0.0.2", server.port))
    dns["webapp"] = ["127.0.0.1", "127.0.0.2"]
    assert calling(f"http://webapp:{server.port}/").code == 7
    assert other.connections == 0


def test_calls_that_work_share_one_look_up_and_one_connection(start: Start, dns: Names) -> None:
    server = start(always(reply()))
    ran = calling(f"http://webapp:{server.port}/", "--count=3")
    assert ran.code == 0
    assert (len(dns.asked), server.connections, len(server.requests)) == (1, 1, 3)


def test_a_connection_that_works_is_kept_though_the_names_first_address_came_up(
    start: Start, dns: Names
) -> None:
    first: list[Server] = []

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            if not first:
                first.append(start(always(reply()), ("127.0.0.2", server.port)))
            connection.sendall(reply())

    server = start(serve)
    dns["webapp"] = ["127.0.0.2", "127.0.0.1"]
    ran = calling(f"http://webapp:{server.port}/", "--count=2")
    assert [call["address"] for call in ran.calls] == ["127.0.0.1", "127.0.0.1"]


def test_a_connection_that_the_service_closed_is_made_anew_from_the_name(
    start: Start, dns: Names
) -> None:
    server = start(each(reply()))
    ran = calling(f"http://webapp:{server.port}/", "--count=3", "--interval=0.05")
    assert ran.code == 0
    assert (len(dns.asked), server.connections) == (3, 3)


def test_a_kept_connection_that_closes_just_as_it_is_used_is_no_failure(
    start: Start, dns: Names
) -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(reply())
        server.read(connection)

    server = start(serve)
    ran = calling(f"http://webapp:{server.port}/", "--count=2")
    assert ran.code == 0
    assert ran.calls[1]["attempts"] == 1
    assert (len(dns.asked), server.connections, len(server.requests)) == (2, 2, 3)


def test_after_a_failed_call_the_name_is_resolved_afresh(start: Start, dns: Names) -> None:
    statuses = iter(["200 OK", "500 x", "200 OK"])

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(reply(status=next(statuses)))

    server = start(serve)
    ran = calling(f"http://webapp:{server.port}/", "--count=3")
    assert [call["code"] for call in ran.calls] == [0, 22, 0]
    assert (len(dns.asked), server.connections) == (2, 2)


def test_a_service_that_came_back_on_another_address_is_found(start: Start, dns: Names) -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        dns["webapp"] = ["127.0.0.2"]  # it moves while it answers
        connection.sendall(reply())

    server = start(serve)
    moved = start(always(reply()), ("127.0.0.2", server.port))
    ran = calling(f"http://webapp:{server.port}/", "--count=3", "--interval=0.05")
    assert [call["address"] for call in ran.calls] == ["127.0.0.1", "127.0.0.2", "127.0.0.2"]
    assert moved.connections == 1


# --- retries


def test_a_failed_call_is_tried_again_at_once_then_after_waits_that_double(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server = start(each(*[reply(status="503 x")] * 4, reply()))
    (line,) = calling(server.url, "--retries=5", "--interval=3", "--backoff-max=8").calls
    assert (line["ok"], line["attempts"]) == (True, 5)
    assert waits == [0, 3, 6, 8]  # before the call, then before the third attempt


def test_a_retry_looks_the_name_up_afresh(start: Start, dns: Names) -> None:
    server = start(each(reply(status="503 x"), b"", reply()))
    (line,) = calling(f"http://webapp:{server.port}/", "--retries=2", "--backoff-max=0").calls
    assert (line["ok"], line["attempts"], len(dns.asked)) == (True, 3, 3)


def test_a_call_fails_when_its_retries_are_used_up(start: Start) -> None:
    server = start(always(reply(status="503 x")))
    ran = calling(server.url, "--retries=2", "--backoff-max=0")
    assert ran.code == 22
    assert (ran.calls[0]["attempts"], len(server.requests), len(ran.calls)) == (3, 3, 1)


def test_every_attempt_without_an_answer_counts(port: int) -> None:
    (line,) = calling(f"http://127.0.0.1:{port}/", "--retries=2", "--backoff-max=0").calls
    assert (line["code"], line["attempts"]) == (7, 3)


def test_an_http_4xx_is_never_tried_again(start: Start) -> None:
    answer = b"HTTP/1.1 429 x\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
    server = start(always(answer))
    assert calling(server.url, "--retries=2", "--backoff-max=0").code == 22
    assert len(server.requests) == 1


def test_a_call_survives_as_many_retries_as_it_may_have(port: int) -> None:
    (line,) = calling(f"http://127.0.0.1:{port}/", "--retries=500", "--backoff-max=0").calls
    assert (line["code"], line["attempts"]) == (7, 501)


def test_a_retry_neither_reads_an_endless_error_nor_waits_as_told_by_the_service(
    start: Start,
) -> None:
    head = b"HTTP/1.1 503 x\r\nRetry-After: 86400\r\nContent-Length: 9999\r\n\r\n"

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(head if server.connections == 1 else reply())
        while server.connections == 1 and connection.send(b" "):  # until the client closes
            server.closing.wait(0.05)

    (line,) = calling(start(serve).url, "--retries=1").calls
    assert (line["ok"], line["attempts"]) == (True, 2)


def test_a_body_that_was_cut_off_is_not_asked_for_again(start: Start) -> None:
    server = start(each(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
    (line,) = calling(server.url, "--retries=2").calls
    assert (line["code"], line["attempts"], server.connections) == (7, 1, 1)
