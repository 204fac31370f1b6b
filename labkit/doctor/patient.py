"""The patient: the container that calls, what it calls, and all that is known of both."""

import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from labkit import UsageError, docker, inspect
from labkit.inspect import Container

PROBE = Path(__file__).with_name("probe.py")
IMAGES = ("two-bridges-client", "two-bridges-webapp", "python:3.13-slim")


class Target(NamedTuple):
    """What is to be reached: a host, a port where one is known, a path where it is HTTP."""

    host: str
    port: int | None
    path: str | None
    text: str

    @classmethod
    def read(cls, text: str) -> "Target":
        """From a name, NAME:PORT or a URL; UsageError says what is wrong."""
        wrong = UsageError(f"name '{text}': expected NAME, NAME:PORT or http://NAME:PORT/")
        try:
            parts = urlsplit(text if "://" in text else f"//{text}")
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        except ValueError:
            raise wrong from None
        host = parts.hostname or ""
        # A host's name, perhaps with Docker's underscores, or an address.
        if not re.fullmatch(r"[\w.:-]+", host) or parts.scheme not in ("", "http", "https"):
            raise wrong
        return cls(host, port, (parts.path or "/") if parts.scheme == "http" else None, text)

    @property
    def is_address(self) -> bool:
        """Whether the host is an address, which nobody looks up."""
        return bool(re.fullmatch(r"[\d.]+|.*:.*", self.host))

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass
class Patient:
    """The container that calls, what it calls, and the steps looked at so far."""

    caller: Container
    target: Target
    others: list[Container]  # all that there are, the caller among them
    steps: list[tuple[str, str]] = field(default_factory=list)

    def note(self, step: str, seen: object) -> None:
        """Keep what a step has shown, once."""
        if (step, str(seen)) not in self.steps:
            self.steps.append((step, str(seen)))

    def probe(self, namespace: str, **asked: Any) -> dict[str, Any]:
        """What NAMESPACE, `container:ID` or `host`, says of itself and of what is ASKED."""
        image = next((name for name in IMAGES if docker.inspect("image", [name])), None)
        if image is None:
            wanted = f"expected one of the images {', '.join(IMAGES)}"
            raise docker.EngineError(f"{wanted}: ./lab up gets them")
        said = docker.run(
            "run", "--rm", "--network", namespace, "--label", "two-bridges=doctor",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only",
            # glibc alone would wait 10 s for each server that does not answer.
            "--env", "RES_OPTIONS=timeout:1 attempts:3", "--entrypoint", "python", image,
            "-c", PROBE.read_text(encoding="utf-8"), json.dumps(asked),
        )  # fmt: skip
        return dict(json.loads(said))

    @cached_property
    def named(self) -> Container | None:
        """The container that the target names, rather one that runs on a network of the caller."""
        named = [one for one in self.others if one.answers_to(self.target.host)]
        return max(named, key=lambda one: (one.running, bool(self.common(one))), default=None)

    def common(self, other: Container) -> list[str]:
        """The networks of both."""
        return [net for net in self.caller.networks if net in other.networks]

    def likely(self, owner: Container | None = None) -> str:
        """Others than OWNER on the caller's networks with the port that it calls, by name."""
        known = {one.name for one in (self.caller, owner) if one}
        near = (one for one in self.others if self.common(one) and self.target.port in one.exposed)
        return " or ".join(one.name for one in near if one.name not in known)


def within(address: str, subnet: str) -> bool:
    """Whether the address lies in the range."""
    return ip_address(address) in ip_network(subnet)


def admit(name: str, called: str | None) -> Patient:
    """Find the container NAME and what it calls; UsageError says what was expected."""
    there = inspect.containers()
    caller = next((one for one in there if name == one.name), None) or next(
        (one for one in there if len(name) > 3 and one.id.startswith(name)), None
    )
    if caller is None:
        known = ", ".join(sorted(one.name for one in there)) or "none"
        raise UsageError(f"there is no container '{name}': expected one of {known}")
    if caller.mode.startswith("container:"):
        whose = next((one for one in there if one.id == caller.mode[10:]), caller)
        caller = replace(caller, networks=whose.networks, names=whose.names)
    url = called or caller.environ.get("CLIENT_URL")
    if not url:
        raise UsageError(
            f"{name} has no CLIENT_URL that says what it calls: expected "
            f"./lab doctor {name} NAME, NAME:PORT or URL"
        )
    patient = Patient(caller, Target.read(url), there)
    if patient.target.port is None and patient.named and len(patient.named.exposed) == 1:
        patient.target = patient.target._replace(port=next(iter(patient.named.exposed)))
    return patient
