"""What the sample costs beside what people would pick instead, measured side by side.

Each row alternates between the sample and its peers, round by round, so that whatever else the
machine does meets both. Shown are the medians, and of the ratios also the quartiles in brackets.
ROW is one or more of:

{rows}

Exit codes: 0 measured, whether or not a goal was reached; 1 something could not be measured;
2 bad arguments; 3 the machine lacks something; 129, 130 and 143 interrupted. Whatever happens,
what was made is removed again. All rows take a quarter of an hour.
"""

import argparse
import datetime
import fcntl
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import lifecycle, load
from bench.engine import LABEL, NAME, ROOT, Project, remove_all, run, say
from bench.figures import HEAD, Figure, markdown, rewritten, rows
from labkit import docker
from labkit.table import table

PAGE = ROOT / "docs" / "benchmarks.md"
Measure = Callable[[Project, int], list[Figure]]
ROWS: dict[str, tuple[str, int, Measure]] = {
    "a": ("requests/s and p99, against other servers", 9, load.answers),
    "b": ("by name against by address", 7, load.names),
    "c": ("size of the image, and what its compiled files are for", 3, lifecycle.images),
    "d": ("an edited line until it is answered", 4, lifecycle.edits),
    "e": ("start of the pair", 7, lifecycle.starts),
    "f": ("memory", 2, load.held),
    "g": ("1, 10, 50 and 200 replicas", 1, load.replicas),
    "h": ("each lab page", 1, lifecycle.pages),
}
__doc__ = (__doc__ or "").replace(
    "{rows}", "\n".join(f"  {row}  {what}" for row, (what, _, _) in ROWS.items())
)


def row(text: str) -> str:
    """One of ROWS."""
    if text not in ROWS:
        raise argparse.ArgumentTypeError(f"there is no row '{text}': expected {' '.join(ROWS)}")
    return text


def rounds(text: str) -> int:
    """A number of rounds."""
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number from 1 to 1000")
    return int(text)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `./lab bench`."""
    which = parser.add_mutually_exclusive_group()  # a table is of one run
    which.add_argument(
        "rows", metavar="ROW", nargs="*", type=row, default=[], help="only these; else all"
    )
    which.add_argument("--write", action="store_true", help="all, and into docs/benchmarks.md")
    parser.add_argument("--rounds", metavar="N", type=rounds, help="instead of a row's own number")


def machine(pair: Project) -> str:
    """What was measured on."""
    image = ("run", "--rm", "--label", LABEL, f"{pair.name}-webapp")
    cpu = re.search(r"model name\s*: (.+)", run(*image, "cat", "/proc/cpuinfo"))
    form = "{{.NCPU}} cores, {{.MemTotal}} bytes, {{.OSType}} {{.KernelVersion}}, {{.Driver}}"
    host = re.sub(r"\d+(?= bytes)", lambda n: f"{int(n[0]) / 2**30:.0f}", run("info", "-f", form))
    code = "from importlib.metadata import version as v; print('Flask', v('flask')+', gunicorn',"
    versions = run(*image, "python", "-c", f"{code} v('gunicorn'))")
    engine = run("version", "--format", "Docker Engine {{.Server.Version}}")
    compose = run("compose", "version", "--short")
    python = run(*image, "python", "-V")
    return (
        f"{datetime.date.today()}: {cpu[1] if cpu else 'a processor without a name'},"
        f" {host.replace(' bytes', ' GiB')}; {engine}, Compose {compose}; {python}, {versions}"
    )


def measure(wanted: list[str], number: int | None) -> tuple[str, dict[str, list[Figure]]]:
    """The machine, and what was measured of the WANTED rows."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=NAME) as folder:
        say("building the pair's images")
        pair = Project("pair", Path(folder))
        pair.compose("build", "--quiet")
        found = {one: ROWS[one][2](pair, number or ROWS[one][1]) for one in wanted}
        minutes = (time.monotonic() - begun) / 60
        return f"{machine(pair)}. The run took {minutes:.0f} minutes.", found


def main(args: argparse.Namespace) -> int:
    """Measure, print, clean up; return the exit code."""
    wanted = [one for one in ROWS if one in (args.rows or ROWS)]
    rewritten(PAGE.read_text("utf-8"), "")  # told now where the page is not as it has to be
    engine = run("info", "--format", "{{.ID}}").replace(":", "")
    with (Path(tempfile.gettempdir()) / f"{NAME}-{engine}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise docker.EngineError("another bench is running: wait for it to end") from None
        try:
            remove_all()  # what a run killed outright has left
            about, found = measure(wanted, args.rounds)
        finally:
            with docker.undisturbed():
                remove_all()
    print(about, "", *table([HEAD, *rows(found)]), sep="\n")
    if args.write:
        text = rewritten(PAGE.read_text("utf-8"), markdown(about, rows(found)))
        PAGE.write_text(text, "utf-8")
    return int(any(figure.failed for figures in found.values() for figure in figures))
