"""Answers: HTML for people, JSON for programs, and errors in the same two forms."""

from typing import Any

from flask import Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


def harden(response: Response) -> Response:
    """Add HEADERS, whatever answered: a route, an error, a file."""
    response.headers.extend(HEADERS)
    return response


def wants_html() -> bool:
    """Return whether the caller prefers HTML: a browser names it, curl's `*/*` does not."""
    kinds = ("application/json", "text/html")
    return request.accept_mimetypes.best_match(kinds, default=kinds[0]) == kinds[1]


def answer(template: str, data: dict[str, Any], status: int = 200) -> Response:
    """Return `data` as the page `template` if HTML is preferred, else as JSON."""
    html = wants_html()
    body = render_template(template, **data, data=data) if html else jsonify(data).data
    return Response(body, status, mimetype="text/html" if html else "application/json")


def on_error(error: HTTPException) -> Response:
    """Return every error in one shape: `{"error": {status, reason, detail}}`, or a page."""
    status = error.code or 500  # Flask logs an unhandled exception, then hands it over as a 500
    data = {"status": status, "reason": error.name, "detail": error.description}
    response = answer("error.html", {"error": data}, status)
    # Allow comes from the exception; its body and type do not.
    response.headers.extend(kv for kv in error.get_headers() if kv[0] != "Content-Type")
    return response
