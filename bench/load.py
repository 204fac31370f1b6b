"""What answers under load, and what it holds then: rows a, b and f."""

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import engine
from bench.engine import NAME, Project, inside, say, serve, until
from bench.figures import Figure
from labkit import Failed

SAME = ("gunicorn", "--config", "python:webapp.gunicorn_conf")  # workers, threads, all of it
UNSEEN = ("--logger-class", "gunicorn.glogging.Logger")  # which neither counts nor logs a request
SYNC = ("gunicorn", "--workers=2", "--bind=0.0.0.0:8000", "--no-control-socket")
PEERS = {
    "plain": (*SAME, *UNSEEN, "plain:app"),
    "observed": (*SAME, "plain:app"),
    "bare": (*SAME, *UNSEEN, "bare:app"),
    "sync": (*SYNC, "--worker-tmp-dir=/dev/shm", "plain:app"),
    "dev": ("python", "/peers/plain.py"),
}
NAMES = {
    "plain": "plain Flask, same gunicorn, no log, no metrics",
    "observed": "plain Flask, same gunicorn, log and metrics",
    "bare": "bare WSGI function, same gunicorn, no log, no metrics",
    "sync": "plain Flask, two sync workers",
    "dev": "plain Flask, development server",
}
GOALS = {("`/`", "observed"): ("≥ 0.9", "≤ 1"), ("`/`", "dev"): ("≥ 4", "")}  # of rate and p99


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    rate: float  # requests/s
    p99: float  # ms: 99 of 100 were answered within


def parse(out: str) -> Load:
    """Read what `wrk --latency` prints; Failed where a request was not answered with 2xx."""
    rate = re.search(r"^Requests/sec: +([\d.]+)$", out, re.M)
    p99 = re.search(r"^ +99% +([\d.]+)(us|ms|s|m)$", out, re.M)
    wrong = re.search(r"^ +Non-2xx.*: [1-9].*", out, re.M)
    if not rate or not p99 or wrong or float(rate[1]) == 0:
        raise Failed(f"wrk: expected answers, rate and p99, got:\n{out}")
    return Load(float(rate[1]), float(p99[1]) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[p99[2]])


def wrk(url: str, *options: str) -> Load:
    """Load URL for a second, over 16 connections."""
    return parse(inside("wrk", "wrk", "-t1", "-c16", "-d1", "--latency", *options, url))


def begin(pair: Project, *peers: str) -> str:
    """Start wrk, webapp and PEERS on the bridge, until all answer; return webapp's address."""
    image = engine.build("peers", f"{pair.name}-webapp")
    serve("wrk", engine.build("wrk", f"{pair.name}-webapp"), "sleep", "infinity")
    address = serve("webapp", f"{pair.name}-webapp")
    for name in peers:
        serve(name, image, *PEERS[name])
    for name in ("webapp", *peers):
        probe = f"import urllib.request as u; u.urlopen('http://{name}:8000/', timeout=5)"
        words = ("exec", f"{NAME}-wrk", "python", "-c", probe)
        until(partial(engine.succeeds, *words), name)
    return address


def answers(pair: Project, rounds: int) -> list[Figure]:
    """Requests/s and p99 of `/` and `/healthz` by name, against the peers."""
    with engine.network():
        begin(pair, *PEERS)
        urls = {f"`/{path}`": f"http://webapp:8000/{path}" for path in ("", "healthz")}
        urls |= {name: f"http://{name}:8000/" for name in PEERS}
        loads: dict[str, list[Load]] = {name: [] for name in urls}
        for n in range(rounds + 1):
            say(f"a: requests/s of {len(urls)} servers and paths, round {n} of {rounds}")
            for name, url in urls.items():
                loads[name].append(wrk(url))
    rate, p99 = (
        {name: [getattr(load, kind) for load in found[1:]] for name, found in loads.items()}
        for kind in ("rate", "p99")  # the first round warms up
    )
    figures = []
    for path in ("`/`", "`/healthz`"):
        for peer, told in NAMES.items():
            goals = GOALS.get((path, peer), ("", ""))
            what = f"{path} ÷ {told}"
            figures += [
                Figure(what, "requests/s", rate[path], rate[peer], goals[0]),
                Figure(f"{what}: p99", "ms", p99[path], p99[peer], goals[1]),
            ]
    return figures


def names(pair: Project, rounds: int) -> list[Figure]:
    """By name against by address."""
    with engine.network():
        address = begin(pair)
        serve("caller", f"{NAME}-peers", "sleep", "infinity")
        ways: dict[str, Callable[[str], float]] = {
            "connections kept": lambda url: wrk(url).rate,
            "a connection each call": lambda url: wrk(url, "-H", "Connection: close").rate,
            "a connection and a look-up each call, one caller": lambda url: float(
                inside("caller", "python", "/peers/calls.py", url)
            ),
        }
        rates: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
        for n in range(1, rounds + 1):
            say(f"b: by name and by address, round {n} of {rounds}")
            for way, measure in ways.items():
                for host, found in zip(("webapp", address), rates[way], strict=True):
                    found.append(measure(f"http://{host}:8000/healthz"))
    return [
        Figure(f"by name ÷ by address, {way}", "requests/s", *found, "≥ 0.9")
        for way, found in rates.items()
    ]


def held(pair: Project, rounds: int) -> list[Figure]:
    """Memory, idle and after load."""
    servers = ("webapp", "plain")
    seen: dict[str, list[list[float]]] = {"idle": [], "after 3 s of load": []}
    client: list[float] = []
    for n in range(1, rounds + 1):
        say(f"f: memory, round {n} of {rounds}")
        with engine.network():
            begin(pair, "plain")
            serve("client", f"{pair.name}-client", "--count=0")
            seen["idle"].append(engine.memory(*(f"{NAME}-{name}" for name in servers)))
            for name in servers * 3:
                wrk(f"http://{name}:8000/")
            after = engine.memory(*(f"{NAME}-{name}" for name in (*servers, "client")))
            seen["after 3 s of load"].append(after[:2])
            client.append(after[2])
    figures = []
    for when, values in seen.items():
        webapp, plain = ([one[at] for one in values] for at in (0, 1))
        figures.append(Figure(f"memory {when}: webapp ÷ {NAMES['plain']}", "MiB", webapp, plain))
    return [*figures, Figure("memory: client, calling every second", "MiB", client)]


def replicas(pair: Project, rounds: int) -> list[Figure]:
    """Time until healthy, look-up by name, and memory of 1, 10, 50 and 200 replicas."""
    peers = engine.build("peers", f"{pair.name}-webapp")
    many = pair.over("replicas.yaml")
    look = ("run", "--rm", "--label", engine.LABEL, "--network", f"{many.name}_pair", peers)
    found: dict[int, list[tuple[float, float, float]]] = {n: [] for n in (1, 10, 50, 200)}
    for _ in range(rounds):
        for n, values in found.items():
            say(f"g: replicas, {n} of them")
            begun = time.time()
            many.compose("up", "--detach", "--no-build", "--scale", f"webapp={n}", "webapp")
            told = engine.run(*look, "python", "/peers/lookups.py", "webapp", str(n)).split()
            mib = statistics.mean(engine.memory(*many.compose("ps", "--quiet").split()))
            values.append((float(told[0]) - begun, float(told[1]), mib))
            many.down()
    figures = []
    for at, (what, unit) in enumerate(
        (("until healthy", "s"), ("look-up by name", "ms"), ("memory each", "MiB"))
    ):
        by_n = {n: [value[at] for value in values] for n, values in found.items()}
        figures.append(Figure(f"{what}: 1 replica", unit, one := by_n.pop(1)))
        figures += [Figure(f"{what}: {n} replicas ÷ 1", unit, by_n[n], one) for n in by_n]
    return figures
