"""The container's healthcheck, `python -m webapp.check`: no curl in the image, no Flask in here."""

import http.client
import os
import sys
from collections.abc import Mapping
from contextlib import closing

from webapp.settings import Settings, SettingsError

TIMEOUT = 2.0  # seconds


def main(environ: Mapping[str, str]) -> int:
    """Ask /readyz on 127.0.0.1, print one line, return the exit code: 0 ready, 1 anything else."""
    try:
        port = Settings.from_environ(environ).port
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection:
            connection.request("GET", "/readyz")
            status = connection.getresponse().status
    except (SettingsError, OSError, http.client.HTTPException) as error:
        print(f"not ready: {error or type(error).__name__}")
        return 1
    print("ready" if status == 200 else f"not ready: /readyz answered {status}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
