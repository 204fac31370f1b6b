"""Faults on demand, for labs on clients: `bp` only with WEBAPP_FAULTS=on, `off` else."""

import time
from typing import Any, NoReturn

from flask import Blueprint, abort
from werkzeug.http import HTTP_STATUS_CODES

bp = Blueprint("faults", __name__)
off = Blueprint("faults_off", __name__)


@off.get("/delay/<path:_>")
@off.get("/status/<path:_>")
def switched_off(_: str) -> NoReturn:
    """404 that names the switch."""
    abort(404, "Faults are switched off: expected WEBAPP_FAULTS=on in the webapp's environment.")


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
