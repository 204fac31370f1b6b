"""One answer, two forms: HTML for people, JSON for programs."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, make_response, render_template, request


def answer(template: str, data: Mapping[str, Any], status: int = 200) -> Response:
    """Return `data` as the page `template` if the caller prefers HTML, as JSON otherwise.

    JSON comes first, so that curl's `Accept: */*` gets it; a browser names text/html.
    """
    best = request.accept_mimetypes.best_match(("application/json", "text/html"))
    body = render_template(template, **data) if best == "text/html" else jsonify(data)
    response = make_response(body, status)
    response.vary.add("Accept")
    return response
