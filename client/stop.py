"""Ends a run at once on SIGINT or SIGTERM, but never in the middle of a line of output."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class Interrupted(BaseException):
    """The run was told to end; not an Exception, so that no library swallows it."""


class Stop:
    """While entered, takes SIGINT and SIGTERM; handlers of its own, so that it works as PID 1."""

    def __init__(self) -> None:
        self._asked = False
        self._may_raise = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._may_raise:
            # Once only: a second signal must not hit the clean-up after the first.
            self._may_raise = False
            raise Interrupted

    @contextmanager
    def may_interrupt(self) -> Iterator[None]:
        """Let a signal raise Interrupted inside this block, or on entry if one came before."""
        try:
            self._may_raise = True
            if self._asked:
                raise Interrupted
            yield
        finally:
            self._may_raise = False
