"""The pair under faults: what its two clients and its webapps say of every call, counted."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from threading import Thread
from typing import Any, NamedTuple

from tests.support.engine import Pair, docker
from tests.support.until import until

CLIENTS = ("client", "caller")  # in tests/chaos/compose.yaml: one tells each fault, one retries
SETTINGS = {
    "COMPOSE_FILE": "compose.yaml:tests/chaos/compose.yaml",
    "CLIENT_FORMAT": "json",
    "CLIENT_INTERVAL": "0.05",
    "CLIENT_CONNECT_TIMEOUT": "1",
    "CLIENT_READ_TIMEOUT": "2",
    "CLIENT_BACKOFF_MAX": "0.2",
}
KINDS = {6: "resolve", 7: "connect", 22: "status", 28: "timeout"}
GROWTH = 8 * 1024  # KiB that a client's memory may grow by under faults, from some 32 MiB
Lines = list[dict[str, Any]]
Tell = Callable[[str], None]


class Tally(NamedTuple):
    """What became of calls, as a client has it, and how many a webapp says it has answered.

    Sent are requests tried. Lost is a call for which the client gave up to try again, or that
    failed without an answered one of the same client after it.
    """

    sent: int
    answered: int
    retried: int
    lost: int
    served: int = 0

    def since(self, before: "Tally") -> "Tally":
        return Tally(*(now - then for now, then in zip(self, before, strict=True)))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self._asdict().items())


def tally(runs: list[Lines]) -> Tally:
    """Count what several clients have told."""
    calls = [[line for line in lines if line["event"] == "call"] for lines in runs]
    sent = sum(call["attempts"] for call in chain(*calls))
    ends = [[call["ok"] for call in run] for run in calls]
    answered = sum(map(sum, ends))
    gave_up = [c for c in chain(*calls) if c["attempts"] > 1 and not c["ok"] and not c["status"]]
    lost = len(gave_up) + sum([*reversed(run), True].index(True) for run in ends)
    return Tally(sent, answered, sent - answered - lost, lost)


def served(lines: Lines) -> int:
    """How many of a webapp's lines are answers to a client."""
    return sum(line["user_agent"] == "two-bridges-client" for line in lines)


def log(container: str) -> Lines:
    """The JSON lines that a container has written up to now."""
    lines = docker("logs", container).stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


class Following:
    """The same as they come, until the container ends."""

    def __init__(self, container: str) -> None:
        self.lines: Lines = []
        argv = ["docker", "logs", "--follow", container]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._process as process:
            assert process.stdout
            for line in process.stdout:
                self.lines += [json.loads(line)] if line.startswith(b"{") else []

    def whole(self) -> Lines:
        self._thread.join()
        return self.lines


@dataclass
class Troubled(Pair):
    """The pair with both clients, followed from their first call on."""

    followed: dict[str, Following] = field(default_factory=dict)
    squatters: list[str] = field(default_factory=list)  # containers beside the pair's
    gone: int = 0  # answers of webapps that are no more
    unsaid: int = 0  # answers that a SIGKILL can have kept out of the log
    faults: int = 0
    first_peak: int = 0

    def up(self) -> None:
        self.compose("up", "--detach", "--wait")
        self.followed = {name: Following(self.container(name)) for name in CLIENTS}
        self.first_peak = self.peak()

    def down(self) -> None:
        if self.squatters:
            docker("rm", "--force", *self.squatters)
        self.compose("down", "--remove-orphans", "--timeout", "0")
        for one in self.followed.values():
            one.whole()

    def mark(self) -> dict[str, int]:
        """How many lines each client has written."""
        return {name: len(one.lines) for name, one in self.followed.items()}

    def lines(self, mark: dict[str, int]) -> dict[str, Lines]:
        """What each client has written since a mark."""
        return {name: one.lines[mark[name] :] for name, one in self.followed.items()}

    def lives(self) -> list[str]:
        """Which process each client is: another one after a crash."""
        form = "{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}"
        return docker("inspect", "--format", form, *map(self.container, CLIENTS)).stdout.split("\n")

    def peak(self) -> int:
        """The most memory that a client's process has held, in KiB."""
        look = ("grep", "VmHWM", "/proc/1/status")
        said = (docker("exec", self.container(name), *look).stdout for name in CLIENTS)
        return max(int(line.split()[1]) for line in said)

    def count(self) -> Tally:
        """What has ended up to now, by the clock that all containers share."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        for one in self.followed.values():
            until(lambda one=one: one.lines[-1]["time"] > now)  # type: ignore[misc]
        runs = [[ln for ln in one.lines if ln["time"] <= now] for one in self.followed.values()]
        lines = log(self.container("webapp"))
        return tally(runs)._replace(
            served=self.gone + served([line for line in lines if line["time"] <= now])
        )

    def served(self) -> int:
        """How many calls the webapps say that they have answered."""
        return self.gone + served(log(self.container("webapp")))

    def recovered(self) -> None:
        """Wait for two answered calls of each client in a row: the second begins after now."""
        mark = self.mark()

        def answered(name: str) -> bool:
            return [line["ok"] for line in self.lines(mark)[name]][-2:] == [True, True]

        for name in CLIENTS:
            until(partial(answered, name))

    def settle(self) -> str:
        """End both clients, and hold all that they have told against the webapp's log."""
        peak = self.peak()
        docker("stop", *map(self.container, CLIENTS))
        runs = [one.whole() for one in self.followed.values()]
        for *calls, summary in runs:
            failed = Counter(call["code"] for call in calls if not call["ok"])
            assert summary["calls"] == len(calls) == calls[-1]["n"]
            assert summary["answered"] == len(calls) - failed.total()
            assert summary["failed"] == {kind: failed[code] for code, kind in KINDS.items()}
        # The one that retries gives up a call in one case: its answer had begun, and was cut off.
        assert all(call["ok"] or call["status"] == 200 for call in runs[1][:-1])
        outcome = tally(runs)._replace(served=self.served())
        # What was answered and did not arrive: in each fault, after each timeout, at the end.
        timeouts = sum(call["code"] == 28 for call in runs[0][:-1])
        cut = len(CLIENTS) * (self.faults + timeouts + 1)
        assert -self.unsaid <= outcome.served - outcome.answered <= cut, (outcome, self.unsaid, cut)
        assert peak - self.first_peak <= GROWTH, (self.first_peak, peak)
        return f"{outcome}; a client's memory at most: {self.first_peak} KiB, then {peak} KiB"
