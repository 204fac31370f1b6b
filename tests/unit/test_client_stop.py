"""The client as a process: signals, pipes, and what is left on the terminal."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise

import pytest

from client.main import main

PYTHON = [sys.executable, "-W", "error"]
CLIENT = [*PYTHON, "-m", "client"]

# Unbuffered, Python would hide that a line is not flushed.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

HANGING_LOOK_UP = """
import socket, sys, time
def getaddrinfo(*args, **kwargs):
    print("looking up", flush=True)
    time.sleep(30)
socket.getaddrinfo = getaddrinfo
from client.main import main
sys.exit(main(["http://webapp/", "--count=0", "--connect-timeout=60"], {}, sys.stdout, sys.stderr))
"""


@contextmanager
def started(*command: str):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen, *signals: signal.Signals) -> tuple[int, str]:
    """Send the signals; return exit code and output of a process that ends within a second."""
    for number in signals:
        process.send_signal(number)
    out, err = process.communicate(timeout=1)
    assert err == ""
    return process.returncode, out


@pytest.fixture
def closed_url():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/"


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def url_of(sock: socket.socket) -> str:
    return f"http://127.0.0.1:{sock.getsockname()[1]}/"


@pytest.mark.parametrize("count", ["0", "9"], ids=["service", "finite"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_between_two_calls_ends_the_run_with_a_summary(closed_url, number, count):
    with started(*CLIENT, closed_url, f"--count={count}", "--interval=60") as process:
        assert "FAILED to connect" in process.stdout.readline()
        code, out = ended(process, number)
    assert code == 7
    assert out.startswith("1 call: 0 answered, 1 failed (1 connect)\n")


def test_a_second_signal_does_not_disturb_the_summary(closed_url):
    with started(*CLIENT, closed_url, "--count=0", "--interval=60") as process:
        process.stdout.readline()
        code, out = ended(process, signal.SIGTERM, signal.SIGINT, signal.SIGTERM)
    assert code == 7
    assert out.count("\n") == 2


def test_a_signal_during_a_slow_answer_does_not_count_the_call(listener):
    argv = [url_of(listener), "--count=0", "--read-timeout=60"]
    with started(*CLIENT, *argv) as process, listener.accept()[0] as connection:
        connection.recv(4096)
        code, out = ended(process, signal.SIGTERM)
    assert code == 0
    assert out.startswith("0 calls: 0 answered, 0 failed\n")


def test_a_signal_during_a_look_up_that_hangs_is_not_held_up_by_it():
    with started(*PYTHON, "-c", HANGING_LOOK_UP) as process:
        assert process.stdout.readline() == "looking up\n"
        code, out = ended(process, signal.SIGTERM)
    assert code == 0
    assert out.startswith("0 calls: ")


def test_a_service_waits_longer_after_each_failure_until_a_call_works(listener):
    times = []
    argv = [url_of(listener), "--count=0", "--interval=0.1", "--format=json"]
    with started(*CLIENT, *argv) as process:
        for status in (b"503 x", b"503 x", b"503 x", b"200 OK", b"503 x", b"200 OK"):
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                call = json.loads(process.stdout.readline())
            times.append(datetime.fromisoformat(call["time"]).timestamp())
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps[1] > 0.19  # the times in the lines are rounded
    assert gaps[2] > 0.39
    assert max(gaps[3], gaps[4]) < 0.35


def test_a_service_returns_the_code_of_its_last_call_not_of_its_last_failure(listener):
    argv = [url_of(listener), "--count=0", "--interval=0.1", "--format=json"]
    with started(*CLIENT, *argv) as process:
        for status in (b"503 x", b"200 OK"):
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                process.stdout.readline()
        code, out = ended(process, signal.SIGTERM)
    assert code == 0
    summary = json.loads(out.splitlines()[-1])
    assert (summary["event"], summary["calls"], summary["code"]) == ("summary", 2, 0)


def test_main_gives_the_signals_back(closed_url):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    main([closed_url], {}, io.StringIO(), io.StringIO())
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_main_works_in_a_thread_that_may_not_take_signals(closed_url):
    codes = []
    thread = threading.Thread(
        target=lambda: codes.append(main([closed_url], {}, io.StringIO(), io.StringIO()))
    )
    thread.start()
    thread.join()
    assert codes == [7]


def test_a_reader_that_went_away_ends_the_run_with_23_and_without_a_word(closed_url):
    with started(*CLIENT, closed_url, "--count=0", "--interval=0.1") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=2) == 23
        assert process.stderr.read() == ""
        process.stdout = None


def test_an_output_that_is_full_ends_the_run_with_23_and_one_line(closed_url):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ran = subprocess.run(
            [*CLIENT, closed_url], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRON
        )
    assert ran.returncode == 23
    assert ran.stderr == "client: cannot write the output: No space left on device\n"
