"""`python -m webapp.migrate`: apply each of migrations/*.sql that the database has not had."""

import os
from pathlib import Path

import psycopg

from webapp.settings import Settings

with psycopg.connect(Settings.from_environ(os.environ).database) as connection:  # all or nothing
    connection.execute("SELECT pg_advisory_xact_lock(1)")  # one at a time
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
    had = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for path in sorted((Path(__file__).parent / "migrations").glob("*.sql")):
        if path.name not in had:
            connection.execute(path.read_bytes())
            connection.execute("INSERT INTO migrations VALUES (%s)", [path.name])
            print(f"applied {path.name}")
