"""The service's health record: its last call, which `--check`, the health check, reads."""

import fcntl
import json
import sys
import time
from pathlib import Path
from typing import TextIO

# Seconds for a busy machine to be late by before a record counts as stale.
SLACK = 5.0


class Record:
    """Written by the first service only, which holds a lock beside it until it ends.

    `docker exec` may run a second client, which inherits the service's variables.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._warned = path, False
        self._lock: TextIO | None = None

    def write(self, code: int, line: str, valid_for: float) -> None:
        """Replace the record in one step; it is stale after `valid_for` seconds and SLACK.

        Where it cannot be written, say so once.
        """
        kept = {"code": code, "line": line, "valid_until": time.time() + valid_for + SLACK}
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            if not self._lock:
                lock = self._path.with_name(f"{self._path.name}.lock").open("w")
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
            new.write_text(json.dumps(kept))
            new.replace(self._path)
        except BlockingIOError:
            lock.close()
        except OSError as error:
            if not self._warned:
                print(f"client: cannot write {self._path}: {error.strerror}", file=sys.stderr)
            self._warned = True


def last_call(path: Path) -> tuple[int, str]:
    """Return the last call's code and line; 1 and why, if there is none or it is old."""
    try:
        kept = json.loads(path.read_text())
        code, line, late = kept["code"], kept["line"], time.time() - kept["valid_until"]
    except FileNotFoundError:
        return 1, f"no call recorded yet in {path}"
    except OSError as error:
        return 1, f"cannot read {path}: {error.strerror}"
    except (ValueError, TypeError, KeyError):
        return 1, f"not a record of a call: {path}"
    return (code, line) if late <= 0 else (1, f"stale by {late:.0f} s, last call: {line}")
