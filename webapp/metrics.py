"""Metrics for Prometheus, summed over the workers of gunicorn."""

import os
import time

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def init_app(app: Flask) -> None:
    """Count and time every request of `app`, and serve the result at /metrics.

    Labels take few values whatever callers send: a route is the rule that matched, not the path.
    """
    registry = CollectorRegistry()
    requests = Counter(
        "http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
    )
    durations = Histogram(
        "http_request_duration_seconds", "Time to answer.", ["route"], registry=registry
    )

    @app.before_request
    def start() -> None:
        g.metrics_start = time.perf_counter()

    @app.after_request
    def observe(response: Response) -> Response:
        method = request.method if request.method in METHODS else "OTHER"
        route = request.url_rule.rule if request.url_rule else "unmatched"
        requests.labels(method, route, response.status_code).inc()
        durations.labels(route).observe(time.perf_counter() - g.metrics_start)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        source = registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            # Whichever worker answers reads the files of all (see gunicorn_conf).
            source = CollectorRegistry()
            MultiProcessCollector(source)  # type: ignore[no-untyped-call]
        return Response(generate_latest(source), content_type=CONTENT_TYPE_LATEST)
