"""Says why a container cannot reach a name: the steps looked at, one cause, and its cure.

It looks from inside the container's own network, through a helper container that shares it and is
removed at once; nothing is changed, and nothing is put into the container itself. Without CONTAINER
`./lab doctor` looks at this machine: the engine, the images, the port, the pair.

With --report it prints what an issue needs to know of this machine, without its name and addresses
that others can reach; with --report NN it plays page NN too, and shows where that fails.

Exit codes: 0 it reaches, or it is a report; 1 it does not, and the verdict says why; 2 bad
arguments; 3 no engine answers, or an image is missing; 129, 130 and 143 interrupted.
"""

import argparse
import json
import sys

from labkit import UsageError
from labkit.doctor.causes import examine
from labkit.doctor.patient import admit
from labkit.doctor.report import report
from labkit.pages.words import page_named
from labkit.table import fold, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `./lab doctor`."""
    parser.add_argument(
        "container", metavar="CONTAINER", nargs="?", help="its name, or how its id begins"
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="a name, NAME:PORT or a URL; without it, what the container's CLIENT_URL says",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument(
        "--report",
        metavar="NN",
        nargs="?",
        const=True,
        type=page_named,
        help="for an issue; NN: a page that fails",
    )


def main(args: argparse.Namespace) -> int:
    """Examine, print; return the exit code."""
    if args.report:
        print(report(None if args.report is True else args.report))
        return 0
    if not args.container:
        raise UsageError("doctor: expected CONTAINER, or --report")
    patient = admit(args.container, args.name)
    cause, text = examine(patient)
    word = cause and cause.value
    if args.json:
        told = {
            "container": patient.caller.name,
            "name": patient.target.text,
            "reaches": cause is None,
            "cause": word,
            "verdict": text,
            "steps": [{"step": step, "seen": seen} for step, seen in patient.steps],
        }
        print(json.dumps(told, indent=2))
    else:
        known = [("cause", word)] if word else []
        lines = table([*patient.steps, *known, ("verdict", text)])
        if sys.stdout.isatty():
            lines = [part for line in lines for part in fold(line, 11)]
        print(*lines, sep="\n")
    return int(cause is not None)
