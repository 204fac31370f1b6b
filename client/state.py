"""The record of the last call that `--check`, the container's healthcheck, reads."""

import json
import os
import time
from pathlib import Path

from client.trouble import Code, plain

# Seconds for a busy machine to be late by before a record counts as stale.
SLACK = 5.0


def record(path: Path, code: Code, line: str, next_within: float) -> None:
    """Replace the record in one step, so that no reader ever sees half of it.

    `next_within` is in seconds: how long the next call may take to be recorded. Raise OSError if
    the file cannot be written.
    """
    valid_until = time.time() + next_within + SLACK
    # Of its own, since `docker exec` may run a second client beside the first.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(
        json.dumps({"code": code, "line": line, "valid_until": valid_until}), encoding="utf-8"
    )
    new.replace(path)


def check(path: Path) -> tuple[Code, str]:
    """Return the last call's code and line; NO_RECORD and why, if there is none or it is old."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        code, line, valid_until = Code(kept["code"]), str(kept["line"]), float(kept["valid_until"])
    except FileNotFoundError:
        return Code.NO_RECORD, f"no call recorded yet in {plain(str(path))}"
    except OSError as error:
        return Code.NO_RECORD, f"cannot read {plain(str(path))}: {error.strerror}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return Code.NO_RECORD, f"not a record of a call: {plain(str(path))}"
    late = time.time() - valid_until
    if not late <= 0:
        return Code.NO_RECORD, f"stale by {late:.0f} s, last call: {plain(line, 1000)}"
    return code, plain(line, 1000)
