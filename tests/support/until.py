"""Waiting for a condition, and never for seconds."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T | None], limit: float = 60) -> T:
    """What CONDITION gives once that is true; AssertionError after LIMIT seconds.

    The limit is there to end a test that has failed, not to measure one that works.
    """
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {limit:g} s"
        time.sleep(0.005)
    return found
