"""The one runner of docker: what a signal does to it, and what it says of an engine's refusals."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from labkit import docker

MINE = os.getpid()


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Take the signals as `./lab` does, and give them back."""
    before = {number: signal.getsignal(number) for number in docker.SIGNALS}
    docker.take_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", docker.SIGNALS)
def test_a_signal_between_commands_interrupts_at_once(number: signal.Signals) -> None:
    with pytest.raises(docker.Interrupted) as stopped:
        os.kill(MINE, number)
    assert stopped.value.code == 128 + number


def test_a_signal_during_a_command_is_acted_on_when_it_has_ended(tmp_path: Path) -> None:
    held, ended = tmp_path / "held", tmp_path / "ended"
    handle = signal.getsignal(signal.SIGTERM)
    assert callable(handle)

    def noting(number: int, frame: FrameType | None) -> None:
        handle(number, frame)
        held.touch()  # not reached where the signal was acted on

    signal.signal(signal.SIGTERM, noting)
    script = f"kill -TERM {MINE}; until [ -e {held} ]; do sleep 0.02; done; touch {ended}"
    with pytest.raises(docker.Interrupted) as stopped:
        docker.command("sh", "-c", script)
    assert stopped.value.code == 143
    assert ended.exists()


def test_of_two_signals_during_a_command_the_first_counts() -> None:
    with pytest.raises(docker.Interrupted) as stopped:
        docker.command("sh", "-c", f"kill -HUP {MINE}; kill -TERM {MINE}")
    assert stopped.value.code == 129
    with docker.held():
        pass  # and it was acted on once


def test_a_command_is_out_of_the_terminals_reach() -> None:
    """Ctrl-C goes to the whole group in front; a command of ours is in a session of its own."""
    told = docker.command(sys.executable, "-c", "import os; print(os.getsid(0))").stdout
    assert int(told) != os.getsid(0)


def test_a_breakable_command_is_ended_by_a_signal(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = f"echo $$ >{noted}; kill -INT {MINE}; exec sleep 600"
    with pytest.raises(docker.Interrupted) as stopped:
        docker.command("sh", "-c", script, breakable=True)
    assert stopped.value.code == 130
    assert not is_there(int(noted.read_text()))


def test_a_breakable_command_is_ended_by_a_signal_that_comes_as_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []

    class Signalled(subprocess.Popen[str]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self.pid)
            os.kill(MINE, signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Signalled)
    with pytest.raises(docker.Interrupted):
        docker.command("sleep", "600", breakable=True)
    assert not is_there(started[0])


def test_within_something_held_no_command_is_breakable() -> None:
    told: list[str] = []

    def two() -> None:
        with docker.held():
            script = f"kill -TERM {MINE}; echo all"
            told.append(docker.command("sh", "-c", script, breakable=True).stdout)

    with pytest.raises(docker.Interrupted):
        two()
    assert told == ["all\n"]


def test_undisturbed_forgets_a_signal() -> None:
    with docker.undisturbed():
        os.kill(MINE, signal.SIGTERM)
        assert docker.command("echo", "clean").stdout == "clean\n"
    assert docker.command("echo", "on").stdout == "on\n"


def test_an_error_in_what_is_held_goes_on() -> None:
    with pytest.raises(KeyError), docker.held():
        raise KeyError
    with pytest.raises(docker.Interrupted):
        os.kill(MINE, signal.SIGTERM)


def test_without_docker_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(docker.EngineError, match=r"^docker is not installed: ./lab up installs it"):
        docker.run("ps")
    with pytest.raises(docker.EngineError, match=r"^tcpdump is not installed$"):
        docker.command("tcpdump")


def test_what_does_not_end_is_ended(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = tmp_path / "forever"
    script.write_text(f"echo $$ >{noted}; exec sleep 600\n")
    with pytest.raises(docker.EngineError) as raised:
        docker.command("sh", str(script), limit=0.5)
    assert str(raised.value) == f"sh {script} did not end within 0.5 s"
    assert not noted.exists() or not is_there(int(noted.read_text()))


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` of the test's own: the script to write."""
    (tmp_path / "docker").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "docker"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo out; echo one >&2; echo two >&2; exit 7", "exit 7: two"),
        ("echo out; exit 1", "exit 1: out"),
        ("exit 125", "exit 125: no output"),
    ],
)
def test_a_refusal_is_told_with_its_last_line(engine: Path, script: str, said: str) -> None:
    engine.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(docker.EngineError) as raised:
        docker.run("network", "create", "x")
    assert str(raised.value) == f"docker network: {said}"
    assert docker.attempt("network", "create", "x").returncode > 0


def test_input_and_bytes_that_are_no_text(engine: Path) -> None:
    engine.write_text("#!/bin/sh\ncat; printf 'a\\377b\\n'\n")
    assert docker.run("load", stdin="in ") == "in a\N{REPLACEMENT CHARACTER}b"


def test_inspect_leaves_out_what_has_gone(engine: Path) -> None:
    engine.write_text('#!/bin/sh\necho "[\\"$*\\"]"; echo \'No such container: b\' >&2; exit 1\n')
    assert docker.inspect("container", ["a", "b"]) == ["container inspect a b"]
    assert docker.inspect("container", []) == []
    engine.write_text("#!/bin/sh\nexit 1\n")
    assert docker.inspect("network", ["x"]) == []
