"""What `./lab` shows on a terminal of 80 columns: no line is wider, nothing is coloured."""

import os
import pty
import re
import struct
import subprocess
from collections.abc import Iterator
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from tests.support.engine import LABEL, LIMIT, ROOT, fresh_name, run

# As long as the pair's own.
PAIR = {"COMPOSE_PROJECT_NAME": fresh_name()[: len("two-bridges")], "WEBAPP_PORT": "0"}
ERASE = "\r\x1b[K"  # to the beginning of the line, and the rest of it away


def on_a_terminal(*words: str, width: int = 80) -> list[str]:
    """The lines that WORDS leave there; what was written over must have fitted too."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    env, seen = {**os.environ, **PAIR}, b""
    with subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            while some := os.read(ours, 65536):
                seen += some
        except OSError:  # all that had it have ended
            pass
        process.wait(LIMIT)
    os.close(ours)
    text = seen.decode().replace("\r\n", "\n")
    shown = re.split(f"\n|{re.escape(ERASE)}", text)
    assert [line for line in shown if len(line) > width or "\x1b" in line] == [], text
    return [line.rpartition(ERASE)[2] for line in text.rstrip("\n").split("\n")]


@pytest.fixture(scope="module")
def up() -> Iterator[list[str]]:
    """What `./lab up` shows."""
    try:
        yield on_a_terminal("./lab", "up")
    finally:
        run("./lab", "down", env=PAIR)


def test_up_ends_with_where_it_is(up: list[str]) -> None:
    assert re.fullmatch(r"the pair is up: http://127\.0\.0\.1:\d+/ .*", up[-1])


def test_compare_ends_with_the_outcome() -> None:
    assert on_a_terminal("./lab", "compare")[-1].startswith("As expected: ")


def test_the_doctor_of_the_machine(up: list[str]) -> None:
    assert on_a_terminal("./lab", "doctor")[-1].startswith("port ")


@pytest.mark.parametrize("name", ["webapp", "nobody-here"])
def test_the_doctor_ends_with_the_verdict(up: list[str], name: str) -> None:
    client = f"{PAIR['COMPOSE_PROJECT_NAME']}-client-1"
    told = on_a_terminal("./lab", "doctor", client, name)
    verdict = max(n for n, line in enumerate(told) if line.startswith("verdict "))
    assert all(line.startswith(" " * 11) for line in told[verdict + 1 :])


def test_trace_ends_with_what_became_of_it(up: list[str]) -> None:
    names = (f"{PAIR['COMPOSE_PROJECT_NAME']}-{service}-1" for service in ("client", "webapp"))
    assert on_a_terminal("./lab", "trace", *names, "--probe", "tcp:8000")[-1].startswith(
        "answered: "
    )


@pytest.mark.parametrize(
    "words", [[], ["help"], ["test", "-h"], ["up", "-h"], ["nodes", "-h"], ["test", "nothing"]]
)
def test_words_that_only_tell(words: list[str]) -> None:
    assert on_a_terminal("./lab", *words)


def test_a_failure_of_the_client_is_folded_at_its_sentences() -> None:
    words = ("docker", "run", "--rm", "--tty", *LABEL, "two-bridges-client")
    first, second, third = on_a_terminal(*words, width=100)
    assert "FAILED to resolve (exit 6)" in first
    assert second.startswith("  Resolver ")
    assert third.startswith("  Put both ")
