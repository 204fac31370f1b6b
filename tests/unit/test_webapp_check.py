import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from webapp import check

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ready():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "line"),
    [(200, 0, "ready\n"), (503, 1, "not ready: /readyz answered 503\n")],
    ids=["ready", "stopping"],
)
def test_the_exit_code_is_the_answer(ready, capsys, status, code, line):
    ready.status = status
    assert check.main({"PORT": str(ready.server_port)}) == code
    assert capsys.readouterr().out == line


def test_nobody_listens(ready, capsys):
    ready.shutdown()
    ready.server_close()
    assert check.main({"PORT": str(ready.server_port)}) == 1
    assert capsys.readouterr().out == "not ready: [Errno 111] Connection refused\n"


def test_a_service_that_hangs_is_not_ready(monkeypatch, capsys):
    monkeypatch.setattr(check, "TIMEOUT", 0.05)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        assert check.main({"PORT": str(silent.server_port)}) == 1
    assert capsys.readouterr().out == "not ready: timed out\n"


def test_a_bad_setting_is_one_line(capsys):
    assert check.main({"PORT": "http"}) == 1
    assert capsys.readouterr().out == (
        "not ready: PORT='http': expected a whole number from 1 to 65535\n"
    )


def test_it_starts_without_flask():
    code = "import sys, webapp.check; print(sorted({'flask', 'gunicorn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
