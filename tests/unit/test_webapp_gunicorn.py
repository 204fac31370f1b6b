"""The service as it runs: a real gunicorn with two real workers."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUNICORN = [sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf"]


class Server:
    """A gunicorn under way, on a free port of 127.0.0.1."""

    def __init__(self, where, **environ):
        self.out, self.err = where / "out", where / "err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*GUNICORN, "--bind", "127.0.0.1:0"],
                cwd=where,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environ,
                stdout=out,
                stderr=err,
            )
        workers = int(environ.get("WEBAPP_WORKERS", "2"))
        while len(self.workers()) < workers or not all(map(handles_signals, self.workers())):
            assert self.process.poll() is None, self.err.read_text()
            time.sleep(0.01)
        self.port = int(re.search(r"http://127.0.0.1:(\d+)", self.err.read_text())[1])

    def connect(self):
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5))

    def get(self, path, connection=None):
        """Return status, body and headers, on a connection of its own unless one is given."""
        if connection is None:
            with self.connect() as own:
                return self.get(path, own)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers

    def workers(self):
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def lines(self):
        return [json.loads(line) for line in self.out.read_text().splitlines()]


def handles_signals(pid):
    """Whether a worker has come so far: before, it would lose a signal with which a test stops it.

    SIGALRM is the last one for which a worker sets a handler; its master has none.
    """
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return bool(int(caught, 16) & 1 << (signal.SIGALRM - 1))


@contextmanager
def serving(where, **environ):
    server = Server(where, **environ)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)  # a worker that has just come loses the signal: its limit ends it


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one worker, so that it has four threads in all, and folders of its own."""
    where = tmp_path_factory.mktemp("server")
    (where / "home").mkdir()
    (where / "tmp").mkdir()
    with serving(
        where,
        HOME=str(where / "home"),
        TMPDIR=str(where / "tmp"),
        WEBAPP_FAULTS="on",
        WEBAPP_WORKERS="1",
    ) as server:
        server.where = where
        yield server


def raw(server, request):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 5000), 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"a" * 9000), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % (b"A: a\r\n" * 51), 431),
        (b"\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ],
    ids=["long line", "long header", "many headers", "garbage", "version", "length"],
)
def test_what_is_no_request_gets_a_4xx_and_no_traceback(server, request_, status):
    answer = raw(server, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Traceback" not in answer + server.err.read_text()


def test_requests_up_to_the_limits_are_answered(server):
    header = b"A: %s\r\n" % (b"a" * 8000)
    line = b"GET /healthz?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % (b"a" * 4000)
    assert raw(server, line + header + b"\r\n").startswith("HTTP/1.1 200 ")


def test_probes_answer_while_slow_requests_take_all_their_slots(server):
    with ThreadPoolExecutor(5) as pool:
        slow = [pool.submit(server.get, "/delay/0.5") for _ in range(5)]
        time.sleep(0.2)
        start = time.perf_counter()
        for path in ("/healthz", "/readyz", "/metrics", "/"):
            assert server.get(path)[0] == 200
        assert time.perf_counter() - start < 0.3
        assert sorted(request.result()[0] for request in slow) == [200, 200, 503, 503, 503]


def test_connections_are_kept_for_the_next_call(server):
    with server.connect() as connection:
        assert server.get("/healthz", connection)[2]["Connection"] == "keep-alive"
        own = connection.sock
        time.sleep(1.05)  # the client calls every second
        server.get("/healthz", connection)
        assert connection.sock is own


def counted(server):
    metrics = server.get("/metrics")[1]
    delays = r'http_requests_total\{.*route="/delay/<seconds>".*\} (\d+)'
    return sum(int(count) for count in re.findall(delays, metrics))


def test_metrics_are_summed_over_the_workers_and_gone_with_them(tmp_path):
    with serving(tmp_path, WEBAPP_FAULTS="on", WEBAPP_DRAIN_SECONDS="0") as server:
        sent, answered = 0, []
        # A worker has two slots: more than two answers at once came from both workers.
        while answered.count(200) <= 2:
            with ThreadPoolExecutor(12) as pool:
                answered = [got[0] for got in pool.map(server.get, ["/delay/0.1"] * 12)]
            sent += 12
        assert {counted(server) for _ in range(8)} == {sent}

        maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        directory = Path(re.search(r"(/\S*/webapp-metrics-\w+)/", maps)[1])
        for worker in (crashed := server.workers()):
            os.kill(int(worker), signal.SIGKILL)
        while set(server.workers()) & set(crashed):
            time.sleep(0.01)
        assert counted(server) == sent

        server.process.terminate()
        assert server.process.wait(3) == 0
        assert not directory.exists()


def test_a_stopping_server_finishes_what_it_has_and_turns_others_away(tmp_path):
    with (
        serving(tmp_path, WEBAPP_FAULTS="on", WEBAPP_DRAIN_SECONDS="0.8") as server,
        server.connect() as kept,
        ThreadPoolExecutor(1) as pool,
    ):
        assert server.get("/readyz", kept)[0] == 200
        slow = pool.submit(server.get, "/delay/1.5")
        time.sleep(0.2)
        server.process.terminate()
        start = time.monotonic()

        def at(seconds):
            time.sleep(max(0, start + seconds - time.monotonic()))

        at(0.2)
        for connection in (kept, None):
            status, body, headers = server.get("/readyz", connection)
            assert (status, json.loads(body)) == (503, {"status": "stopping"})
            assert headers["Connection"] == "close"

        at(0.5)  # a second signal, to the whole group, neither hastens nor prolongs anything
        for pid in (server.process.pid, *server.workers()):
            os.kill(int(pid), signal.SIGTERM)
        at(0.6)
        assert server.get("/healthz")[0] == 200
        at(1.05)
        with pytest.raises(ConnectionRefusedError):
            server.get("/readyz")

        assert slow.result()[0] == 200
        assert server.process.wait(3) == 0
        assert time.monotonic() - start < 3
        assert not re.search(r"ERROR|WARNING|Traceback", server.err.read_text())


def test_an_interrupt_does_not_wait(tmp_path):
    with serving(tmp_path, WEBAPP_DRAIN_SECONDS="30") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(2) == 0


def test_a_bad_setting_stops_it_before_it_starts(tmp_path):
    done = subprocess.run(
        GUNICORN,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "WEBAPP_THREADS": "one"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "webapp: WEBAPP_THREADS='one': expected a whole number from 2 to 64\n"


def test_the_log_is_one_json_line_a_request_probes_excepted(server):
    before = len(server.lines())
    for path in ("/healthz", "/", "/readyz", "/nope?a=b", "/metrics"):
        server.get(path)
    # A line is written before its answer is sent.
    assert [(line["path"], line["status"]) for line in server.lines()[before:]] == [
        ("/", 200),
        ("/nope", 404),
    ]


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs the memory that images have")
def test_it_writes_nowhere_but_in_memory(server):
    server.get("/")
    written = {path.relative_to(server.where).name for path in server.where.rglob("*")}
    assert written == {"home", "tmp", "out", "err"}
    assert "rror" not in server.err.read_text()
    files = {str(path.readlink()) for path in Path(f"/proc/{server.workers()[0]}/fd").iterdir()}
    assert any(path.startswith("/dev/shm/wgunicorn-") for path in files)  # the heartbeat
