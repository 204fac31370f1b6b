"""What is on the machine of the kinds that a page makes, how to remove it, what a page needs."""

import os
import shlex
import shutil
import socket
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from labkit import docker

NODES = shlex.quote(str(Path(__file__).parents[2] / "scripts" / "nodes.sh"))
# A command that succeeds where the need is met, and what to say where it is not.
NEEDS = {
    "kubectl": (
        "kubectl auth can-i create namespaces --request-timeout=5s",
        "kubectl reaches no cluster in which it may make a namespace",
    ),
    "nodes": (
        f"{NODES} able",
        "this is no machine for three engines: Linux, root, dockerd, ip and iptables",
    ),
}


class Thing(NamedTuple):
    """Something on the machine: its kind, one of KINDS, and its name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@cache
def missing(need: str | None) -> str | None:
    """Why NEED is not met; None where it is, and where there is none."""
    # In CI nothing that a machine can have is left out: the page fails there, and says why.
    if need is None or (need == "nodes" and os.environ.get("CI") == "true"):
        return None
    probe, reason = NEEDS[need]
    try:
        return None if docker.command(*shlex.split(probe), limit=20).returncode == 0 else reason
    except docker.EngineError:
        return reason


def _below(folder: str, pattern: str) -> list[str]:
    return [path.name for path in Path(folder).glob(pattern)]


def _docker(words: str) -> Callable[[], list[str]]:
    return lambda: docker.run(*shlex.split(words)).split()


def _projects() -> list[str]:
    label = '{{.Label "com.docker.compose.project"}}'
    # Images that Compose built have the label too, and docker run passes it on: so ask for this.
    made = "ps --all --filter label=com.docker.compose.container-number --format"
    # Cut off early, Compose has made networks only.
    return _docker(f"{made} '{label}'")() + _docker(f"network ls --format '{label}'")()


def _namespaces() -> list[str]:
    words = ("kubectl", "--request-timeout=5s", "get", "namespace", "--output=name")
    lines = [] if missing("kubectl") else docker.command(*words).stdout.split()
    return [line.removeprefix("namespace/") for line in lines]


_IMAGE = '{{if eq .Repository "<none>"}}{{.ID}}{{else}}{{.Repository}}:{{.Tag}}{{end}}'
# Every kind, in the order in which they are removed: what lists their names, and what removes one.
KINDS: dict[str, tuple[Callable[[], list[str]], str]] = {
    "nodes": (lambda: _below("/var/lib", "two-bridges-nodes"), f"{NODES} down"),
    "namespace": (_namespaces, "kubectl delete namespace {} --timeout=50s"),
    "container": (_docker("ps --all --format {{.Names}}"), "docker rm --force --volumes {}"),
    "project": (_projects, "docker compose -p {} down --remove-orphans --timeout 2"),
    "network": (_docker("network ls --format {{.Name}}"), "docker network rm {}"),
    "volume": (_docker("volume ls --quiet"), "docker volume rm {}"),
    "image": (_docker(f"image ls --format '{_IMAGE}'"), "docker image rm {}"),
    "interface": (lambda: [name for _, name in socket.if_nameindex()], "ip link del {}"),
    "netns": (lambda: _below("/run/netns", "*"), "ip netns del {}"),
    "file": (list, ""),
}


def inventory(kinds: Iterable[str] = frozenset(KINDS) - {"namespace"}) -> set[Thing]:
    """Everything of KINDS on the engine, in the host's network or in a cluster; no files."""
    return {Thing(kind, name) for kind in kinds for name in KINDS[kind][0]()}


def present(things: Iterable[Thing], root: Path) -> list[Thing]:
    """Which of THINGS are there now, in the order given."""
    asked = list(things)
    here = inventory({thing.kind for thing in asked})
    here |= {thing for thing in asked if thing.kind == "file" and (root / thing.name).exists()}
    return [thing for thing in asked if thing in here]


def remove(things: Iterable[Thing], root: Path) -> None:
    """Remove THINGS, users before what they use; what is gone already or in use is passed over."""
    for kind, name in sorted(things, key=lambda thing: list(KINDS).index(thing.kind)):
        path, words = (root / name).resolve(), shlex.split(KINDS[kind][1].format(name))
        if words and shutil.which(words[0]):
            docker.command(*words)
        elif kind == "file" and root.resolve() in path.parents:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
