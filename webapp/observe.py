"""Requests as gunicorn sees them: a line of JSON each in the log, and metrics for Prometheus."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from webapp import callers

REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("http_request_duration_seconds", "Time to answer.", ["route"])

bp = Blueprint("observe", __name__)


class Observer(Logger):  # type: ignore[misc]
    """gunicorn's logger, which it calls after each answer; its own messages stay on stderr."""

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Count and time the request, then write its line on stdout."""
        route = environ.get("webapp.route", "unmatched")
        method = "any" if route == "unmatched" else req.method
        if os.statvfs(callers.FOLDER).f_bavail:  # a mapped file ends its worker on a full disk
            REQUESTS.labels(method, route, resp.status[:3]).inc()
            SECONDS.labels(route).observe(request_time.total_seconds())
        if route in ("/healthz", "/metrics", "/?live"):
            return  # asked every few seconds: their lines would bury the others
        if not route.startswith("/static/"):
            callers.count(environ["REMOTE_ADDR"], request_time.total_seconds())
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "info",
            "remote": environ["REMOTE_ADDR"],
            "method": req.method,
            "path": req.path,
            "status": int(resp.status[:3]),
            "ms": round(request_time.total_seconds() * 1000, 1),
            "bytes": resp.sent,
            "user_agent": environ.get("HTTP_USER_AGENT", ""),
        }
        print(json.dumps(line) + "\n", end="", flush=True)  # in one write; dumps escapes it all


@bp.before_app_request
def name_route() -> None:
    """Tell gunicorn the rule that matched: a label has few values whatever path callers send."""
    if request.url_rule:
        request.environ["webapp.route"] = request.url_rule.rule


@bp.get("/metrics")
def metrics() -> Response:
    """Return the sums over all workers, whichever answers: gunicorn_conf names their directory."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
