"""The container's healthcheck: ask /healthz, print one line, end with 0 (ready) or 1 (not)."""

import os
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from webapp.settings import Settings

try:
    settings = Settings.from_environ(os.environ)
    with closing(HTTPConnection("127.0.0.1", settings.port, timeout=2)) as connection:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    problem = "" if status == 200 else f"/healthz answered {status}"
except (ValueError, OSError, HTTPException) as error:
    problem = str(error) or type(error).__name__
print(f"not ready: {problem}" if problem else "ready")
sys.exit(1 if problem else 0)
