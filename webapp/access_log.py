"""The log: JSON, one line a record, on standard output."""

import json
import logging
import logging.config
import time
from datetime import UTC, datetime

from flask import Flask, Response, g, request

# Asked every few seconds by machines: their lines would bury the others.
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

logger = logging.getLogger(__name__)


class JSONFormatter(logging.Formatter):
    """A record as one JSON object; a message that is a dict gives its own keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end: json.dumps escapes whatever a caller put in it."""
        time_utc = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time_utc, "level": record.levelname.lower()}
        line |= record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def init_app(app: Flask) -> None:
    """Log every request but the quiet ones, and the exceptions that no one handled."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JSONFormatter}},
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "json",
                }
            },
            # Parent of this logger and of Flask's own, which has the name of the app's module.
            "loggers": {"webapp": {"handlers": ["stdout"], "level": "INFO"}},
        }
    )
    app.before_request(_start)
    app.after_request(_log)


def _start() -> None:
    g.access_start = time.perf_counter()


def _log(response: Response) -> Response:
    if request.path not in QUIET:
        logger.info(
            {
                "remote": request.remote_addr,
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.access_start) * 1000, 1),
                "bytes": 0 if request.method == "HEAD" else response.content_length or 0,
                "user_agent": request.user_agent.string,
            }
        )
    return response
