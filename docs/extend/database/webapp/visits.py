"""Visits, counted in PostgreSQL, and whether it answers."""

from typing import Any

import psycopg
from flask import Blueprint, Response, current_app
from werkzeug.exceptions import ServiceUnavailable

from webapp import answers

bp = Blueprint("visits", __name__)


def ask(query: str) -> Any:
    """Return the first row of the answer; psycopg.Error where there is none in 2 seconds."""
    database = current_app.config["DATABASE"]
    with psycopg.connect(database, connect_timeout=2, options="-c statement_timeout=2s") as one:
        return one.execute(query.encode()).fetchone()


@bp.post("/visits")
def visit() -> tuple[dict[str, int], int]:
    """Count a visit."""
    return {"visits": ask("INSERT INTO visits DEFAULT VALUES RETURNING id")[0]}, 201


@bp.get("/readyz")
def readyz() -> dict[str, str]:
    """Tell that the database answers and has its table."""
    ask("SELECT FROM visits LIMIT 1")
    return {"status": "ready"}


@bp.errorhandler(psycopg.Error)
def unready(error: psycopg.Error) -> Response:
    """Answer 503: send me no callers; why, is for the log."""
    current_app.logger.warning("database: %s", error)
    return answers.on_error(ServiceUnavailable("The database does not answer as it should."))
