"""Probes: alive, and ready for more work."""

from threading import Event

from flask import Blueprint

bp = Blueprint("probes", __name__)

# Set when gunicorn tells the worker to stop (see gunicorn_conf); every worker is told.
stopping = Event()


@bp.get("/healthz")
def healthz() -> dict[str, str]:
    """200 as long as the process answers at all: a failure means restart me."""
    return {"status": "ok"}


@bp.get("/readyz")
def readyz() -> tuple[dict[str, str], int]:
    """200, or 503 while stopping: a failure means send me no new work."""
    if stopping.is_set():
        return {"status": "stopping"}, 503
    return {"status": "ready"}, 200
