"""Which resolver this container has, which network that means, and the cure that follows."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

RESOLV_CONF, DOCKERENV = Path("/etc/resolv.conf"), Path("/.dockerenv")
IN_POD = "KUBERNETES_SERVICE_HOST" in os.environ  # the kubelet sets it in every container

# Kind of bridge, what it means, what to try when a name does not resolve.
USER_DEFINED = (
    "user-defined",
    "Docker's own DNS, so a user-defined network",
    "Check that a container of that name or alias runs on this same network",
)
DEFAULT = (
    "default",
    "Docker's default bridge, which has no DNS for container names",
    "Put both containers on a network of your own: docker network create app-net",
)
NO_NETWORK = "none", "no network, only loopback", "Give it one: docker run --network app-net"
NO_BRIDGE = "none", "not a Docker bridge", "Check the name, and that this resolver knows it"


class Resolver(NamedTuple):
    """The name servers in use, in their order, and the kind of bridge that they give away."""

    servers: tuple[str, ...]
    bridge: str
    meaning: str
    cure: str


def look() -> Resolver:
    """Read the resolver afresh: Docker rewrites the file when a container joins a network."""
    interfaces, fields = set[str](), list[list[str]]()
    with suppress(OSError):
        interfaces = {name for _, name in socket.if_nameindex()}
        fields = [line.split() for line in RESOLV_CONF.read_text("utf-8", "replace").splitlines()]
    servers = tuple(f[1] for f in fields if len(f) > 1 and f[0] == "nameserver")
    if "127.0.0.11" in servers:
        return Resolver(servers, *USER_DEFINED)
    if interfaces == {"lo"}:
        return Resolver(servers, *NO_NETWORK)
    # A container in the host's network sees docker0 itself; one on the bridge only its own end.
    on_bridge = DOCKERENV.exists() and "docker0" not in interfaces and not IN_POD
    return Resolver(servers, *(DEFAULT if on_bridge else NO_BRIDGE))
