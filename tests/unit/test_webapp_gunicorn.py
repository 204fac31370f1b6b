"""The service as it runs: `python -m webapp`, a real gunicorn with real workers."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 60.0  # seconds for what is waited for; more than gunicorn's own limit of 8 for a stop
# Puts a pause where a busy machine makes one: between the fork and what a worker does first.
PAUSE = """\
import os, pathlib, time

def pause():
    if (file := pathlib.Path(os.environ["PAUSED"])).exists():
        file.with_suffix(".pid").write_text(str(os.getpid()))
        time.sleep(1)

os.register_at_fork(after_in_child=pause)
"""


def until(what: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until WHAT is true."""
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, f"not within {limit} s"
        time.sleep(0.01)


class Server:
    """A webapp under way, on a free port of 127.0.0.1."""

    def __init__(self, where: Path, **environ: str) -> None:
        self.where, self.out, self.err = where, where / "out", where / "err"
        path = os.pathsep.join([str(where), str(ROOT)])
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp", "--bind", "127.0.0.1:0"],
                cwd=where,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "WEBAPP_FAULTS": "on"}
                | environ,
                stdout=out,
                stderr=err,
            )
        self.expected = int(environ.get("WEB_CONCURRENCY", "2"))
        until(self.is_up)
        found = re.search(r"http://127.0.0.1:(\d+)", self.err.read_text())
        assert found
        self.port = int(found[1])

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.err.read_text()
        return len(self.workers()) == self.expected

    def connect(self) -> "closing[http.client.HTTPConnection]":
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT))

    def get(self, path: str) -> tuple[int, str]:
        with self.connect() as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def workers(self) -> set[int]:
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def lines(self) -> list[tuple[str, int]]:
        found = map(json.loads, self.out.read_text().splitlines())
        return [(line["path"], line["status"]) for line in found]

    def stop(self) -> float:
        """End it with SIGTERM; return how many seconds it took."""
        start = time.monotonic()
        self.process.terminate()
        assert self.process.wait(LIMIT) == 0, self.err.read_text()
        return time.monotonic() - start


@contextmanager
def serving(where: Path, **environ: str) -> Iterator[Server]:
    server = Server(where, **environ)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(LIMIT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that leave it as it is, with folders of its own."""
    where = tmp_path_factory.mktemp("server")
    (where / "home").mkdir()
    (where / "tmp").mkdir()
    with serving(where, HOME=str(where / "home"), TMPDIR=str(where / "tmp")) as server:
        yield server


def raw(server: Server, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as connection:
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
        (b"\x00\x01\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ],
    ids=["long line", "long header", "garbage", "length"],
)
def test_what_is_no_request_gets_a_4xx_and_no_traceback(
    server: Server, request_: bytes, status: int
) -> None:
    answer = raw(server, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Traceback" not in answer + server.err.read_text()


def test_the_log_is_one_json_line_a_request_probes_excepted(server: Server) -> None:
    before = len(server.lines())
    with server.connect() as connection:
        for path in ("/healthz", "/no%0Ape?a=b", "/metrics", "/last"):
            connection.request("GET", path, headers={"User-Agent": 'curl"\t'})
            connection.getresponse().read()
    until(lambda: server.lines()[-1:] == [("/last", 404)])
    assert server.lines()[before:] == [("/no%0Ape", 404), ("/last", 404)]
    line = json.loads(server.out.read_text().splitlines()[before])
    assert line.pop("ms") >= 0
    assert re.fullmatch(r"[-0-9]+T[:0-9]+\.\d{3}\+00:00", line.pop("time"))
    assert line.pop("bytes") > 0
    assert line == {
        "level": "info",
        "remote": "127.0.0.1",
        "method": "GET",
        "path": "/no%0Ape",
        "status": 404,
        "user_agent": 'curl"\t'.strip(),
    }


def test_a_connection_is_kept_for_the_next_call(server: Server) -> None:
    with server.connect() as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        own = connection.sock
        time.sleep(1.05)  # the client's interval: what is tested is that time goes by
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert connection.sock is own


def test_it_writes_nowhere_but_in_memory(server: Server) -> None:
    server.get("/")
    written = {path.relative_to(server.where).name for path in server.where.rglob("*")}
    assert written == {"home", "tmp", "out", "err"}
    files = {str(path.readlink()) for path in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    assert any(path.startswith("/dev/shm/wgunicorn-") for path in files)  # the heartbeats


def counted(server: Server, route: str) -> int:
    found = re.findall(
        rf'^http_requests_total{{method="GET",route="{route}",status="200"}} (\d+)',
        server.get("/metrics")[1],
        re.M,
    )
    return int(found[0]) if found else 0


def test_metrics_are_summed_over_the_workers_and_gone_with_them(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        sent, before = 0, server.workers()

        def both_answered() -> bool:
            nonlocal sent
            with ThreadPoolExecutor(12) as pool:
                list(pool.map(server.get, ["/delay/0.1"] * 12))
            sent += 12
            return len({path.name for path in directory.glob("counter_*.db")}) >= 2

        directories: set[Path] = set()

        def found() -> set[Path]:
            for pid in before:
                maps = Path(f"/proc/{pid}/maps").read_text()
                directories.update(map(Path, re.findall(r"/\S*/webapp-metrics-\w+(?=/)", maps)))
            return directories

        server.get("/healthz")
        until(found)  # a request is counted after its answer
        [directory] = directories
        until(both_answered)
        until(lambda: {counted(server, "/delay/<float:seconds>") for _ in range(8)} == {sent})
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until(lambda: server.is_up() and not server.workers() & before)
        assert counted(server, "/delay/<float:seconds>") == sent
        server.get("/nope/1")
        server.get("/nope/2")
        unmatched = 'http_requests_total{method="any",route="unmatched",status="404"} 2.0'
        until(lambda: unmatched in server.get("/metrics")[1])
        server.stop()
        assert not directory.exists()


def test_a_stop_finishes_what_is_in_flight_and_closes_what_is_idle(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.connect() as kept, server.connect() as slow:
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        slow.request("GET", "/delay/1")
        until(lambda: busy(server))
        seconds = server.stop()
        response = slow.getresponse()
        assert (response.status, response.read()) == (200, b'{\n  "delayed_seconds": 1\n}\n')
        assert seconds < 8
        assert not re.search(r"ERROR|WARNING|Traceback", server.err.read_text())


def test_each_worker_shows_the_same_callers_and_no_poll_is_one(tmp_path: Path) -> None:
    with serving(tmp_path) as server:

        def seen() -> list[tuple[str, int]]:
            found = json.loads(server.get("/?live")[1])["callers"]
            return [(caller["address"], caller["calls"]) for caller in found]

        for path in ["/static/live.js", "/healthz", "/metrics", "/nope", *["/"] * 8]:
            server.get(path)
        until(lambda: seen() == [("127.0.0.1", 9)])  # a call is counted after its answer
        workers = server.workers()
        for one in workers:
            for other in workers - {one}:
                os.kill(other, signal.SIGSTOP)
            answers = [seen() for _ in range(4)]
            for other in workers - {one}:
                os.kill(other, signal.SIGCONT)
            assert answers == [[("127.0.0.1", 9)]] * 4
        assert ("/", 200) in server.lines()
        assert len(server.lines()) == 10  # the static file is in the log, and no poll
        assert 'route="/?live"' in server.get("/metrics")[1]
        os.kill(workers.pop(), signal.SIGKILL)
        until(lambda: server.is_up() and len(server.workers() - workers) == 1)
        assert seen() == [("127.0.0.1", 9)]


def busy(server: Server) -> bool:
    """Whether a thread of a worker sleeps in /delay: its socket is read, the pool has a thread."""
    names = [Path(f"/proc/{pid}/task").iterdir() for pid in server.workers()]
    waits = [(task / "wchan").read_text() for tasks in names for task in tasks]
    return any("nanosleep" in where for where in waits)


def test_a_worker_that_has_just_been_forked_does_not_outlive_a_sigterm(tmp_path: Path) -> None:
    """Without gunicorn_conf's register_at_fork, 8.2 s: the master's limit."""
    (tmp_path / "sitecustomize.py").write_text(PAUSE)
    paused, pid = tmp_path / "paused", tmp_path / "paused.pid"
    with serving(tmp_path, WEB_CONCURRENCY="1", PAUSED=str(paused)) as server:
        server.get("/healthz")
        paused.touch()
        [worker] = server.workers()
        os.kill(worker, signal.SIGKILL)
        until(pid.exists)
        assert server.stop() < 8
