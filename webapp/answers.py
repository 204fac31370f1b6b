"""Answers: HTML for people, JSON for programs, and errors in the same two forms."""

from typing import Any

from flask import Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


def answer(template: str, data: dict[str, Any], status: int = 200, json: bytes = b"") -> Response:
    """Return the page `template` if HTML is preferred, else `json` or what `data` is in JSON."""
    # JSON is the first choice, so that curl's `Accept: */*` gets it; a browser names text/html.
    kinds = ("application/json", "text/html")
    kind = request.accept_mimetypes.best_match(kinds, default=kinds[0])
    body = render_template(template, **data) if kind == kinds[1] else json or jsonify(data).data
    return Response(body, status, HEADERS, mimetype=kind)


def on_error(error: HTTPException) -> Response:
    """Return every error in one shape: `{"error": {status, reason, detail}}`, or a page."""
    status = error.code or 500  # Flask logs an unhandled exception, then hands it over as a 500
    data = {"status": status, "reason": error.name, "detail": error.description}
    response = answer("error.html", {"error": data}, status)
    # Allow comes from the exception; its body and type do not.
    response.headers.extend(kv for kv in error.get_headers() if kv[0] != "Content-Type")
    return response
