"""Callers of the last minute and their names: the same whichever worker answers."""

import fcntl
import ipaddress
import os
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from webapp import names

MOST, KEPT = 64, 60.0  # callers, seconds
SERVICE = "webapp"  # the name in compose.yaml, which all replicas share
ROW = struct.Struct("=48sQdd")  # address, calls, Unix time of the last one, seconds it took
# Files in memory beside the metrics, not among them: an address as a label would never go away.
FOLDER = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull))
CALLS, NAMES = FOLDER / "callers", FOLDER / "names"
learning = Lock()


def count(address: str, seconds: float) -> None:
    """Count a call that took `seconds`; of 65 callers the one silent for longest is forgotten."""
    key = address.encode().ljust(48, b"\0")
    with suppress(OSError, struct.error):  # costs the drawing, never an answer
        file = os.open(CALLS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # unlike a semaphore, free again when a worker dies
            table, now = os.read(file, ROW.size * MOST), time.time()
            whole = range(0, len(table) - ROW.size + 1, ROW.size)
            rows = [table[at : at + ROW.size] for at in whole]
            mine = next((row for row in rows if row.startswith(key)), bytes(ROW.size))
            _, calls, last, _ = ROW.unpack(mine)
            latest = ROW.pack(key, calls + 1 if 0 <= now - last <= KEPT else 1, now, seconds)
            rows = [latest, *(row for row in rows if row is not mine)][:MOST]
            os.pwrite(file, b"".join(rows), 0)
        finally:
            os.close(file)


def lately() -> list[dict[str, Any]]:
    """Return the callers, the latest first; left out is what only a damaged record can hold."""
    table, found, now = b"", dict[str, dict[str, Any]](), time.time()
    with suppress(OSError), CALLS.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        table = file.read(ROW.size * MOST)
    for text, calls, last, seconds in ROW.iter_unpack(table[: len(table) // ROW.size * ROW.size]):
        with suppress(ValueError):
            address = str(ipaddress.ip_address(text.rstrip(b"\0").decode("ascii")))
            if 0 <= now - last <= KEPT and 0 <= seconds < 1e6:
                when = datetime.fromtimestamp(last, UTC).isoformat(timespec="milliseconds")
                call = {"address": address, "calls": calls, "last": when}
                call |= {"milliseconds": round(seconds * 1000, 1), "silent": now - last > 1}
                found.setdefault(address, call)
    return list(found.values())


def known() -> dict[str, str]:
    """Return the names learnt, "" where an address has none, and the addresses of SERVICE."""
    with suppress(OSError, ValueError):
        return dict(line.split(" ", 1) for line in NAMES.read_text("ascii").splitlines())
    return {}


def learn(wanted: list[str]) -> None:
    """Have these names and SERVICE asked for, at most once a second, in a thread: none waits."""
    with suppress(OSError):
        if 0 <= time.time() - NAMES.stat().st_mtime < 1 and known().keys() >= set(wanted):
            return
    if learning.acquire(blocking=False):
        Thread(target=ask, args=((SERVICE, *wanted),), daemon=True).start()


def ask(keys: tuple[str, ...]) -> None:
    """Ask the resolver for each, and keep what it says."""
    fresh = NAMES.with_suffix(f".{os.getpid()}")
    try:
        resolver = names.system_resolver()
        text = "".join(f"{key} {names.brief(key, resolver)}\n" for key in keys)
        with suppress(OSError):  # names less, no answer less
            fresh.write_text(text, "ascii")
            fresh.replace(NAMES)  # whole, whoever reads it
    finally:
        learning.release()
