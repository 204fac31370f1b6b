"""A server that means harm: each answer is told by the right code, in bounded time and memory.

What only fails, without malice, is in test_client_call.py.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
import zlib
from typing import Any, NamedTuple

import pytest

from tests.support.client_run import Serve, Server, drip, each, reply

LIMIT = 60  # seconds in which all the calls of one run have ended: none hangs
PEAK = 96  # MiB of memory, half of what compose.yaml allows; about 40 are Python and the libraries
READ_TIMEOUT = 0.5  # seconds, for what has no end
BOMB = b"\0" * 10**8

# Says at its end how much memory it ever held: of a child, wait4 would count its parent's too.
CLIENT = """
import atexit, re, sys
from pathlib import Path
held = lambda: re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0]
atexit.register(lambda: print(held(), file=sys.stderr))
from client.main import command
command(sys.argv[1:])
"""


class Case(NamedTuple):
    """What a server does to one call, and how that has to be told."""

    name: str
    code: int
    serve: Serve
    status: int | None = 200


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("latin-1")


def endless(start: bytes, more: bytes, pause: float = 0) -> Serve:
    """Send START, then MORE as fast as it is taken or with a PAUSE, until the client goes."""

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(start)
        block = more if pause else more * (65536 // len(more) + 1)
        while not server.closing.wait(pause):
            connection.sendall(block)

    return serve


def silent_after(start: bytes) -> Serve:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(start)
        connection.recv(1)  # until the client goes

    return serve


def packed(kind: str, body: bytes) -> bytes:
    return head(f"Content-Encoding: {kind}", f"Content-Length: {len(body)}") + body


CHUNKED = head("Transfer-Encoding: chunked")
COOKIES = [f"Set-Cookie: c{n}={'x' * 4000}; Max-Age=99999999" for n in range(90)]
SPACES = b" " * 65536

ANSWERED = [
    Case("huge body", 0, endless(head("Content-Length: 9999999999"), SPACES)),
    Case("endless body", 0, endless(head(), SPACES)),
    Case("chunks without end", 0, endless(CHUNKED, b"10000\r\n" + SPACES + b"\r\n")),
    Case("a chunk of 2**64", 0, endless(CHUNKED + b"1" + b"0" * 16 + b"\r\n", SPACES)),
    Case("a chunk below zero", 0, endless(CHUNKED + b"-5\r\n", SPACES)),
    Case("a gzip bomb", 0, each(packed("gzip", gzip.compress(BOMB)))),
    Case("a deflate bomb", 0, each(packed("deflate", zlib.compress(BOMB)))),
    Case("br that is none", 0, each(packed("br", b"\xff" * 99))),
    Case("zstd that is none", 0, each(packed("zstd", b"\xff" * 99))),
    Case("a JSON of many lists", 0, each(reply(b"[" + b"[]," * 300_000 + b"0]"))),
    Case("a JSON in UTF-16", 0, each(reply('{"hostname": "x"}'.encode("utf-16")))),
    Case("a number of many digits", 0, each(reply(b'{"hostname": ' + b"9" * 99_999 + b"}"))),
    Case("90 heads of 60 KB", 0, each(head(*[f"A: {'x' * 60_000}"] * 90, "Content-Length: 0"))),
    Case("cookies", 0, each(head(*COOKIES, "Content-Length: 0"))),
    Case("more than its length", 0, each(reply() + SPACES)),
    Case("a length below zero", 0, each(head("Content-Length: -1"))),
    Case("a length of no number", 0, each(head("Content-Length: many"))),
    Case("a length of many digits", 0, each(head(f"Content-Length: {'9' * 5000}") + b"{}")),
    Case("no reason", 0, each(head("Content-Length: 0", status="200"))),
    Case(
        "bytes as reason and header", 0, each(head("\xff: \xfe", "A: \x01\x7f", status="200 \xff"))
    ),
    Case("a line that is no header", 0, each(head("no header", "Content-Length: 0"))),
    Case("an unknown coding", 0, each(head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n")),
    Case(
        "a charset that is none", 0, each(head("Content-Type: text/html; charset=\x01;;=") + b"{}")
    ),
    Case("204 with a body", 0, each(head("Content-Length: 9", status="204 x") + b"x" * 9), 204),
    Case("304 with a body", 0, each(head(status="304 x") + SPACES), 304),
    Case("a redirect to itself", 0, each(head("Location: /", status="307 x")), 307),
    Case("a redirect to nowhere", 0, each(head("Location: http://[::1", status="301 x")), 301),
    Case("hints, then the answer", 0, each(head("Link: x", status="103 Early Hints") + reply())),
]
FAILED = [
    Case("status 999", 22, each(head(status="999 x")), 999),
    Case("status 099", 7, each(head(status="099 x")), None),
    Case("status of no number", 7, each(head(status="OK")), None),
    Case("HTTP/2", 7, each(b"HTTP/2 200 OK\r\n\r\n"), None),
    Case("HTML alone", 7, each(b"<!doctype html><title>HTTP/0.9</title>"), None),
    Case("a TLS alert", 7, each(b"\x15\x03\x03\x00\x02\x02\x46"), None),
    Case("a status without end", 7, endless(b"HTTP/1.1 200 ", b"x"), None),
    Case("a header without end", 7, endless(b"HTTP/1.1 200 OK\r\nA: ", b"x"), None),
    Case("headers without end", 7, endless(b"HTTP/1.1 200 OK\r\n", b"A: x\r\n"), None),
    Case("two lengths", 7, each(head("Content-Length: 5", "Content-Length: 6") + b"[    ]"), None),
    Case("cut off in the status", 7, each(b"HTTP/1.1 20"), None),
    Case("cut off in a header", 7, each(b"HTTP/1.1 200 OK\r\nContent-Le"), None),
    Case("cut off after a header", 7, each(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), None),
    Case("hints, and no answer", 7, each(head(status="103 Early Hints")), None),
    Case("cut off in a chunk", 7, each(CHUNKED + b"5\r\n{")),
    Case("cut off between chunks", 7, each(CHUNKED + b"2\r\n{}\r\n")),
    Case("a chunk's size without end", 7, endless(CHUNKED, b"1")),
]
TIMED_OUT = [
    Case("silence in the status", 28, silent_after(b"HTTP/1.1 2"), None),
    Case("a status that drips", 28, drip(b"HTTP/1.1 200 "), None),
    Case("a header that drips", 28, drip(b"HTTP/1.1 200 OK\r\nA: "), None),
    Case("silence in a header", 28, silent_after(b"HTTP/1.1 200 OK\r\nA: "), None),
    Case("100 that drip", 28, endless(b"", head(status="100 Continue"), 0.05), None),
    Case("100 without end", 28, endless(b"", head(status="100 Continue")), None),
    Case("103 without end", 28, endless(b"", head("Link: x", status="103 x")), None),
    Case("a chunk's size that drips", 28, endless(CHUNKED, b"0", 0.05)),
    Case("chunks that drip", 28, endless(CHUNKED, b"1\r\n \r\n", 0.05)),
    Case("trailers without end", 28, endless(CHUNKED + b"0\r\n", b"A: x\r\n")),
]


class Told(NamedTuple):
    """What the client said of each case, and the memory that it held at most, in MiB."""

    calls: dict[str, dict[str, Any]]
    peak: float
    requests: list[str]


def tell(cases: list[Case], *argv: str) -> Told:
    """One run of the client against a server that does the next of the cases at each call."""

    def serve(server: Server, connection: socket.socket) -> None:
        cases[server.connections - 1].serve(server, connection)

    server = Server(serve)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CLIENT, server.url, "--format=json",
             f"--count={len(cases)}", "--interval=0", *argv],
            env=os.environ, text=True, capture_output=True, timeout=LIMIT, check=False,
        )  # fmt: skip
    finally:
        server.close()
    assert server.connections == len(cases)
    calls = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert len(calls) == len(cases), done.stderr
    told = {case.name: call for case, call in zip(cases, calls, strict=True)}
    return Told(told, int(done.stderr) / 1024, server.requests)


@pytest.fixture(scope="module")
def told() -> Told:
    """One run with all that ends, one with all that does not."""
    ending = tell([*ANSWERED, *FAILED], f"--read-timeout={LIMIT}")
    endless = tell(TIMED_OUT, f"--read-timeout={READ_TIMEOUT}")
    return Told(
        ending.calls | endless.calls,
        max(ending.peak, endless.peak),
        ending.requests + endless.requests,
    )


@pytest.mark.parametrize("case", [*ANSWERED, *FAILED, *TIMED_OUT], ids=lambda case: case.name)
def test_the_code_is_the_right_one(told: Told, case: Case) -> None:
    call = told.calls[case.name]
    assert (call["code"], call["status"]) == (case.code, case.status), call["error"]
    assert call["error"] is None or call["error"].isprintable()


def test_what_has_no_end_is_given_up_in_time(told: Told) -> None:
    took = {case.name: told.calls[case.name]["ms"] / 1000 for case in TIMED_OUT}
    assert min(took.values()) >= READ_TIMEOUT
    assert max(took.values()) < 10 * READ_TIMEOUT, took


def test_memory_is_bounded(told: Told) -> None:
    print(f"peak: {told.peak:.0f} MiB, of {PEAK} MiB at most")
    assert told.peak < PEAK


def test_a_request_carries_nothing_that_a_server_has_set(told: Told) -> None:
    assert {line.partition(":")[0] for one in told.requests for line in one.splitlines()} == {
        "GET / HTTP/1.1", "Host", "Accept-Encoding", "Accept", "User-Agent", ""
    }  # fmt: skip
    assert all("\r\nAccept-Encoding: identity\r\n" in one for one in told.requests)
