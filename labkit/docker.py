"""The one place that runs docker, and that takes signals, for every word of `./lab`.

A docker command that is cut off half-way may still make its container after the clean-up has
looked. So a signal that comes while one runs is acted on when it has ended, unless the command is
said to be breakable; anywhere else a signal raises Interrupted at once.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMIT = 60.0  # seconds for one command


class EngineError(Exception):
    """No engine, or it refused a command; the text says what to do."""

    code = 3


class Interrupted(BaseException):
    """A signal that ends us came; the exit code is 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class _Signals:
    """Which signal has come, and by how much is held that must end before it is acted on."""

    def __init__(self) -> None:
        self.pending: int | None = None
        self.holding = 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.pending = self.pending or number
        self.act()

    def act(self) -> None:
        number = self.pending
        if number is not None and not self.holding:
            self.pending = None
            raise Interrupted(number)

    @contextlib.contextmanager
    def hold(self, change: int, forget: bool = False) -> Iterator[None]:
        """Inside CHANGE more holds; act at either end if none is left, or FORGET what has come."""
        self.holding += change
        try:
            self.act()
            yield
        finally:
            self.holding -= change
            if forget and not self.holding:
                self.pending = None
        self.act()


_signals = _Signals()


def take_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Interrupted, where nothing holds them."""
    for number in SIGNALS:
        signal.signal(number, _signals.handle)


def held() -> contextlib.AbstractContextManager[None]:
    """A signal that comes inside is acted on at the end."""
    return _signals.hold(1)


def undisturbed() -> contextlib.AbstractContextManager[None]:
    """A signal that comes inside, where something is cleaned up, is forgotten."""
    return _signals.hold(1, forget=True)


def command(
    *argv: str, limit: float = LIMIT, stdin: str = "", breakable: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ARGV to its end, out of reach of the terminal's Ctrl-C, for LIMIT seconds at most.

    Raise EngineError where it cannot be started or does not end. A breakable one is ended by a
    signal, unless something else holds it.
    """
    with held():
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except FileNotFoundError:
            cure = ": ./lab up installs it" if argv[0] == "docker" else ""
            raise EngineError(f"{argv[0]} is not installed{cure}") from None
        with process:
            try:
                with _signals.hold(-1 if breakable else 0):
                    out, err = process.communicate(stdin, timeout=limit)
            except subprocess.TimeoutExpired:
                shown = " ".join(argv[:2])
                raise EngineError(f"{shown} did not end within {limit:g} s") from None
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def attempt(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run `docker WORDS`, whatever comes of it; HOW as for command()."""
    return command("docker", *words, **how)


def run(*words: str, **how: Any) -> str:
    """The output of `docker WORDS`; EngineError, with its last line, where it fails."""
    done = attempt(*words, **how)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise EngineError(f"docker {words[0]}: exit {done.returncode}: {said[-1]}")
    return done.stdout.strip()


def inspect(kind: str, ids: Iterable[str]) -> list[Any]:
    """What the engine knows of each of IDS; one that has just gone is left out."""
    asked = list(ids)
    # It fails when one is gone, and prints the others all the same.
    return list(json.loads(attempt(kind, "inspect", *asked).stdout or "[]")) if asked else []
