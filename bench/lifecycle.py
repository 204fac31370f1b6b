"""What it takes to build, to change, to start, and to learn: rows c, d, e and h."""

import sys
import time
from functools import partial
from pathlib import Path

from bench import engine
from bench.engine import NAME, ROOT, Project, running, say, seconds, until
from bench.figures import Figure
from labkit.pages.parse import find, load
from labkit.pages.things import missing

# What the wheels hold, unpacked: pip has written each file and its size into RECORD.
WHEELS = """
from importlib.metadata import distributions
files = [f for one in distributions() for f in one.files if f.suffix != ".pyc"]
print(sum(f.size or 0 for f in files))
"""
COMPILED = """
from pathlib import Path
print(sum(f.stat().st_size for f in Path("/opt/venv").rglob("*.pyc")))
"""
CALL = """
import urllib.request
while True:
    try:
        urllib.request.urlopen("http://server:8000/", timeout=1)
        break
    except OSError:
        pass
"""
MEGA = 1e6


def naive_project(folder: Path) -> Project:
    """The webapp with the six lines of a first Dockerfile."""
    sources = ("bench/naive/compose.yaml", "bench/naive/Dockerfile", "requirements.txt", "webapp")
    return Project("naive", folder, sources, ())


def size(image: str) -> float:
    """The bytes of an image's layers."""
    told = engine.run("history", "--human=false", "--format", "{{.Size}}", image)
    return sum(map(float, told.split()))


def images(pair: Project, rounds: int) -> list[Figure]:
    """Bytes of the webapp's image over the base's, against the six lines and the wheels."""
    say("c: the naive image")
    naive = naive_project(pair.folder.parent)
    naive.compose("build", "--quiet")
    webapp, base = f"{pair.name}-webapp", size("python:3.13-slim")
    ours, other = size(webapp) - base, size(f"{naive.name}-webapp") - base
    wheels, compiled = (
        float(engine.run("run", "--rm", "--label", engine.LABEL, webapp, "python", "-c", code))
        for code in (WHEELS, COMPILED)
    )
    without = engine.build("uncompiled", webapp)
    starts: dict[str, list[float]] = {without: [], webapp: []}
    for n in range(1, rounds + 1):
        say(f"c: a start with and without compiled files, round {n} of {rounds}")
        with engine.network():
            for image, times in starts.items():
                times.append(seconds(partial(start, image)))
                engine.remove()

    def megabytes(what: str, first: float, second: float, goal: str = "") -> Figure:
        return Figure(what, "MB", [first / MEGA], [second / MEGA], goal)

    return [
        megabytes("image over base ÷ naive image over base", ours, other),
        megabytes("image over base ÷ files of the wheels", ours, wheels, "≤ 1.3"),
        megabytes("the same without `.pyc` ÷ files of the wheels", ours - compiled, wheels),
        Figure(
            "start until it answers, without `.pyc` ÷ as it is",
            "s",
            starts[without],
            starts[webapp],
        ),
    ]


def start(image: str) -> None:
    """Start the webapp of IMAGE; until its own check says that it is ready."""
    engine.serve("webapp", image)
    check = ("exec", f"{NAME}-webapp", "python", "-m", "webapp.check")
    until(partial(engine.succeeds, *check), image)


def edits(pair: Project, rounds: int) -> list[Figure]:
    """From an edited line of webapp to the answer that shows it, and the build's part of that."""
    watched, rebuilt = (Project(name, pair.folder.parent) for name in ("watched", "rebuilt"))
    naive = naive_project(pair.folder.parent)
    all_three = (watched, rebuilt, naive)
    took: dict[Project, list[float]] = {project: [] for project in all_three}
    built: dict[Project, list[float]] = {project: [] for project in all_three}
    for project in all_three:
        say(f"d: starting {project.name}")
        project.compose("up", "--build", "--detach", "webapp")
        until(project.answers, project.name)
    with running("docker", *watched.words("watch", "--no-up", "webapp")) as (_, out):
        until(lambda: "atch" in out.read_text("utf-8", "replace"), "docker compose watch")
        for n in range(1, rounds + 1):
            say(f"d: an edited line, three ways, round {n} of {rounds}")
            for project in all_three:
                begun = time.monotonic()
                project.edit(f"edit {n}")
                if project is not watched:
                    built[project].append(seconds(partial(project.compose, "build", "webapp")))
                    project.compose("up", "--detach", "webapp")
                until(project.answers, project.name)
                took[project].append(time.monotonic() - begun)
    for project in all_three:
        project.down()
    what = "edit until answered: naive image rebuilt ÷ "
    return [
        Figure(f"{what}`docker compose watch`", "s", took[naive], took[watched], "≥ 5"),
        Figure(f"{what}image rebuilt", "s", took[naive], took[rebuilt], "≥ 5"),
        Figure("of that, the build: naive ÷ ours", "s", built[naive], built[rebuilt]),
    ]


def bare() -> None:
    """Two containers of the base image and a bridge: one serves, one calls until answered."""
    run = ("run", "--label", engine.LABEL, "--network", NAME)
    image = ("python:3.13-slim", "python")
    engine.run("network", "create", "--label", engine.LABEL, NAME)
    engine.run(*run, "--detach", "--network-alias", "server", *image, "-m", "http.server", "8000")
    engine.run(*run, *image, "-c", CALL)


def starts(pair: Project, rounds: int) -> list[Figure]:
    """`docker compose up --wait` from built images, against two bare containers."""
    ours, others = [], []
    for n in range(1, rounds + 1):
        say(f"e: the pair and two bare containers, round {n} of {rounds}")
        ours.append(seconds(lambda: pair.compose("up", "--detach", "--no-build", "--wait")))
        pair.down()
        others.append(seconds(bare))
        engine.remove()
        engine.run("network", "rm", NAME)
    return [Figure("`docker compose up --wait` ÷ two bare containers", "s", ours, others, "≤ 2")]


def play(number: str) -> tuple[float, str]:
    """Play page NUMBER to its end: the seconds, and what it said last where it failed."""
    begun = time.monotonic()
    with running(sys.executable, "-m", "labkit", "run", number, "--yes") as (process, out):
        code = process.wait(engine.LIMIT)
        said = out.read_text("utf-8", "replace").strip().splitlines()
    return time.monotonic() - begun, f"exit {code}: {said[-1:]}" if code else ""


def pages(_: Project, rounds: int) -> list[Figure]:
    """Each page played from its first command to its clean-up; the faults of lab 08 together."""
    took: dict[str, list[float]] = {}
    unplayed = []
    for number, path in find(ROOT / "labs").items():
        if lacks := missing(load(path).needs):
            unplayed.append(Figure(f"page {number}: not played, {lacks}", "s", []))
            continue
        what = f"page {number}" if len(number) == 2 else "page 08's faults, all of them"
        times = took.setdefault(what, [0.0] * rounds)
        for n in range(rounds):
            say(f"h: page {number}, round {n + 1} of {rounds}")
            spent, wrong = play(number)
            times[n] += spent
            if wrong:
                unplayed.append(Figure(f"page {number}: {wrong}", "s", [], failed=True))
    return [*(Figure(what, "s", times) for what, times in took.items()), *unplayed]
