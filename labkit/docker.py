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
import threading
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
    """Which signal has come, and whether it must wait."""

    def __init__(self) -> None:
        self.pending: int | None = None
        self.holding = 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        self.pending = self.pending or number
        if not self.holding:
            self.act()

    def act(self) -> None:
        number, self.pending = self.pending, None
        if number is not None:
            raise Interrupted(number)


_signals = _Signals()


def take_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Interrupted, where nothing holds them."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _signals.handle)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """A signal that comes inside is acted on at the end."""
    _signals.holding += 1
    try:
        yield
    finally:
        _signals.holding -= 1
    if not _signals.holding:
        _signals.act()


@contextlib.contextmanager
def _released() -> Iterator[None]:
    """Inside one held(): a signal that has come, or comes inside, is acted on at once."""
    _signals.holding -= 1
    try:
        if not _signals.holding:
            _signals.act()
        yield
    finally:
        _signals.holding += 1


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that comes inside, where something is cleaned up, is forgotten."""
    _signals.holding += 1
    try:
        yield
    finally:
        _signals.holding -= 1
        if not _signals.holding:
            _signals.pending = None


def command(
    *argv: str, limit: float = LIMIT, stdin: str = "", breakable: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ARGV to its end, out of reach of the terminal's Ctrl-C, for LIMIT seconds at most.

    Raise EngineError where it cannot be started or does not end. A breakable one is ended by a
    signal.
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
                with _released() if breakable else contextlib.nullcontext():
                    out, err = process.communicate(stdin, timeout=limit)
            except BaseException as error:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    shown = " ".join(argv[:2])
                    raise EngineError(f"{shown} did not end within {limit:g} s") from None
                raise
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
