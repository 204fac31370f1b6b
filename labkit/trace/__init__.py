"""Follow one probe through every interface that it crosses, on the host and in the containers.

It is sent from FROM, and captured on each of them by a container of two-bridges-tools,
which is built at the first use, may enter all containers' networks and lives 120 s at most. A
TCP port that the host publishes is followed into its container. A relative DIR or FILE is one in
the repository. Exit codes: 0 answered; 1 not answered, its last line says where it was last seen;
2 bad arguments; 3 the machine lacks something; 129, 130 and 143 interrupted.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import UsageError, docker, draw, inspect
from labkit.trace.way import Plan, make_plan, read_probe

IMAGE = "two-bridges-tools"
ROOT = Path(__file__).parents[2]
RIGHTS = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE")
TO = "a running container, or an IPv4 address: of a host outside, of the host itself, or 127.0.0.11"
PROBE = "ping (the default), tcp:PORT (a connection), or dns:NAME (asked of TO)"


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("sender", metavar="FROM", help="a running container, or host: where the engine runs")
    add("target", metavar="TO", help=TO)
    add("--probe", default="ping", help=PROBE)
    add("--json", action="store_true", help="one JSON object instead of lines")
    add("--pcap", metavar="DIR", type=Path, help="keep the captures, in a new directory")
    add(
        "--svg",
        metavar="FILE",
        type=draw.file,
        help="draw the way, with the addresses that were seen",
    )


def main(args: Namespace) -> int:
    """Trace one probe; return the exit code."""
    read_probe(args.probe)
    if args.pcap and (os.path.lexists(args.pcap) or not args.pcap.parent.is_dir()):
        raise UsageError(f"--pcap {args.pcap}: expected a new directory, in one that is there")
    if docker.attempt("version").returncode:
        raise docker.EngineError("no Docker Engine answers: ./lab up starts it")
    plan = make_plan(args.sender, args.target, args.probe, inspect.containers())
    if docker.attempt("image", "inspect", IMAGE).returncode:
        build()
    told = follow(plan, args)
    data = told.get("data", {})
    print(json.dumps(data, indent=2) if args.json and data else told["text"])
    return int(data.get("outcome") != "answered")


def build() -> None:
    """Make the image of the box."""
    print(f"lab: building the image {IMAGE}, this once", file=sys.stderr, flush=True)
    labs = str(ROOT / "labs")
    words = ("build", "--quiet", "--tag", IMAGE, "--file", f"{labs}/tools.Dockerfile", labs)
    try:
        docker.run(*words, limit=900, breakable=True)
    except docker.EngineError as error:
        cure = "where python:3.13-slim is missing, ./lab up gets it"
        raise docker.EngineError(f"the image {IMAGE} cannot be built; {cure}: {error}") from error


def follow(plan: Plan, args: Namespace) -> dict[str, Any]:
    """What labkit.trace.inside says of PLAN, once the files that ARGS want are written."""
    box = f"two-bridges-trace-{os.getpid()}"
    words = ["--name", box, "--label", "two-bridges=trace", "--network", "host", "--pid", "host"]
    words += ["--cap-drop", "ALL", *(f"--cap-add={right}" for right in RIGHTS)]
    try:
        docker.run("run", "--detach", "--rm", *words, IMAGE, "sleep", "120")
        docker.run("cp", "--quiet", str(ROOT / "labkit"), f"{box}:/tools/labkit")
        command = ("exec", "--interactive", box, "python3", "-m", "labkit.trace.inside")
        said = docker.run(*command, stdin=json.dumps(asdict(plan)), breakable=True)
        told: dict[str, Any] = json.loads(said)
        with docker.held():
            if args.pcap and "svg" in told:
                docker.run("cp", "--quiet", f"{box}:/out", str(args.pcap.absolute()))
            if args.svg and "svg" in told:
                draw.save(args.svg, told["svg"])
    finally:
        with docker.undisturbed():
            docker.attempt("rm", "--force", box)
    return told
