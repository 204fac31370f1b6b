"""What the engine says of containers and networks, read once for every word of `./lab`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labkit import docker

EMBEDDED_DNS = "127.0.0.11"  # Docker's own server, in each container of a user-defined network


@dataclass
class Container:
    """What `docker container inspect` says."""

    name: str
    id: str
    pid: int  # of its first process; 0 where it does not run
    state: dict[str, Any]
    mode: str
    networks: dict[str, str]  # the address on each network, "" where it has none
    names: dict[str, set[str]]  # on each network, what its DNS answers to
    service: str | None
    exposed: set[int]
    published: dict[int, int]  # the container's TCP port by the host's
    environ: dict[str, str]
    dns: tuple[str, ...]
    restarts: int

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Container":
        """From one object of `docker container inspect`."""
        config, host, settings = data["Config"], data["HostConfig"], data["NetworkSettings"]
        name = data["Name"].lstrip("/")
        networks = settings["Networks"] or {}
        ports = _tcp(settings["Ports"])
        return cls(
            name=name,
            id=data["Id"],
            pid=data["State"]["Pid"],
            state=data["State"],
            mode=host["NetworkMode"],
            networks={net: end["IPAddress"] for net, end in networks.items()},
            names={
                net: {name, config["Hostname"], *(end.get("DNSNames") or end["Aliases"] or [])}
                for net, end in networks.items()
            },
            service=(config["Labels"] or {}).get("com.docker.compose.service"),
            exposed={*ports, *_tcp(config.get("ExposedPorts"))},
            published={int(one["HostPort"]): port for port in ports for one in ports[port] or ()},
            environ=dict(entry.partition("=")[::2] for entry in config["Env"] or []),
            dns=tuple(host.get("Dns") or ()),
            restarts=data["RestartCount"],
        )

    @property
    def running(self) -> bool:
        """Whether it runs, neither paused nor waiting to be started again."""
        return str(self.state["Status"]) == "running"

    @property
    def health(self) -> str | None:
        """Starting, healthy or unhealthy; None without a health check."""
        return (self.state.get("Health") or {}).get("Status")

    def at(self, what: str) -> float:
        """Its StartedAt or FinishedAt, as seconds since 1970."""
        # Python 3.11 reads at most six digits of the fraction, and the engine gives nine.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", self.state[what])).timestamp()

    def answers_to(self, host: str) -> bool:
        """Whether HOST is one of its names anywhere: of its own, an alias, its service."""
        everywhere = {self.name, self.service, *(x for names in self.names.values() for x in names)}
        return host.rstrip(".").lower() in {str(name).lower() for name in everywhere}

    def __str__(self) -> str:
        sick = self.running and self.health == "unhealthy"
        state = self.state["Status"] + (", unhealthy" if sick else "")
        if self.restarts:
            state += f", restarted {self.restarts} times"
        ends = [f"{net} ({address})" if address else net for net, address in self.networks.items()]
        return f"{self.name}: {state}, on {' and '.join(ends) or 'no network'}"


def _tcp(ports: dict[str, Any] | None) -> dict[int, Any]:
    tcp = {port: what for port, what in (ports or {}).items() if port.endswith("/tcp")}
    return {int(port.removesuffix("/tcp")): what for port, what in tcp.items()}


def containers(names: Iterable[str] = ()) -> list[Container]:
    """Those of NAMES, names or ids, that are there; without NAMES all, stopped ones too."""
    asked = list(names) or docker.run("ps", "--all", "--quiet", "--no-trunc").split()
    return [Container.read(data) for data in docker.inspect("container", asked)]


def network(name: str) -> dict[str, Any]:
    """What `docker network inspect` says; empty where there is no such network."""
    found = docker.inspect("network", [name])
    return dict(found[0]) if found else {}


def subnets(name: str) -> list[str]:
    """The ranges of a network."""
    config = (network(name).get("IPAM") or {}).get("Config") or []
    return [entry["Subnet"] for entry in config if entry.get("Subnet")]
