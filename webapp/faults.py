"""Faults on demand, for labs on clients: registered only with WEBAPP_FAULTS=on."""

import time
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, make_response
from werkzeug.exceptions import BadRequest
from werkzeug.http import HTTP_STATUS_CODES

from webapp import limits
from webapp.settings import bounded

bp = Blueprint("faults", __name__)


@bp.get("/delay/<seconds>")
def delay(seconds: str) -> dict[str, Any]:
    """Answer after 0 to 10 seconds; 400 for anything else, 503 when too many wait already."""
    try:
        duration = bounded(seconds, float, 0.0, 10.0)
    except ValueError as error:
        raise BadRequest(f"/delay/{seconds}: {error} seconds.") from None
    with limits.slot():
        time.sleep(duration)
    return {"delayed_seconds": duration}


@bp.get("/status/<code>")
def status(code: str) -> Response:
    """Answer with this status, 200 to 599; 400 for anything else."""
    try:
        number = bounded(code, int, 200, 599)
    except ValueError as error:
        raise BadRequest(f"/status/{code}: {error}.") from None
    if number in (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED):
        return make_response("", number)
    return make_response(
        jsonify(status=number, reason=HTTP_STATUS_CODES.get(number, "Unassigned")), number
    )
