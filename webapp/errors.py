"""Errors: the right status and a short body, never a stack trace."""

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from webapp.answers import answer


def init_app(app: Flask) -> None:
    """Answer every HTTP error in one shape: `{"error": {status, reason, detail}}`, or a page."""
    # Flask logs an unhandled exception with its traceback, then hands it over as a 500.
    app.register_error_handler(HTTPException, _on_error)


def _on_error(error: HTTPException) -> Response:
    status = error.code or 500
    data = {"status": status, "reason": error.name, "detail": error.description}
    response = answer("error.html", {"error": data}, status)
    # Allow and Retry-After come from the exception; its body and type do not.
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name != "Content-Type"
    )
    return response
