"""Faults on demand, for labs on clients: registered only with WEBAPP_FAULTS=on."""

import time
from typing import Any

from flask import Blueprint, abort
from werkzeug.http import HTTP_STATUS_CODES

bp = Blueprint("faults", __name__)


@bp.get("/delay/<int:seconds>")
@bp.get("/delay/<float:seconds>")
def delay(seconds: float) -> dict[str, Any]:
    """Answer after 0 to 10 seconds, for which a thread is taken; 400 above."""
    if seconds > 10:
        abort(400, f"/delay/{seconds}: expected a number from 0 to 10.")
    time.sleep(seconds)
    return {"delayed_seconds": seconds}


@bp.get("/status/<int:code>")
def status(code: int) -> tuple[dict[str, Any], int]:
    """Answer with this status, 200 to 599; 400 for another number."""
    if not 200 <= code <= 599:
        abort(400, f"/status/{code}: expected a whole number from 200 to 599.")
    return {"status": code, "reason": HTTP_STATUS_CODES.get(code, "Unassigned")}, code
