"""The same two images on Docker's default bridge and on a user-defined one, side by side.

Exit codes: 0 the default bridge fails by name and works by address, the user-defined bridge works
by both; 1 anything else; 2 bad arguments; 3 the engine refused a command, or another comparison
runs; 129, 130 and 143 interrupted. Whatever happens, what it made is removed again.
"""

import argparse
import fcntl
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labkit import UsageError, docker, draw, inspect
from labkit.draw import DNS, HOSTS, End, Net
from labkit.table import table

LABEL = "two-bridges=compare"
PREFIX = "two-bridges-compare"
READY = 60.0  # seconds until a webapp must answer


@dataclass(frozen=True)
class Outcome:
    """What one bridge did for the pair."""

    network: str
    subnet: str
    webapp: str
    resolver: str
    lookup: str | None  # the address that the name gave, None where the look-up failed
    ping_by_address: bool
    http_by_address: int | None
    http_by_name: int | None
    exit_by_address: int
    exit_by_name: int
    error: str | None  # what the client said when it called by name and failed

    def rows(self) -> dict[str, str]:
        """Its cells of the table, by the name of the row."""
        whose = "Docker's" if self.resolver == inspect.EMBEDDED_DNS else "the host's"
        return {
            "network": self.network,
            "subnet": self.subnet,
            "resolver": f"{self.resolver} ({whose})",
            "webapp's address": self.webapp,
            "name look-up": self.lookup or "fails",
            "ping by address": "answers" if self.ping_by_address else "no answer",
            "HTTP by address": str(self.http_by_address or "fails"),
            "HTTP by name": str(self.http_by_name or "fails"),
            "client's exit code": str(self.exit_by_name),
        }

    def drawn(self, title: str) -> Net:
        """Its half of the drawing."""
        ways = [
            (not code, f"by {way}: {f'answered, {status}' if status else f'fails, exit {code}'}")
            for way, status, code in (
                ("address", self.http_by_address, self.exit_by_address),
                ("name", self.http_by_name, self.exit_by_name),
            )
        ]
        docker_s = self.resolver == inspect.EMBEDDED_DNS
        about = [f"network {self.network}", self.subnet, DNS if docker_s else HOSTS]
        return Net(title, about, [End("client"), End("webapp", (self.webapp,))], ways=ways)


def remove_all() -> None:
    """Remove every container and network that a comparison made."""
    for kind, every, force in (("container", ["--all"], ["--force"]), ("network", [], [])):
        listed = docker.attempt(kind, "ls", "--quiet", *every, "--filter", f"label={LABEL}")
        if found := listed.stdout.split():
            docker.attempt(kind, "rm", *force, *found)


def call(network: str, url: str) -> tuple[int, dict[str, Any]]:
    """Call URL once with the client's image; its exit code and the line of the call."""
    done = docker.attempt(
        "run", "--rm", "--label", LABEL, "--network", network, "two-bridges-client",
        "--count=1", "--format=json", url,
    )  # fmt: skip
    line = done.stdout.partition("\n")[0]  # the summary follows
    if not line:
        raise docker.EngineError(f"the client said nothing: {done.stderr.strip()[-300:]}")
    return done.returncode, json.loads(line)


def measure(network: str, name: str) -> Outcome:
    """Start webapp as NAME on NETWORK and try to reach it from containers on the same network."""
    made = ["--label", LABEL, "--network", network]
    docker.run("run", "--detach", "--name", name, *made, "two-bridges-webapp")
    deadline = time.monotonic() + READY
    while docker.attempt("exec", name, "python", "-m", "webapp.check").returncode:
        if time.monotonic() > deadline:
            raise docker.EngineError(f"{name} was not ready within {READY:.0f} s")
        time.sleep(0.2)
    address = inspect.containers([name])[0].networks[network]
    ping = docker.attempt("run", "--rm", *made, "alpine", "ping", "-c", "1", "-W", "2", address)
    exit_by_address, by_address = call(network, f"http://{address}:8000/")
    exit_by_name, by_name = call(network, f"http://{name}:8000/")
    return Outcome(
        network=network,
        subnet=" ".join(inspect.subnets(network)),
        webapp=address,
        resolver=" ".join(by_name["resolver"]),
        lookup=next(iter(by_name["addresses"] or []), None),
        ping_by_address=ping.returncode == 0,
        http_by_address=by_address.get("status"),
        http_by_name=by_name.get("status"),
        exit_by_address=exit_by_address,
        exit_by_name=exit_by_name,
        error=by_name.get("error") or None,
    )


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


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `./lab compare`."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--svg", metavar="FILE", type=draw.file, help="draw both bridges too")
    parser.add_argument("--network", metavar="NAME", help="a user-defined network of yours")


def main(args: argparse.Namespace) -> int:
    """Compare, print, clean up; return the exit code."""
    network = args.network
    if network is not None:
        found = inspect.network(network)
        if found.get("Driver", "host") in {"host", "null"}:
            wanted = "expected a bridge network (docker network ls lists them)"
            raise UsageError(f"--network '{network}': {wanted}")
        network = found["Name"]
    with (Path(tempfile.gettempdir()) / f"{PREFIX}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise docker.EngineError("another compare is running: wait for it to end") from None
        try:
            remove_all()  # what a comparison killed outright has left
            print("- the pair on the default bridge", file=sys.stderr, flush=True)
            default = measure("bridge", f"{PREFIX}-default")
            if network is None:
                network = PREFIX
                docker.run("network", "create", "--driver", "bridge", "--label", LABEL, network)
            print(f"- the same pair on {network}", file=sys.stderr, flush=True)
            own = measure(network, f"{PREFIX}-own")
        finally:
            with docker.undisturbed():
                remove_all()
    broken = broken_promises(default, own)
    if args.svg:
        both = default.drawn("default bridge"), own.drawn("user-defined bridge")
        draw.save(args.svg, draw.draw(both))
    if args.json:
        told = {"default_bridge": asdict(default), "user_defined_bridge": asdict(own)}
        print(json.dumps({**told, "as_expected": not broken, "broken": broken}, indent=2))
    else:
        left, right = default.rows(), own.rows()
        rows = ((name, left[name], right[name]) for name in left)
        print(*table([("", "default bridge", "user-defined bridge"), *rows]), sep="\n")
        print(*broken or ["As expected: on the default bridge by address only."], sep="\n")
    return int(bool(broken))
