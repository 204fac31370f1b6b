"""Whole runs against real servers: what a service does, and what the client calls it."""

import io
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

from client.main import main
from client.resolver import Resolver

BRIDGE = Resolver(("192.168.65.7",), "default")


class Ran(NamedTuple):
    code: int
    out: str
    err: str
    calls: list[dict]


def run(*argv: str) -> Ran:
    """Run the client in JSON format, with short timeouts unless told otherwise."""
    out, err = io.StringIO(), io.StringIO()
    argv = ("--format=json", "--interval=0", "--read-timeout=0.3", "--connect-timeout=1", *argv)
    code = main(argv, {}, out, err, look=lambda: BRIDGE)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return Ran(code, out.getvalue(), err.getvalue(), lines[:-1])


def reply(body: bytes = b'{"hostname": "0c8f1a2b3c4d"}', status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


class Server:
    """Accepts connections one after another and hands each to `serve`, until it is closed."""

    def __init__(self, serve: Callable[["Server", socket.socket], None], address: tuple[str, int]):
        self.serve = serve
        self.connections = 0
        self.requests: list[str] = []
        self.closing = threading.Event()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.listener = socket.create_server(address, family=family)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            with connection:
                if self.closing.is_set():
                    return
                self.connections += 1
                with suppress(OSError):
                    self.serve(self, connection)

    def read(self, connection: socket.socket) -> bool:
        """Take one request; False if the client has closed."""
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            more = connection.recv(4096)
            if not more:
                return False
            got += more
        self.requests.append(got.decode())
        return True

    def close(self) -> None:
        self.closing.set()
        with socket.create_connection(self.listener.getsockname()[:2]):
            self.thread.join()
        self.listener.close()


@pytest.fixture
def start():
    servers = []

    def start(serve, address=("127.0.0.1", 0)) -> Server:
        servers.append(Server(serve, address))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def always(answer: bytes):
    """Serve every request of a connection with the same bytes."""

    def serve(server, connection):
        while server.read(connection):
            connection.sendall(answer)

    return serve


def once(answer: bytes):
    """Serve one request, then close."""

    def serve(server, connection):
        server.read(connection)
        connection.sendall(answer)

    return serve


def drip(head: bytes):
    """Send the head, then one byte every 50 ms for ever: no single read times out."""

    def serve(server, connection):
        server.read(connection)
        connection.sendall(head)
        while not server.closing.wait(0.05):
            connection.sendall(b" ")

    return serve


def silent(server, connection):
    server.read(connection)
    server.closing.wait(5)


def reset(server, connection):
    server.read(connection)
    # A close with a linger time of 0 sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture
def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def dns(monkeypatch):
    """Names of our own, each with its addresses; `asked` are those looked up so far."""
    real = socket.getaddrinfo

    class Names(dict[str, list[str]]):
        def __init__(self) -> None:
            super().__init__(webapp=["127.0.0.1"])
            self.asked: list[str] = []

    names = Names()

    def getaddrinfo(host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name in names:  # else it is an address
            names.asked.append(name)
        addresses = names.get(name, [name])
        return [found for a in addresses for found in real(a, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


# --- answered


def test_a_call_that_is_answered(start):
    ran = run(start(always(reply())).url)
    assert ran.code == 0
    (call,) = ran.calls
    assert call["ok"]
    assert call["status"] == 200
    assert call["address"] == "127.0.0.1"
    assert call["addresses"] == ["127.0.0.1"]
    assert call["answered_by"] == "0c8f1a2b3c4d"
    assert 0 < call["ms"] < 1000
    assert call["resolver"] == ["192.168.65.7"]


def test_one_call_for_people_is_one_line_and_several_get_a_summary(start):
    server = start(always(reply()))
    out = io.StringIO()
    assert main([server.url], {}, out, io.StringIO()) == 0
    assert out.getvalue().count("\n") == 1
    assert main([server.url, "--count=2", "--interval=0"], {}, out, io.StringIO()) == 0
    assert "\n2 calls: 2 answered, 0 failed\n" in out.getvalue()


def test_the_request_goes_to_the_address_and_names_the_host_as_written(start, dns):
    server = start(always(reply()))
    dns["web_app"] = ["127.0.0.1"]
    assert run(f"http://web_app:{server.port}/who?x=1#part").code == 0
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
def test_whatever_the_body_is_a_good_status_is_an_answer(start, body, shown):
    ran = run(start(always(reply(body))).url)
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
def test_every_way_to_end_a_body_is_understood(start, answer):
    assert run(start(once(answer)).url).code == 0


def test_a_redirect_is_an_answer_and_not_followed(start):
    elsewhere = start(always(reply()))
    answer = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
    ran = run(start(always(answer % elsewhere.url.encode())).url)
    assert (ran.code, ran.calls[0]["status"]) == (0, 302)
    assert elsewhere.connections == 0


def test_a_proxy_of_the_environment_is_not_used(start, monkeypatch, closed_port):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    assert run(start(always(reply())).url).code == 0


# --- failed


@pytest.mark.parametrize(
    ("serve", "code", "step", "reason"),
    [
        (always(reply(status="404 Not Found")), 22, "ask", "HTTP status 404"),
        (always(reply(status="503 Nope")), 22, "ask", "HTTP status 503"),
        (silent, 28, "ask", "timed out"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), 28, "ask", "timed out before"),
        (drip(b"HTTP/1.1 200 OK\r\n\r\n"), 28, "ask", "timed out before"),
        (
            drip(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999\r\n\r\n"),
            28,
            "ask",
            "timed out before",
        ),
        (once(b"SSH-2.0-OpenSSH_9.2\r\n"), 7, "ask", "SSH-2.0"),
        (once(b"\x1b[2J\n\n"), 7, "ask", "?[2J"),
        (once(b""), 7, "ask", "Remote end closed connection without response"),
        (reset, 7, "ask", "Connection reset by peer"),
        (once(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), 7, "ask", "IncompleteRead"),
        (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), 7, "ask", ""),
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
def test_a_service_that_fails_to_answer(start, serve, code, step, reason):
    started = time.monotonic()
    ran = run(start(serve).url)
    assert time.monotonic() - started < 2
    assert ran.code == code
    (call,) = ran.calls
    assert (call["code"], call["step"], call["ok"]) == (code, step, False)
    assert reason in call["error"]
    assert call["address"] == "127.0.0.1"
    assert call["cure"]
    assert ran.err == ""


def test_a_port_that_nobody_listens_on(closed_port):
    ran = run(f"http://127.0.0.1:{closed_port}/")
    assert ran.code == 7
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "Connection refused")
    assert "0.0.0.0" in ran.calls[0]["cure"]


def test_an_address_without_a_route():
    ran = run("http://255.255.255.255/")
    assert ran.code == 7
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "Network is unreachable")


def test_a_connection_that_nobody_takes():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        # The kernel keeps one connection for a backlog of 0 and drops the packets of the next.
        first.connect(full.getsockname())
        ran = run(f"http://127.0.0.1:{full.getsockname()[1]}/", "--connect-timeout=0.2")
    assert ran.code == 28
    assert (ran.calls[0]["step"], ran.calls[0]["error"]) == ("connect", "timed out")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "web..app", "x" * 64 + ".invalid"])
def test_a_name_that_does_not_resolve(host):
    ran = run(f"http://{host}:8000/")
    assert ran.code == 6
    (call,) = ran.calls
    assert (call["step"], call["name"], call["addresses"]) == ("resolve", host, [])
    assert call["address"] is None
    assert call["cure"].startswith("Put both containers on a network of your own")


def test_a_resolver_that_does_not_answer_is_given_the_connect_timeout(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(5))
    started = time.monotonic()
    ran = run("http://webapp/", "--connect-timeout=0.2")
    released.set()
    assert time.monotonic() - started < 1
    assert ran.code == 6
    assert ran.calls[0]["error"] == "no answer from the resolver within 0.2 s"


def test_tls_that_the_service_does_not_speak(start):
    def serve(server, connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    ran = run(start(serve).url.replace("http:", "https:"))
    assert (ran.code, ran.calls[0]["step"]) == (7, "connect")
    assert "TLS" in ran.calls[0]["cure"]


def test_tls_is_checked_for_the_name_although_an_address_is_called(
    start, dns, tmp_path, monkeypatch
):
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    name = "-subj /CN=webapp -addext subjectAltName=DNS:webapp"
    command = [*openssl.split(), *name.split(), "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(server, connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            always(reply())(server, tls)

    server = start(serve)
    dns["other"] = ["127.0.0.1"]
    untrusted = run(f"https://webapp:{server.port}/")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", certificate)
    trusted = run(f"https://webapp:{server.port}/")
    wrong_name = run(f"https://other:{server.port}/")
    assert (untrusted.code, trusted.code, wrong_name.code) == (7, 0, 7)
    assert "self-signed" in untrusted.calls[0]["error"]
    assert "'other'" in wrong_name.calls[0]["error"]


def test_the_exit_code_is_that_of_the_last_failed_call(start):
    answers = [reply(status="503 x"), b"HTTP/1.1 garbage\r\n\r\n", reply()]

    def serve(server, connection):
        once(answers[server.connections - 1])(server, connection)

    ran = run(start(serve).url, "--count=3")
    assert [call["code"] for call in ran.calls] == [22, 7, 0]
    assert ran.code == 7


# --- several addresses, several calls


def test_the_next_address_is_tried_when_one_refuses(start, dns):
    server = start(always(reply()))
    dns["webapp"] = ["127.0.0.2", "127.0.0.1"]
    (call,) = run(f"http://webapp:{server.port}/").calls
    assert call["ok"]
    assert call["addresses"] == ["127.0.0.2", "127.0.0.1"]
    assert call["address"] == "127.0.0.1"


def test_an_ipv6_address_is_called_too(start, dns):
    server = start(always(reply()), ("::1", 0))
    dns["webapp"] = ["::1"]
    (call,) = run(f"http://webapp:{server.port}/").calls
    assert (call["ok"], call["address"]) == (True, "::1")


def test_the_next_address_is_not_asked_when_one_fails_to_answer(start, dns):
    server = start(once(b""))
    other = start(always(reply()), ("127.0.0.2", server.port))
    dns["webapp"] = ["127.0.0.1", "127.0.0.2"]
    assert run(f"http://webapp:{server.port}/").code == 7
    assert other.connections == 0


def test_calls_that_work_share_one_look_up_and_one_connection(start, dns):
    server = start(always(reply()))
    ran = run(f"http://webapp:{server.port}/", "--count=3")
    assert ran.code == 0
    assert (len(dns.asked), server.connections, len(server.requests)) == (1, 1, 3)


def test_a_connection_that_works_is_kept_though_the_names_first_address_came_up(start, dns):
    first = []

    def serve(server, connection):
        while server.read(connection):
            if not first:
                first.append(start(always(reply()), ("127.0.0.2", server.port)))
            connection.sendall(reply())

    server = start(serve)
    dns["webapp"] = ["127.0.0.2", "127.0.0.1"]
    ran = run(f"http://webapp:{server.port}/", "--count=2")
    assert [call["address"] for call in ran.calls] == ["127.0.0.1", "127.0.0.1"]


def test_a_connection_that_the_service_closed_is_made_anew_from_the_name(start, dns):
    server = start(once(reply()))
    ran = run(f"http://webapp:{server.port}/", "--count=3", "--interval=0.05")
    assert ran.code == 0
    assert (len(dns.asked), server.connections) == (3, 3)


def test_a_kept_connection_that_closes_just_as_it_is_used_is_no_failure(start, dns):
    def serve(server, connection):
        server.read(connection)
        connection.sendall(reply())
        server.read(connection)

    server = start(serve)
    ran = run(f"http://webapp:{server.port}/", "--count=2")
    assert ran.code == 0
    assert ran.calls[1]["attempts"] == 1
    assert (len(dns.asked), server.connections, len(server.requests)) == (2, 2, 3)


def test_after_a_failed_call_the_name_is_resolved_afresh(start, dns):
    statuses = iter(["200 OK", "500 x", "200 OK"])

    def serve(server, connection):
        while server.read(connection):
            connection.sendall(reply(status=next(statuses)))

    server = start(serve)
    ran = run(f"http://webapp:{server.port}/", "--count=3")
    assert [call["code"] for call in ran.calls] == [0, 22, 0]
    assert (len(dns.asked), server.connections) == (2, 2)


def test_a_service_that_came_back_on_another_address_is_found(start, dns):
    def serve(server, connection):
        server.read(connection)
        dns["webapp"] = ["127.0.0.2"]  # it moves while it answers
        connection.sendall(reply())

    server = start(serve)
    moved = start(always(reply()), ("127.0.0.2", server.port))
    ran = run(f"http://webapp:{server.port}/", "--count=3", "--interval=0.05")
    assert [call["address"] for call in ran.calls] == ["127.0.0.1", "127.0.0.2", "127.0.0.2"]
    assert moved.connections == 1


# --- retries


def test_a_failed_call_is_tried_again_after_a_wait_that_doubles(start):
    times = []

    def serve(server, connection):
        times.append(time.monotonic())
        status = "200 OK" if server.connections == 3 else "503 x"
        once(reply(status=status))(server, connection)

    ran = run(start(serve).url, "--retries=5", "--interval=0.1")
    assert ran.code == 0
    assert ran.calls[0]["attempts"] == 3
    assert times[1] - times[0] > 0.1
    assert times[2] - times[1] > 0.2


def test_a_call_fails_when_its_retries_are_used_up(start):
    server = start(always(reply(status="503 x")))
    ran = run(server.url, "--retries=2", "--backoff-max=0")
    assert ran.code == 22
    assert (ran.calls[0]["attempts"], len(server.requests), len(ran.calls)) == (3, 3, 1)


def test_an_http_4xx_is_never_tried_again(start):
    server = start(always(reply(status="404 x")))
    assert run(server.url, "--retries=2", "--backoff-max=0").code == 22
    assert len(server.requests) == 1
