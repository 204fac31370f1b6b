"""`./lab doctor CONTAINER [NAME]` as a command; the pages of lab 08 hold its verdicts."""

import signal
import sys
from collections.abc import Callable

import pytest

from tests.support.engine import cut_off, docker, run
from tests.support.until import until

DOCTOR = (sys.executable, "-m", "labkit", "doctor")
# Nobody's address on the container's own bridge: the helper waits 1.5 s for an answer.
NOBODY = "172.17.255.254:80"


def helpers() -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", "label=two-bridges=doctor").stdout.split()


@pytest.fixture
def container(start: Callable[..., str]) -> str:
    """One that serves on port 80, and whose client calls port 81."""
    made = start(
        "--env", "CLIENT_URL=http://localhost:81/",
        "python:3.13-slim", "python", "-um", "http.server", "80",
    )  # fmt: skip
    until(lambda: docker("logs", made).stdout)  # it says that it serves
    return docker("container", "inspect", made, "--format", "{{.Name}}").stdout.strip().lstrip("/")


def test_it_says_the_cause_and_changes_nothing(container: str) -> None:
    def seen() -> str:
        return docker("container", "inspect", container).stdout + docker("diff", container).stdout

    before = seen()
    done = run("./lab", "doctor", container, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-2] == "cause      localhost"
    assert f"verdict    localhost is {container} itself, where" in done.stdout
    assert (seen(), helpers()) == (before, [])


def test_what_it_reaches_is_exit_0(container: str) -> None:
    done = run(*DOCTOR, container, "127.0.0.1:80")
    assert done.stdout.splitlines()[-1] == f"verdict    {container} reaches 127.0.0.1:80."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_no_helper(container: str, number: signal.Signals) -> None:
    assert cut_off([*DOCTOR, container, NOBODY], helpers, number) == 128 + number
    assert helpers() == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["tb-no-such", "x"], "lab: there is no container 'tb-no-such': expected one of "),
        (["CONTAINER", "a b"], "lab: name 'a b': expected NAME, NAME:PORT or http"),
        (["CONTAINER", "x", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_bad_arguments(container: str, args: list[str], message: str) -> None:
    argv = [container if arg == "CONTAINER" else arg for arg in args]
    done = run(*DOCTOR, *argv, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_without_an_engine() -> None:
    done = run(*DOCTOR, "x", "y", check=False, env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("lab: docker ps: exit 1: ")
