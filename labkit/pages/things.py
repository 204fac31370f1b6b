"""What is on the machine of the kinds that a page makes, how to remove it, what a page needs."""

import os
import shutil
import socket
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from labkit import docker

NODES = str(Path(__file__).parents[2] / "scripts" / "nodes.sh")
_NODES = Path("/var/lib/two-bridges-nodes")  # there while nodes are, see scripts/nodes.sh
# A command that succeeds where the need is met, and what to say where it is not.
NEEDS = {
    "kubectl": (
        ("kubectl", "auth", "can-i", "create", "namespaces", "--request-timeout=5s"),
        "kubectl reaches no cluster in which it may make a namespace",
    ),
    "nodes": (
        (NODES, "able"),
        "this is no machine for three engines: Linux, root, dockerd, ip and iptables",
    ),
}
# Every kind, in the order in which they are removed, and the command for it.
KINDS = {
    "nodes": f"{NODES} down",
    "namespace": "kubectl delete namespace {} --timeout=50s",
    "container": "docker rm --force --volumes {}",
    "project": "docker compose --project-name {} down --remove-orphans --timeout 2",
    "network": "docker network rm {}",
    "volume": "docker volume rm {}",
    "image": "docker image rm {}",
    "interface": "ip link del {}",
    "netns": "ip netns del {}",
    "file": "",
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
    return None if _succeeds(*probe) else reason


def _succeeds(*argv: str) -> bool:
    try:
        return docker.command(*argv, limit=20).returncode == 0
    except docker.EngineError:
        return False


def inventory() -> set[Thing]:
    """Everything on the engine and in the host's network that a page could make."""
    found = {Thing("volume", name) for name in docker.run("volume", "ls", "--quiet").split()}
    # Images that Compose built have the project's label, and docker run passes it on.
    made = '{{if .Label "com.docker.compose.container-number"}}'
    label = '{{.Label "com.docker.compose.project"}}'
    listed = {
        "container": ("ps", "--all", "--format", "{{.Names}} " + made + label + "{{end}}"),
        # Cut off here, Compose has made no container yet.
        "network": ("network", "ls", "--format", "{{.Name}} " + label),
    }
    for kind, words in listed.items():
        for name, *project in map(str.split, docker.run(*words).splitlines()):
            # With --link a container has other names too, such as linked/webapp.
            found |= {Thing(kind, one) for one in name.split(",") if "/" not in one}
            found |= {Thing("project", one) for one in project}
    form = "{{.Repository}}:{{.Tag}} {{.ID}}"
    for name, number in map(str.split, docker.run("image", "ls", "--format", form).splitlines()):
        found.add(Thing("image", number if name == "<none>:<none>" else name))
    found |= {Thing("interface", name) for _, name in socket.if_nameindex()}
    found |= {Thing("netns", path.name) for path in Path("/run/netns").glob("*")}
    return found | ({Thing("nodes", _NODES.name)} if _NODES.exists() else set())


def present(things: Iterable[Thing], root: Path) -> list[Thing]:
    """Which of THINGS are there now, in the order given."""
    asked, here, kubectl = list(things), inventory(), ("kubectl", "--request-timeout=5s", "get")
    for kind, name in asked:
        if (kind == "file" and (root / name).exists()) or (
            kind == "namespace" and not missing("kubectl") and _succeeds(*kubectl, kind, name)
        ):
            here.add(Thing(kind, name))
    return [thing for thing in asked if thing in here]


def remove(things: Iterable[Thing], root: Path) -> None:
    """Remove THINGS, users before what they use; what is gone already or in use is passed over."""
    for kind, name in sorted(things, key=lambda thing: list(KINDS).index(thing.kind)):
        path, words = (root / name).resolve(), KINDS[kind].format(name).split()
        if words and shutil.which(words[0]):
            docker.command(*words)
        elif kind == "file" and root.resolve() in path.parents:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
