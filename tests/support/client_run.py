"""Runs the client inside the test, and servers that misbehave for it."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from click.testing import CliRunner

from client.main import command


class Ran(NamedTuple):
    """How a run of the client ended."""

    code: int
    out: str
    err: str

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of a run with --format json, without its summary."""
        return [json.loads(line) for line in self.out.splitlines()][:-1]


def run(*argv: str, **environ: str) -> Ran:
    """Run the client; an exception that it does not handle goes through."""
    done = CliRunner(catch_exceptions=False).invoke(command, argv, env=dict(environ))
    return Ran(done.exit_code, done.stdout, done.stderr)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on; bound, so that nobody else takes it meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


Serve = Callable[["Server", socket.socket], None]


class Server:
    """Accepts connections one after another and hands each to `serve`, until it is closed."""

    def __init__(self, serve: Serve, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.serve = serve
        self.connections = 0
        self.requests: list[str] = []
        self.closing = threading.Event()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.listener = socket.create_server(address, family=family)
        self.port: int = self.listener.getsockname()[1]
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
        """End the server and its thread."""
        self.closing.set()
        with socket.create_connection(self.listener.getsockname()[:2]):
            self.thread.join()
        self.listener.close()


def reply(body: bytes = b'{"hostname": "0c8f1a2b3c4d"}', status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def always(answer: bytes) -> Serve:
    """Serve every request of a connection with the same bytes."""

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            connection.sendall(answer)

    return serve


def each(*answers: bytes) -> Serve:
    """Serve one request of each connection with the next of the answers, the last for ever."""

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(answers[min(server.connections, len(answers)) - 1])

    return serve


def drip(head: bytes) -> Serve:
    """Send the head, then one byte every 50 ms for ever: no single read times out."""

    def serve(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(head)
        while not server.closing.wait(0.05):
            connection.sendall(b" ")

    return serve
