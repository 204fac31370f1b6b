"""How a call and a run are told: in lines for people, or as JSON."""

import json
import math
import sys
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime

from client.resolver import Resolver

KINDS = {6: "resolve", 7: "connect", 22: "status", 28: "timeout"}
# What a service that runs for ever remembers: the latest latencies, and the first addresses.
LATENCIES, ADDRESSES = 10_000, 100


def plain(text: str, limit: int = 200) -> str:
    """Return foreign text as ASCII on one line: it must not move a cursor or forge a line."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:limit])


@dataclass
class Result:
    """How a call ended: at which step, and with which of the exit codes."""

    n: int
    url: str
    name: str
    attempts: int = 1
    step: str = "ask"
    code: int = 0
    status: int | None = None
    addresses: tuple[str, ...] = ()  # that the name resolved to
    address: str | None = None  # connected to, or tried last
    ms: float = 0.0  # milliseconds from the look-up to the last byte, all attempts together
    answered_by: str | None = None
    error: str | None = None
    cure: str | None = None
    time: datetime = datetime.min


def text_line(result: Result, where: Resolver) -> str:
    """Return the line for people; on a terminal a failure has one for each of its sentences."""
    who = f"{result.name} -> {result.address}" if result.address else result.name
    line = f"{result.time.astimezone():%H:%M:%S}  {who}  "
    tries = f", {result.attempts} attempts" if result.attempts > 1 else ""
    if not result.code:
        by = f"  answered by {result.answered_by}" if result.answered_by else ""
        return f"{line}{result.status} in {result.ms:.1f} ms{tries}{by}"
    line += f"FAILED to {result.step} (exit {result.code}{tries}): {result.error}."
    meaning = f"Resolver {plain(', '.join(where.servers)) or 'unknown'}: {where.meaning}."
    return ("\n  " if sys.stdout.isatty() else " ").join((line, meaning, result.cure or where.cure))


def json_line(result: Result, where: Resolver) -> str:
    """Return the same as one JSON object; `time` is UTC, `ms` are milliseconds."""
    said = {"event": "call"} | vars(result) | {"resolver": where.servers, "bridge": where.bridge}
    said["time"] = result.time.astimezone(UTC).isoformat(timespec="milliseconds")
    said["cure"] = result.cure or (where.cure if result.code else None)
    return json.dumps(said | {"ok": not result.code})


class Summary:
    """Counts the calls of a run; its memory does not grow with their number."""

    def __init__(self) -> None:
        self.calls = self.last = self.last_failed = 0
        self._failed, self._latencies = Counter[str](), deque[float](maxlen=LATENCIES)
        self._seen, self._used = dict[str, None](), dict[str, None]()

    def add(self, result: Result) -> None:
        """Count one call."""
        self.calls += 1
        self.last = result.code
        if len(self._seen) < ADDRESSES:
            self._seen |= dict.fromkeys(result.addresses)
        if result.code:
            self.last_failed = result.code
            self._failed[KINDS[result.code]] += 1
        else:
            self._latencies.append(result.ms)
            if result.address and result.address in self._seen:
                self._used[result.address] = None

    def latency(self) -> dict[str, float]:
        """Return p50, p95 and max in milliseconds: nearest rank, of the latest answered calls."""
        values, shares = sorted(self._latencies), {"p50": 0.5, "p95": 0.95, "max": 1.0}
        return {k: values[math.ceil(s * len(values)) - 1] for k, s in shares.items() if values}

    def text(self) -> str:
        """Return the summary for people, of two or three lines."""
        failed, plural = self._failed.total(), "" if self.calls == 1 else "s"
        line = f"{self.calls} call{plural}: {self.calls - failed} answered, {failed} failed"
        line += f" ({', '.join(f'{n} {k}' for k, n in self._failed.items())})" if failed else ""
        if self._latencies:
            line += "\n" + ", ".join(f"{k} {ms:.1f} ms" for k, ms in self.latency().items())
        seen, used = (", ".join(d) or "none" for d in (self._seen, self._used))
        return f"{line}\nresolved to: {seen}; answered from: {used}"

    def json(self, code: int) -> str:
        """Return the summary as one JSON object, with the run's exit code."""
        said: dict[str, object] = {"event": "summary", "calls": self.calls, "code": code}
        said["answered"] = self.calls - self._failed.total()
        said["failed"] = {kind: self._failed[kind] for kind in KINDS.values()}
        said["latency_ms"] = self.latency() or dict.fromkeys(("p50", "p95", "max"))
        said["addresses"] = {"seen": list(self._seen), "used": list(self._used)}
        return json.dumps(said)
