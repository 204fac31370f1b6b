"""The same two images on Docker's default bridge and on a user-defined one, side by side.

Run by ``./lab compare``. Exit codes: 0 the default bridge fails by name and works by address and
the user-defined bridge works by both; 1 anything else; 2 bad arguments; 3 Docker refused a
command; 130 and 143 interrupted. Whatever happens, what it made is removed again.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

LABEL = "two-bridges=compare"
PREFIX = "two-bridges-compare"
COMMAND_SECONDS = 60.0
HEALTHY_SECONDS = 30.0
EMBEDDED_DNS = "127.0.0.11"


@dataclass(frozen=True)
class Outcome:
    """What one bridge did for the pair."""

    network: str
    subnet: str
    webapp: str
    resolver: str
    lookup: str | None
    """The address that the name gave; None where the look-up failed."""
    ping_by_address: bool
    http_by_address: int | None
    http_by_name: int | None
    exit_by_address: int
    exit_by_name: int
    error: str | None
    """What the client said when it called by name and failed."""


class DockerError(Exception):
    """A docker command failed; the text names it and gives its last line of output."""


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived; the argument is the signal's number."""


class Docker:
    """Runs docker commands to their end, and stops between two of them when a signal has come.

    A command cut off half-way may still create its container after the clean-up has looked, so
    signals are noted and acted on between commands.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def try_run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``docker WORDS``; raise Interrupted if a signal has come, before or during."""
        self.check()
        done = run(*words)
        self.check()
        return done

    def run(self, *words: str) -> str:
        """Run ``docker WORDS`` and return its output; raise DockerError when it fails."""
        done = self.try_run(*words)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise DockerError(f"docker {words[0]} {words[1]}: exit {done.returncode}: {lines[-1]}")
        return done.stdout.strip()

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self._signal is not None:
            raise Interrupted(self._signal)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``docker WORDS``, out of reach of the terminal's Ctrl-C, for 60 s at most."""
    return subprocess.run(
        ["docker", *words],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )


def remove_all() -> None:
    """Remove every container and network that a comparison made."""
    for kind, listing, removal in (
        ("container", ["--all"], ["--force"]),
        ("network", [], []),
    ):
        found = run(kind, "ls", "--quiet", *listing, "--filter", f"label={LABEL}").stdout.split()
        if found:
            run(kind, "rm", *removal, *found)


def call(docker: Docker, network: str, url: str) -> tuple[int, dict[str, object]]:
    """Call URL once with the client's image; return its exit code and the line of the call."""
    done = docker.try_run(
        "run", "--rm", "--label", LABEL, "--network", network, "two-bridges-client",
        "--count=1", "--format=json", url,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    calls = [line for line in lines if line.get("event") == "call"]
    if not calls:
        raise DockerError(f"the client said nothing (exit {done.returncode}): {done.stderr[-300:]}")
    return done.returncode, calls[-1]


def measure(docker: Docker, network: str, name: str) -> Outcome:
    """Start webapp as NAME on NETWORK and try to reach it from containers on the same network."""
    docker.run(
        "run", "--detach", "--name", name, "--label", LABEL, "--network", network,
        "two-bridges-webapp",
    )  # fmt: skip
    deadline = time.monotonic() + HEALTHY_SECONDS
    while docker.try_run("exec", name, "python", "-m", "webapp.check").returncode:
        if time.monotonic() > deadline:
            raise DockerError(f"{name} was not ready within {HEALTHY_SECONDS:.0f} s")
        time.sleep(0.2)
    address = docker.run(
        "container", "inspect", name, "--format",
        f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}',
    )  # fmt: skip
    subnet = docker.run(
        "network", "inspect", network, "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    )
    ping = docker.try_run(
        "run", "--rm", "--label", LABEL, "--network", network, "alpine",
        "ping", "-c", "1", "-W", "2", address,
    )  # fmt: skip
    exit_by_address, by_address = call(docker, network, f"http://{address}:8000/")
    exit_by_name, by_name = call(docker, network, f"http://{name}:8000/")
    found = by_name["addresses"]
    resolver = by_name["resolver"]
    return Outcome(
        network=network,
        subnet=subnet,
        webapp=address,
        resolver=" ".join(map(str, resolver)) if isinstance(resolver, list) else "",
        lookup=str(found[0]) if isinstance(found, list) and found else None,
        ping_by_address=ping.returncode == 0,
        http_by_address=_status(by_address),
        http_by_name=_status(by_name),
        exit_by_address=exit_by_address,
        exit_by_name=exit_by_name,
        error=str(by_name["error"]) if by_name.get("error") else None,
    )


def _status(line: dict[str, object]) -> int | None:
    status = line.get("status")
    return status if isinstance(status, int) else None


def broken_promises(default: Outcome, own: Outcome) -> list[str]:
    """What differs from the lesson; empty when both bridges did what they are known for."""
    broken = []
    for title, outcome in (("default bridge", default), ("user-defined bridge", own)):
        if not outcome.ping_by_address:
            broken.append(f"{title}: no ping by address")
        if outcome.exit_by_address:
            broken.append(f"{title}: no HTTP by address (exit {outcome.exit_by_address})")
    if default.exit_by_name != 6 or default.lookup:
        broken.append(f"default bridge: the name resolves (exit {default.exit_by_name})")
    if own.exit_by_name:
        broken.append(f"user-defined bridge: no HTTP by name (exit {own.exit_by_name})")
    return broken


def table(default: Outcome, own: Outcome) -> str:
    """Both outcomes as text, a row for each thing tried."""

    def column(title: str, outcome: Outcome) -> list[str]:
        return [
            title,
            outcome.network,
            outcome.subnet,
            outcome.resolver
            + (" (Docker's)" if outcome.resolver == EMBEDDED_DNS else " (the host's)"),
            outcome.webapp,
            outcome.lookup or "fails",
            "answers" if outcome.ping_by_address else "no answer",
            str(outcome.http_by_address or "fails"),
            str(outcome.http_by_name or "fails"),
            str(outcome.exit_by_name),
        ]

    heads = [
        "", "network", "subnet", "resolver", "webapp's address", "name look-up", "ping by address",
        "HTTP by address", "HTTP by name", "client's exit code",
    ]  # fmt: skip
    columns = [heads, column("default bridge", default), column("user-defined bridge", own)]
    widths = [max(map(len, cells)) for cells in columns]
    rows = zip(*columns, strict=True)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def compare(docker: Docker, network: str | None) -> tuple[Outcome, Outcome]:
    """Measure both bridges; NETWORK is the reader's own, or None for one made and removed here."""
    say("- the pair on the default bridge")
    default = measure(docker, "bridge", f"{PREFIX}-default")
    if network is None:
        network = PREFIX
        docker.run("network", "create", "--driver", "bridge", "--label", LABEL, network)
    say(f"- the same pair on {network}")
    return default, measure(docker, network, f"{PREFIX}-own")


def say(line: str) -> None:
    """Show progress, on standard error: the table or the JSON alone is the output."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Parse the arguments, compare, print, clean up; return the exit code."""
    parser = argparse.ArgumentParser(prog="./lab compare", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--network", metavar="NAME", help="a user-defined network of yours")
    args = parser.parse_args()
    if args.network is not None:
        shown = run("network", "inspect", args.network, "--format", "{{.Driver}}")
        if shown.returncode or shown.stdout.strip() in {"host", "null"}:
            print(
                f"lab: --network '{args.network}': expected a bridge network"
                " (docker network ls lists them)",
                file=sys.stderr,
            )
            return 2
    lock = (Path(tempfile.gettempdir()) / f"{PREFIX}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("lab: another compare is running: wait for it to end")
        return 3
    docker = Docker()
    try:
        remove_all()  # what a comparison killed outright has left
        default, own = compare(docker, args.network)
    except Interrupted as stopped:
        say("lab: interrupted")
        return 128 + int(stopped.args[0])
    except (DockerError, subprocess.TimeoutExpired) as error:
        say(f"lab: {error}")
        return 3
    finally:
        remove_all()
    broken = broken_promises(default, own)
    if args.json:
        print(
            json.dumps(
                {
                    "default_bridge": asdict(default),
                    "user_defined_bridge": asdict(own),
                    "as_expected": not broken,
                    "broken": broken,
                },
                indent=2,
            )
        )
    else:
        print(table(default, own))
        for line in broken or ["As expected: on the default bridge by address only."]:
            print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
