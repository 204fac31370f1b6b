"""Callers of the last minute and their names: the same whichever worker answers."""

import fcntl
import ipaddress
import os
import struct
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread, Timer
from typing import IO, Any

from webapp import names

MOST, KEPT = 64, 60.0  # callers, seconds
SERVICE = "webapp"  # the name in compose.yaml, which all replicas share
ROW = struct.Struct("=48sQdd")  # address, calls, Unix time of the last one, seconds it took
# Files in memory beside the metrics, not among them: an address as a label would never go away.
FOLDER = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull))
CALLS, NAMES = FOLDER / "callers", FOLDER / "names"
pending = deque[tuple[str, float, float]](maxlen=10_000)
writing, learning = Lock(), Lock()


def count(address: str, seconds: float) -> None:
    """Count a call that took `seconds`: a thread writes it down a tenth of a second later."""
    pending.append((address, time.time(), seconds))
    if writing.acquire(blocking=False):  # a busy worker writes once for all calls until then
        Timer(0.1, write).start()


def write() -> None:
    """Add the calls to the record; of 65 callers the one silent for longest is forgotten."""
    writing.release()
    with suppress(OSError), CALLS.open("a+b", buffering=0) as file:  # costs no answer
        fcntl.flock(file, fcntl.LOCK_EX)  # unlike a semaphore, free again when a worker dies
        found = read(file)
        while pending:
            address, last, seconds = pending.popleft()
            calls = found.pop(address, {"calls": 0})["calls"] + 1
            found[address] = {"calls": calls, "last": last, "seconds": seconds}
        file.truncate(0)
        latest = list(found.items())[-MOST:]
        file.write(b"".join(ROW.pack(key.encode(), *call.values()) for key, call in latest))


def read(file: IO[bytes]) -> dict[str, Any]:
    """Return the last minute's callers by address; left out is what only damage can have made."""
    table, found = os.pread(file.fileno(), ROW.size * MOST, 0), dict[str, Any]()
    for text, calls, last, seconds in ROW.iter_unpack(table[: len(table) // ROW.size * ROW.size]):
        with suppress(ValueError):
            address = str(ipaddress.ip_address(text.rstrip(b"\0").decode("ascii")))
            if calls < 1e15 and 0 <= time.time() - last <= KEPT and 0 <= seconds < 1e6:
                found[address] = {"calls": calls, "last": last, "seconds": seconds}
    return found


def lately() -> list[dict[str, Any]]:
    """Return address, calls, Unix time and seconds of the last one; the latest caller first."""
    with suppress(OSError), CALLS.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return [{"address": key} | call for key, call in reversed(read(file).items())]
    return []


def known() -> dict[str, str]:
    """Return the names learnt, "" where an address has none, and the addresses of SERVICE."""
    with suppress(OSError, ValueError):
        return dict(line.split(" ", 1) for line in NAMES.read_text("ascii").splitlines())
    return {}


def learn(wanted: list[str]) -> None:
    """Have these names and SERVICE asked for, at most once a second, in a thread: none waits."""
    fresh = NAMES.exists() and 0 <= time.time() - NAMES.stat().st_mtime < 1
    if not (fresh and known().keys() >= set(wanted)) and not learning.locked():
        Thread(target=ask, args=((SERVICE, *wanted),), daemon=True).start()


def ask(keys: tuple[str, ...]) -> None:
    """Ask the resolver for each, and keep what it says."""
    fresh = NAMES.with_suffix(f".{os.getpid()}")
    with learning, suppress(OSError):  # names less, no answer less
        resolver = names.system_resolver()
        lines = (f"{key} {names.brief(key, resolver)}\n" for key in keys)
        fresh.write_text("".join(lines), "ascii")
        fresh.replace(NAMES)  # whole, whoever reads it
