"""What the client prints: a line per call and a summary, for people or as JSON."""

import json
import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import UTC

from client.call import Result
from client.resolver import Resolver
from client.trouble import Code

# What a service that runs for ever remembers: the latest latencies, and the first addresses.
LATENCIES = 10_000
ADDRESSES = 100

_FAILED = {
    Code.RESOLVE: "resolve",
    Code.CONNECT: "connect",
    Code.STATUS: "status",
    Code.TIMEOUT: "timeout",
}


def text_line(result: Result, name: str, resolver: Resolver) -> str:
    """Return the line for people, with the local time at which the call ended."""
    who = f"{name} -> {result.address}" if result.address else name
    line = f"{result.time.astimezone():%H:%M:%S}  {who}  "
    tries = f", {result.attempts} attempts" if result.attempts > 1 else ""
    if result.trouble:
        line += f"FAILED to {result.trouble.step} (exit {result.code}{tries}): {result.error}. "
        return line + f"{resolver}. {resolver.cure(result.trouble)}"
    line += f"{result.status} in {result.ms:.1f} ms{tries}"
    return line + (f"  answered by {result.answered_by}" if result.answered_by else "")


def json_line(result: Result, name: str, url: str, resolver: Resolver) -> str:
    """Return the same as one JSON object; `time` is UTC, `ms` are milliseconds."""
    return json.dumps(
        {
            "event": "call",
            "time": result.time.astimezone(UTC).isoformat(timespec="milliseconds"),
            "n": result.n,
            "attempts": result.attempts,
            "url": url,
            "name": name,
            "ok": result.trouble is None,
            "step": result.trouble.step if result.trouble else "ask",
            "code": result.code,
            "status": result.status,
            "address": result.address,
            "addresses": result.addresses,
            "ms": round(result.ms, 3),
            "answered_by": result.answered_by,
            "error": result.error,
            "resolver": resolver.servers,
            "bridge": resolver.bridge,
            "cure": resolver.cure(result.trouble) if result.trouble else None,
        }
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values: always one that was measured."""
    return values[max(math.ceil(share * len(values)), 1) - 1]


class Summary:
    """Counts the calls of a run; its memory does not grow with their number."""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = Counter[str]()
        self.last = Code.ANSWERED
        self.last_failed = Code.ANSWERED
        self._latencies = deque[float](maxlen=LATENCIES)
        self._seen: dict[str, None] = {}
        self._used: dict[str, None] = {}

    def add(self, result: Result) -> None:
        """Count one call."""
        self.calls += 1
        self.last = result.code
        _remember(self._seen, result.addresses)
        if result.trouble:
            self.last_failed = result.code
            self.failed[_FAILED[result.code]] += 1
        else:
            self._latencies.append(result.ms)
            _remember(self._used, [result.address or ""])

    def latency(self) -> dict[str, float | None]:
        """Return p50, p95 and max in milliseconds, of the latest LATENCIES answered calls."""
        values = sorted(self._latencies)
        shares = {"p50": 0.5, "p95": 0.95, "max": 1.0}
        return {k: round(percentile(values, s), 3) if values else None for k, s in shares.items()}

    def text(self) -> str:
        """Return the summary for people, of two or three lines."""
        failed, plural = self.failed.total(), "" if self.calls == 1 else "s"
        line = f"{self.calls} call{plural}: {self.calls - failed} answered, {failed} failed"
        if failed:
            line += f" ({', '.join(f'{n} {kind}' for kind, n in self.failed.items())})"
        lines = [line]
        if self._latencies:
            lines.append(", ".join(f"{k} {ms:.1f} ms" for k, ms in self.latency().items()))
        seen, used = (", ".join(d) or "none" for d in (self._seen, self._used))
        return "\n".join([*lines, f"resolved to: {seen}; answered from: {used}"])

    def json(self, code: Code) -> str:
        """Return the summary as one JSON object, with the run's exit code."""
        failed = {kind: self.failed[kind] for kind in _FAILED.values()}
        return json.dumps(
            {
                "event": "summary",
                "calls": self.calls,
                "answered": self.calls - self.failed.total(),
                "failed": failed,
                "latency_ms": self.latency(),
                "addresses": {"seen": list(self._seen), "used": list(self._used)},
                "code": code,
            }
        )


def _remember(known: dict[str, None], addresses: Iterable[str]) -> None:
    for address in addresses:
        if len(known) < ADDRESSES:
            known[address] = None
