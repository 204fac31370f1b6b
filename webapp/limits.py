"""A limit on slow requests, so that the threads of a worker are never all taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Flask, current_app
from werkzeug.exceptions import ServiceUnavailable


def init_app(app: Flask, slots: int) -> None:
    """Let at most `slots` requests of this worker be slow at the same time."""
    app.extensions["slots"] = BoundedSemaphore(slots)


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the slots. Raises ServiceUnavailable (503, Retry-After: 1) when none is free."""
    slots: BoundedSemaphore = current_app.extensions["slots"]
    if not slots.acquire(blocking=False):
        raise ServiceUnavailable("Too many slow requests at the same time.", retry_after=1)
    try:
        yield
    finally:
        slots.release()
