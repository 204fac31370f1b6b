import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.pages.session import MOST, Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.close()


def gone(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)  # a dead process counts until the init of the machine has seen it
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("command", "output", "status"),
    [
        ("echo out; echo err >&2; echo out", ["out", "err", "out"], 0),
        ("printf 'no newline'", ["no newline"], 0),
        ("printf 'a\\n\\n'", ["a", ""], 0),
        ("true", [], 0),
        ("(exit 6)", [], 6),
        ("cat; echo after", ["after"], 0),
        ("read -r x; echo $?", ["1"], 0),
        ("cat <<'END'\n$a 'b'\nEND", ["$a 'b'"], 0),
        ("echo $PWD | sed 's/.*/here/'", ["here"], 0),
        ("printf '\\377\\n'", ["�"], 0),
    ],
)
def test_output_and_status(session: Session, command: str, output: list[str], status: int) -> None:
    outcome = session.run(command, 10)
    assert (outcome.output, outcome.status, outcome.trouble) == (output, status, "")


def test_a_command_finds_the_shell_as_the_one_before_left_it(session: Session) -> None:
    session.run("x=1; mkdir d; cd d; f() { return 7; }", 10)
    assert session.run('echo "$x ${PWD##*/}"; f', 10).output == ["1 d"]
    assert session.run("echo $?", 10).output == ["7"]


def test_a_syntax_error_stays_in_its_command(session: Session) -> None:
    outcome = session.run("echo 'never closed", 10)
    assert outcome.status
    assert "unexpected EOF" in outcome.output[0]
    assert session.run("echo next", 10).output == ["next"]


def test_what_hangs_is_killed_with_its_children_and_a_fresh_shell_goes_on(session: Session) -> None:
    begun = time.monotonic()
    outcome = session.run("x=1; echo before; sleep 300 & echo $!; sleep 300", 0.5)
    assert time.monotonic() - begun < 10
    assert (outcome.output[0], outcome.status) == ("before", None)
    assert "did not end within 0.5 s" in outcome.trouble
    assert gone(int(outcome.output[1]))
    assert session.run('echo "[$x]"', 10).output == ["[]"]


def test_what_ignores_the_gentle_signal_is_killed(session: Session) -> None:
    outcome = session.run("trap '' TERM; echo $$; while :; do sleep 0.1; done", 0.5)
    assert gone(int(outcome.output[0]))


def test_a_background_process_does_not_hold_the_next_command_up(session: Session) -> None:
    assert session.run("sleep 300 & echo started", 5).output == ["started"]
    assert session.run("echo next", 5).output == ["next"]


def test_a_command_that_ends_the_shell_is_told_as_such(session: Session) -> None:
    outcome = session.run("echo bye; exit 3", 10)
    assert (outcome.output, outcome.trouble) == (["bye"], "it ended the shell (status 3)")
    assert session.run("echo next", 10).output == ["next"]


def test_ending_the_shell_with_a_background_process_is_told_as_well(session: Session) -> None:
    assert "ended the shell" in session.run("sleep 300 & exit 3", 10).trouble


def test_endless_output_is_cut_off(session: Session) -> None:
    outcome = session.run("yes", 30)
    assert outcome.trouble == f"it printed more than {MOST} bytes"
