"""`scripts/doctor.py` as a command, on a container of the test's own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.labs.collect import ROOT
from tests.labs.test_cli import wait_for


def start(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "scripts/doctor.py", *args],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def doctor(*args: str) -> tuple[int, str, str]:
    done = start(*args)
    out, err = done.communicate(timeout=60)
    return done.returncode, out, err


def helpers() -> list[str]:
    filters = ["--filter", "label=two-bridges=doctor"]
    listed = subprocess.check_output(["docker", "ps", "--all", "--quiet", *filters], text=True)
    return listed.split()


@pytest.fixture
def container() -> Iterator[str]:
    name = f"tb-doctor-{uuid4().hex[:8]}"
    subprocess.run(
        ["docker", "run", "--detach", "--name", name, "--env", "CLIENT_URL=http://localhost:81/",
         "python:3.13-slim", "python", "-um", "http.server", "80"],
        check=True, capture_output=True,
    )  # fmt: skip
    wait_for(lambda: subprocess.check_output(["docker", "logs", name]))  # it says that it serves
    yield name
    subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def test_a_cause_is_exit_1_and_one_line_each_step(container: str) -> None:
    code, out, err = doctor(container)
    assert (code, err) == (1, "")
    assert out.splitlines()[-2] == "cause      localhost"
    assert out.splitlines()[-1].startswith(f"verdict    localhost is {container} itself, where")


def test_json_says_the_same(container: str) -> None:
    code, out, _ = doctor(container, "--json")
    said = json.loads(out)
    assert (code, said["reaches"], said["cause"]) == (1, False, "localhost")
    assert said["steps"][0]["seen"].startswith(f"{container}: running")
    assert said["name"] == "http://localhost:81/"


def test_what_it_reaches_is_exit_0(container: str) -> None:
    code, out, _ = doctor(container, "127.0.0.1:80")
    assert (code, out.splitlines()[-1]) == (0, f"verdict    {container} reaches 127.0.0.1:80.")


def test_nothing_is_changed_or_left(container: str) -> None:
    def seen() -> str:
        return subprocess.check_output(["docker", "container", "inspect", container], text=True)

    before = seen()
    assert doctor(container)[0] == 1
    assert seen() == before
    changes = subprocess.check_output(["docker", "diff", container], text=True)
    assert (changes, helpers()) == ("", [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_no_helper(container: str, number: signal.Signals, code: int) -> None:
    # Nobody's address on the container's own bridge: the helper waits 1.5 s for an answer.
    running = start(container, "172.17.255.254:80")
    wait_for(helpers)
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (code, "lab: interrupted\n")
    assert helpers() == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "usage: ./lab doctor CONTAINER"),
        (["tb-no-such", "x"], "there is no container 'tb-no-such': expected one of "),
        (["CONTAINER", "a b"], "name 'a b': expected NAME, NAME:PORT or http"),
        (["CONTAINER", "x", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_bad_arguments(container: str, args: list[str], message: str) -> None:
    code, out, err = doctor(*[container if arg == "CONTAINER" else arg for arg in args])
    assert (code, out) == (2, "")
    assert message in err


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    code, out, err = doctor("x", "y")
    assert (code, out) == (3, "")
    assert err.startswith("lab: doctor: docker ps: exit 1: ")


def test_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert doctor("x", "y") == (
        3,
        "",
        "lab: doctor: docker is not installed: ./lab up installs it\n",
    )
