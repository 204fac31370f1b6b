"""The service's health record: its last call, which `--check`, the health check, reads."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path


class Record:
    """Of the first service alone, which holds a lock: `docker exec` may run another beside it."""

    def __init__(self, path: str) -> None:
        self._path, self._warned, self._lock = Path(path), False, -1

    def write(self, code: int, line: str, valid_for: float) -> None:
        """Replace the record in one step, so that none is read by half; valid for some seconds."""
        kept = {"code": code, "line": line, "valid_until": time.time() + valid_for}
        try:
            if self._lock < 0:
                self._lock = os.open(f"{self._path}.lock", os.O_CREAT | os.O_WRONLY, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new = Path(f"{self._path}.new")
            new.write_text(json.dumps(kept))
            new.replace(self._path)
        except OSError as error:
            if not (self._warned or isinstance(error, BlockingIOError)):
                self._warned = True
                print(f"client: cannot write {self._path}: {error.strerror}", file=sys.stderr)


def last_call(path: str) -> tuple[int, str]:
    """Return the last call's code and line; 1 and why, if there is none or it is old."""
    try:
        kept = json.loads(Path(path).read_text())
        code, line, late = kept["code"], kept["line"], time.time() - kept["valid_until"]
    except FileNotFoundError:
        return 1, f"no call recorded yet in {path}"
    except OSError as error:
        return 1, f"cannot read {path}: {error.strerror}"
    except (ValueError, TypeError, KeyError):
        return 1, f"not a record of a call: {path}"
    return (code, line) if late <= 0 else (1, f"stale by {late:.0f} s, last call: {line}")
