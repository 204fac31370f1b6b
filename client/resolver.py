"""Which resolver this container has, which Docker bridge that means, and the cure that follows."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from client.trouble import Trouble, plain

EMBEDDED_DNS = "127.0.0.11"

_MEANING = {
    "user-defined": "Docker's own DNS, so a user-defined network",
    "default": "Docker's default bridge, which has no DNS for container names",
    "none": "not a Docker bridge",
}

_RESOLVE_CURE = {
    "user-defined": "Check that a container of that name or alias runs on this same network",
    "default": "Put both containers on a network of your own: docker network create my-net",
    "none": Trouble.UNRESOLVED.cure,
}


@dataclass(frozen=True)
class Resolver:
    """The name servers in use, in their order, and the kind of bridge that they give away."""

    servers: tuple[str, ...]
    bridge: Literal["user-defined", "default", "none"]

    def __str__(self) -> str:
        return f"Resolver {', '.join(self.servers) or 'unknown'}: {_MEANING[self.bridge]}"

    def cure(self, trouble: Trouble) -> str:
        """Return what to try; a name that did not resolve has another cure on each bridge."""
        return _RESOLVE_CURE[self.bridge] if trouble is Trouble.UNRESOLVED else trouble.cure


def look(
    resolv_conf: Path = Path("/etc/resolv.conf"),
    dockerenv: Path = Path("/.dockerenv"),
    interfaces: Iterable[str] | None = None,
) -> Resolver:
    """Read the resolver afresh: Docker rewrites the file when a container joins a network.

    `interfaces` are the names of the network interfaces; None asks the kernel. An unreadable
    `resolv_conf` gives no servers.
    """
    try:
        lines = resolv_conf.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = [line.split() for line in lines]
    servers = tuple(plain(f[1], 64) for f in fields if len(f) > 1 and f[0] == "nameserver")
    if EMBEDDED_DNS in servers:
        return Resolver(servers, "user-defined")
    if interfaces is None:
        interfaces = [name for _, name in socket.if_nameindex()]
    # A container in the host's network sees docker0 itself; one on the bridge only its own end.
    on_bridge = dockerenv.exists() and "docker0" not in interfaces
    return Resolver(servers, "default" if on_bridge else "none")
