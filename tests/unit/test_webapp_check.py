"""The healthcheck as the image runs it: a process, which says one line and exits 0 or 1."""

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Health(BaseHTTPRequestHandler):
    """Answers /healthz as it is told to."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def answering(status: int) -> Iterator[int]:
    handler = type("Handler", (Health,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_port
        server.shutdown()


def check(port: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "webapp.check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("status", "found"),
    [(200, (0, "ready\n")), (503, (1, "not ready: /healthz answered 503\n"))],
)
def test_the_exit_code_is_the_answer(status: int, found: tuple[int, str]) -> None:
    with answering(status) as port:
        assert check(port) == found


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert check(port) == (1, "not ready: [Errno 111] Connection refused\n")


def test_a_service_that_hangs_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert check(silent.getsockname()[1]) == (1, "not ready: timed out\n")


def test_a_bad_setting_is_one_line() -> None:
    line = "not ready: PORT='http': expected a whole number from 1 to 65535\n"
    assert check("http") == (1, line)


def test_it_is_light() -> None:
    code = "import sys, webapp.settings, http.client; print({'flask', 'dns'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
    with answering(200) as port:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        check(port)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 0.06 s of CPU where nothing else runs; Flask alone would be 0.3.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.25
