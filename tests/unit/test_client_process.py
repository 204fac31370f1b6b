"""The client as a process: signals, pipes, and what is left on the terminal."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.client_run import closed_port

PYTHON = [sys.executable, "-W", "error"]
CLIENT = [*PYTHON, "-m", "client"]

# Unbuffered, Python would hide that a line is not flushed.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

# Stops at the import of a module until a line comes in.
SLOW_IMPORT = """
import runpy, sys
slow = sys.argv.pop()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == slow:
            print("importing", flush=True)
            sys.stdin.readline()
sys.meta_path.insert(0, Slow())
runpy.run_module("client", run_name="__main__")
"""

# No file can be opened any more once all is imported.
NO_FILES = """
import resource, runpy, sys
import client.call, client.main
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
client.main.command(sys.argv[1:])
"""

Process = subprocess.Popen[str]


@contextmanager
def started(*command: str) -> Iterator[Process]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=ENVIRON
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: Process, *signals: signal.Signals) -> tuple[int, str]:
    """Send the signals; return exit code and output. What it waits for takes twice as long."""
    for number in signals:
        process.send_signal(number)
    out, err = process.communicate("\n", timeout=30)
    assert err == ""
    return process.returncode, out


@pytest.fixture
def closed_url() -> Iterator[str]:
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def url_of(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}/"


@pytest.mark.parametrize(
    ("environ", "cure"),
    [
        ({}, "Check that it listens on 0.0.0.0"),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, "Check that the Service has ready pods"),
    ],
    ids=["container", "pod"],
)
def test_the_cure_of_a_refusal_is_another_in_a_pod(
    closed_url: str, environ: dict[str, str], cure: str
) -> None:
    done = subprocess.run(
        [*CLIENT, closed_url], env=ENVIRON | environ, text=True, capture_output=True, timeout=30
    )
    assert done.returncode == 7
    assert cure in done.stdout


@pytest.mark.parametrize("count", ["0", "9"], ids=["service", "finite"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_between_two_calls_ends_the_run_with_a_summary(
    closed_url: str, number: signal.Signals, count: str
) -> None:
    with started(*CLIENT, closed_url, f"--count={count}", "--interval=60") as process:
        assert "FAILED to connect" in read_line(process)
        code, out = ended(process, number)
    assert code == 7
    assert out.startswith("1 call: 0 answered, 1 failed (1 connect)\n")


def test_a_second_signal_does_not_disturb_the_summary(closed_url: str) -> None:
    with started(*CLIENT, closed_url, "--count=0", "--interval=60") as process:
        read_line(process)
        code, out = ended(process, signal.SIGTERM, signal.SIGINT, signal.SIGTERM)
    assert code == 7
    assert out.count("\n") == 2


def test_a_signal_during_a_slow_answer_does_not_count_the_call(listener: socket.socket) -> None:
    argv = [url_of(listener), "--count=0", "--read-timeout=60"]
    with started(*CLIENT, *argv) as process, listener.accept()[0] as connection:
        connection.recv(4096)
        code, out = ended(process, signal.SIGTERM)
    assert code == 0
    assert out.startswith("0 calls: 0 answered, 0 failed\n")


def test_a_signal_between_two_attempts_ends_the_run(listener: socket.socket) -> None:
    argv = [url_of(listener), "--retries=9", "--interval=60", "--backoff-max=60", "--format=json"]
    with started(*CLIENT, *argv) as process:
        for _ in range(2):
            with listener.accept()[0] as connection:
                connection.recv(4096)
        code, out = ended(process, signal.SIGTERM)
    assert (code, json.loads(out)["calls"]) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", ["click", "requests"])
def test_a_signal_during_an_import_waits_for_its_end(number: signal.Signals, module: str) -> None:
    environ = {"CLIENT_COUNT": "0", "CLIENT_URL": "http://127.0.0.1:1/"} | ENVIRON
    with subprocess.Popen(
        [*PYTHON, "-c", SLOW_IMPORT, module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert read_line(process) == "importing\n"
        code, out = ended(process, number)
    assert code == 0
    assert out.startswith("0 calls: ")


def test_a_service_returns_the_code_of_its_last_call_not_of_its_last_failure(
    listener: socket.socket,
) -> None:
    argv = [url_of(listener), "--count=0", "--interval=0.1", "--format=json"]
    with started(*CLIENT, *argv) as process:
        for status in (b"503 x", b"200 OK"):
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                read_line(process)
        code, out = ended(process, signal.SIGTERM)
    assert code == 0
    summary = json.loads(out.splitlines()[-1])
    assert (summary["event"], summary["calls"], summary["code"]) == ("summary", 2, 0)


def test_a_reader_that_went_away_ends_the_run_with_23_and_without_a_word(closed_url: str) -> None:
    with started(*CLIENT, closed_url, "--count=0", "--interval=0.1") as process:
        read_line(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 23
        assert process.stderr.read() == ""
        process.stdout = None


def test_an_output_that_is_full_ends_the_run_with_23_and_one_line(closed_url: str) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ran = subprocess.run(
            [*CLIENT, closed_url], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRON
        )
    assert ran.returncode == 23
    assert ran.stderr == "client: cannot write the output: No space left on device\n"


def test_a_lack_of_files_is_the_calls_failure_and_not_the_outputs() -> None:
    command = [*PYTHON, "-c", NO_FILES, "http://127.0.0.1:1/", "--format=json"]
    ran = subprocess.run(command, capture_output=True, text=True, env=ENVIRON)
    assert (ran.returncode, ran.stderr) == (7, "")
    assert json.loads(ran.stdout.splitlines()[0])["error"] == "Too many open files"
