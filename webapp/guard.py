"""What every request is held to, and what every answer carries."""

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

MAX_BODY = 16 * 1024  # bytes; no route reads a body

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: Flask) -> None:
    """Refuse large bodies with 413 on every route; add the security headers to every answer."""
    app.before_request(_refuse_large_body)
    app.after_request(_add_headers)


def _refuse_large_body() -> None:
    # Flask's own MAX_CONTENT_LENGTH acts only when a route reads the body.
    if (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"The body may have at most {MAX_BODY} bytes.")


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
