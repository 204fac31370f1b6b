"""The container's command, `python -m webapp [GUNICORN'S OPTIONS]`: check the settings, serve."""

import os
import sys

from webapp.settings import Settings

try:
    # gunicorn reads this one before its configuration, and would trace a value that is no number.
    os.environ["WEB_CONCURRENCY"] = str(Settings.from_environ(os.environ).workers)
except ValueError as error:
    print(f"webapp: {error}", file=sys.stderr)
    sys.exit(2)
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf")
os.execv(sys.executable, (*GUNICORN, *sys.argv[1:]))  # noqa: S606
