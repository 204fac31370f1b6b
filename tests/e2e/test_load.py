"""Load and slow callers: what the pair stands, its limit, and that it comes back."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.engine import LABEL, ROOT, Pair, docker, fresh_name
from tests.support.pair import EXAMPLE
from tests.support.until import until

CONNECTIONS = (1, 16, 64, 256)
THREADS = int(EXAMPLE["WEB_CONCURRENCY"]) * int(EXAMPLE["WEBAPP_THREADS"])
# Says `held` once all have sent what they send; then each drips a byte a second until stdin closes.
HOLD = """
import socket, sys, threading
count, start = int(sys.argv[1]), sys.argv[2].encode().decode("unicode_escape").encode()
held = [socket.create_connection(("webapp", 8000), 60) for _ in range(count)]
for one in held:
    one.sendall(start)
print("held", flush=True)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.wait(1) and start:
    for one in held:
        try:
            one.sendall(b"a")
        except OSError:
            pass
"""
HEAD = r"GET / HTTP/1.1\r\nHost: webapp\r\nX-Slow: "
SLOW = {
    "silent": "",
    "head": HEAD,
    "body": r"POST / HTTP/1.1\r\nHost: webapp\r\nContent-Length: 100000\r\n\r\n",
    "chunks": r"POST / HTTP/1.1\r\nHost: webapp\r\nTransfer-Encoding: chunked\r\n\r\n9999\r\n",
}
# Bytes of memory that no file backs, and open descriptors, of all of webapp's processes.
USED = """
import json, pathlib, re
ours = [p for p in pathlib.Path("/proc").iterdir()
        if p.name.isdigit() and b"-m\\0gunicorn" in (p / "cmdline").read_bytes()]
kib = sum(int(re.search(r"RssAnon:\\s+(\\d+)", (p / "status").read_text())[1]) for p in ours)
print(json.dumps({"processes": len(ours), "MiB": kib / 1024,
                  "descriptors": sum(len(list((p / "fd").iterdir())) for p in ours)}))
"""


@pytest.fixture(scope="module")
def loaded(make_pair: Callable[[], Pair]) -> Pair:
    """A pair of this file's own, as load would meet other tests."""
    return make_pair()


def check(pair: Pair) -> int:
    """The exit code of the health check that the image names."""
    return docker(
        "exec", pair.container("webapp"), "python", "-m", "webapp.check", check=False
    ).returncode


@contextmanager
def slow(pair: Pair, count: int, start: str) -> Iterator[None]:
    """COUNT callers on the pair's bridge that have sent START and go on a byte a second."""
    name = fresh_name()
    argv = ["docker", "run", "--rm", "--interactive", "--name", name, *LABEL]
    argv += ["--network", pair.network, "--entrypoint", "python", "two-bridges-client"]
    process = subprocess.Popen(
        [*argv, "-c", HOLD, str(count), start],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        process.communicate(timeout=60)
        docker("rm", "--force", name, check=False)


@pytest.mark.parametrize("kind", SLOW)
def test_twelve_slow_callers_do_not_make_the_health_check_fail(loaded: Pair, kind: str) -> None:
    with slow(loaded, 12, SLOW[kind]):
        assert [check(loaded) for _ in range(3)] == [0, 0, 0]


def test_more_than_the_threads_can_hold_are_the_limit_and_it_comes_back(loaded: Pair) -> None:
    with slow(loaded, 4 * THREADS, HEAD):  # which worker takes a caller is chance
        assert check(loaded) != 0
    until(lambda: check(loaded) == 0)


@pytest.fixture(scope="module")
def wrk(loaded: Pair) -> Iterator[Callable[[int, int], dict[str, float]]]:
    """Calls `/` by name from the pair's bridge with N connections for so many seconds."""
    name = fresh_name()
    bench = str(ROOT / "bench")
    image = docker("build", "--quiet", "--target", "wrk", bench).stdout.strip()
    argv = ("--name", name, "--network", loaded.network, "--entrypoint", "sleep")
    docker("run", "--detach", *LABEL, *argv, image, "infinity")

    def call(connections: int, seconds: int) -> dict[str, float]:
        argv = ("wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "--timeout", "10")
        said = docker("exec", name, *argv, "http://webapp:8000/").stdout
        failed = re.findall(r"Socket errors: (.*)|Non-2xx or 3xx responses: (\d+)", said)
        assert failed == [], said
        return {"requests": float(*re.findall(r"(\d+) requests in", said))}

    yield call
    docker("rm", "--force", name)


def used(pair: Pair) -> dict[str, float]:
    found: dict[str, float] = json.loads(pair.python("webapp", "-c", USED))
    return found


def settled(pair: Pair) -> dict[str, float]:
    """What is used once the connections have been closed: keep-alive ends after 5 s."""
    state: list[dict[str, float]] = []

    def twice() -> bool:
        state.append(used(pair))
        return len(state) > 1 and state[-1]["descriptors"] == state[-2]["descriptors"]

    until(twice)
    return state[-1]


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_under_load_every_call_is_answered_and_nothing_grows(
    loaded: Pair, wrk: Callable[[int, int], dict[str, float]], request: pytest.FixtureRequest
) -> None:
    minutes = 30 if request.config.option.thorough else 1
    for connections in CONNECTIONS:  # every thread has worked once
        wrk(connections, 1)
    start, requests = settled(loaded), 0.0
    for connections in CONNECTIONS * minutes:
        requests += wrk(connections, 15)["requests"]
    end = settled(loaded)
    print(f"{requests:.0f} requests in {minutes} min; at start {start}, at end {end}")
    assert end["processes"] == start["processes"] == 1 + int(EXAMPLE["WEB_CONCURRENCY"])
    assert end["descriptors"] <= start["descriptors"]
    assert end["MiB"] <= start["MiB"] + 8
    assert loaded.inspect("webapp")["RestartCount"] == 0
    assert check(loaded) == 0
