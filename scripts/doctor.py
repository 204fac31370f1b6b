"""Says why a container cannot reach a name: the steps looked at, one cause, and its cure.

    ./lab doctor CONTAINER [NAME] [--json]
      NAME     a name, NAME:PORT, or a URL; without it, what the container's CLIENT_URL says
      --json   one JSON object: reaches, cause, verdict, and each step with what was seen

It looks from inside the container's own network, through a helper container that shares it and is
removed at once; nothing is changed, and nothing is put into the container itself.

Exit codes: 0 it reaches; 1 it does not, and the verdict says why; 2 bad arguments; 3 no engine
answers, or no image is there for the helper; 129, 130 and 143 interrupted.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PROBE = Path(__file__).with_name("doctor_probe.py")
IMAGES = ("two-bridges-client", "two-bridges-webapp", "python:3.13-slim")
EMBEDDED_DNS = "127.0.0.11"
TIMEOUT = 60.0  # seconds for one docker command
TOO_EARLY = 60.0  # seconds after a server's start within which a client's end is put down to it


class UsageError(Exception):
    """An argument that cannot be used; the text names it and says what was expected."""


class EngineError(Exception):
    """No engine, or no image for the helper; the text says what to do."""


class Interrupted(Exception):
    """A signal has come; the argument is its number."""


class Docker:
    """Runs docker commands to their end, and stops between two of them when a signal has come.

    A `docker run --rm` that is cut off half-way could leave its container.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def __call__(self, *words: str, partly: bool = False) -> str:
        """The output of `docker WORDS`; EngineError where it fails, unless PARTLY is enough."""
        try:
            done = subprocess.run(
                ["docker", *words],
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise EngineError("docker is not installed: ./lab up installs it") from None
        except subprocess.TimeoutExpired:
            raise EngineError(f"docker {words[0]} did not end within {TIMEOUT:g} s") from None
        if self._signal is not None:
            raise Interrupted(self._signal)
        if done.returncode and not partly:
            lines = done.stderr.strip().splitlines() or ["no output"]
            raise EngineError(f"docker {words[0]}: exit {done.returncode}: {lines[-1]}")
        return done.stdout

    def inspect(self, kind: str, ids: Iterable[str]) -> list[Any]:
        """What the engine knows of each of IDS; one that has just gone is left out."""
        asked = list(ids)
        text = self(kind, "inspect", *asked, partly=True) if asked else "[]"
        return list(json.loads(text or "[]"))


@dataclass
class Container:
    """What the engine says of a container."""

    name: str
    id: str
    state: dict[str, Any]
    mode: str
    networks: dict[str, str]  # the address on each network, "" where it has none
    names: dict[str, set[str]]  # on each network, what its DNS answers to
    service: str | None
    exposed: set[int]
    published: dict[int, int]  # the container's port by the host's
    environ: dict[str, str]
    dns: tuple[str, ...]
    restarts: int

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Container":
        """From `docker container inspect`."""
        config, host, settings = data["Config"], data["HostConfig"], data["NetworkSettings"]
        name = data["Name"].lstrip("/")
        networks = settings["Networks"] or {}
        ports = settings["Ports"] or {}
        return cls(
            name=name,
            id=data["Id"],
            state=data["State"],
            mode=host["NetworkMode"],
            networks={net: end["IPAddress"] for net, end in networks.items()},
            names={
                net: {name, config["Hostname"], *(end.get("DNSNames") or end["Aliases"] or [])}
                for net, end in networks.items()
            },
            service=(config["Labels"] or {}).get("com.docker.compose.service"),
            exposed={
                int(port.split("/")[0])
                for port in {**(config.get("ExposedPorts") or {}), **ports}
                if port.endswith("/tcp")
            },
            published={
                int(binding["HostPort"]): int(port.split("/")[0])
                for port, bindings in ports.items()
                for binding in bindings or []
            },
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
            host, port = parts.hostname or "", parts.port
            is_http = parts.scheme == "http"
            port = port or {"http": 80, "https": 443}.get(parts.scheme)
            # A host's name, perhaps with Docker's underscores, or an address.
            if not re.fullmatch(r"[\w.:-]+", host) or parts.scheme not in ("", "http", "https"):
                raise wrong
        except ValueError:
            raise wrong from None
        return cls(host, port, (parts.path or "/") if is_http else None, text)

    @property
    def is_address(self) -> bool:
        """Whether the host is an address, which nobody looks up."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


class Verdict(NamedTuple):
    """A cause, as one word for programs and none where it reaches, and one sentence for people."""

    cause: str | None
    text: str


@dataclass
class Patient:
    """The container that calls, what it calls, and all that is known of both."""

    docker: Docker
    caller: Container
    target: Target
    others: list[Container]
    steps: list[tuple[str, str]] = field(default_factory=list)

    def note(self, step: str, seen: str) -> None:
        """Keep what a step has shown."""
        self.steps.append((step, seen))

    def probe(self, namespace: str, **asked: Any) -> dict[str, Any]:
        """What NAMESPACE, `container:ID` or `host`, says of itself and of what is ASKED."""
        there = self.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        image = next((i for i in IMAGES if i in there or f"{i}:latest" in there), None)
        if image is None:
            raise EngineError(f"expected one of the images {', '.join(IMAGES)}: ./lab up gets them")
        said = self.docker(
            "run", "--rm", "--network", namespace, "--label", "two-bridges=doctor",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only",
            "--entrypoint", "python", image,
            "-c", PROBE.read_text(encoding="utf-8"), json.dumps(asked),
        )  # fmt: skip
        return dict(json.loads(said))

    def network(self, name: str) -> dict[str, Any]:
        """What `docker network inspect` says."""
        found = self.docker.inspect("network", [name])
        return dict(found[0]) if found else {}

    def subnets(self, name: str) -> list[str]:
        """The ranges of a network."""
        config = (self.network(name).get("IPAM") or {}).get("Config") or []
        return [entry["Subnet"] for entry in config if entry.get("Subnet")]

    def by_name(self, host: str) -> Container | None:
        """The container of that name, rather one that runs on a network of the caller's."""
        named = [c for c in self.others if c.answers_to(host)]
        return max(named, key=lambda c: (c.running, bool(self.common(c))), default=None)

    def by_address(self, address: str) -> Container | None:
        """The container that has the address, on any network."""
        return next((c for c in self.others if address in c.networks.values()), None)

    def common(self, other: Container) -> list[str]:
        """The networks of both."""
        return [net for net in self.caller.networks if net in other.networks]

    def likely(self) -> list[Container]:
        """Other containers on the caller's networks with the port that it calls."""
        return [
            c
            for c in self.others
            if c.name != self.caller.name and self.target.port in c.exposed and self.common(c)
        ]


def examine(patient: Patient) -> Verdict:
    """Go from the container to its target step by step, up to the first that fails."""
    caller, target = patient.caller, patient.target
    patient.note("container", str(caller))
    patient.note("calls", target.text)
    named = patient.by_name(target.host)
    if named and named.name != caller.name:
        patient.note("target", str(named))
    if not caller.running:
        return not_running(patient, named)
    if caller.mode == "none":
        return Verdict(
            "no-network",
            f"{caller.name} was started with --network none: make it again with a network.",
        )
    said = patient.probe(
        f"container:{caller.id}",
        host=target.host,
        port=target.port,
        path=target.path,
        name=str(target),
        servers=caller.dns,
    )
    resolver = said["resolver"]
    given = [s for s in resolver["servers"] if s in caller.dns]
    patient.note("resolver", " ".join(given or map(_whose, resolver["servers"])) or "none")
    if not said["addresses"]:
        patient.note("look-up", f"{target.host}: {said['error']}")
        return unresolved(patient, named, said)
    if not target.is_address:
        patient.note("look-up", f"{target.host} is {_shown(said['addresses'])}")
    if target.port is None:
        patient.note("connect", "not tried: no port was given")
    else:
        for address, outcome in said["connect"].items():
            step = ("connect", f"{_shown([address])}, port {target.port}: {outcome}")
            if step not in patient.steps:
                patient.note(*step)
    if wrong := wrong_address(patient, named, said):
        return wrong
    if "connected" in said.get("connect", {}).values():
        return answered(patient, said)
    if target.port is None:
        return Verdict(None, f"{caller.name} resolves {target.host}; give NAME:PORT to look on.")
    return unconnected(patient, said)


def _whose(server: str) -> str:
    return f"{server} ({'Docker' if server == EMBEDDED_DNS else 'the host'}'s)"


def _shown(addresses: Sequence[str]) -> str:
    if all(ip_address(address).is_loopback for address in addresses):
        return "the container itself"  # ::1 is among them or not, as the engine's version has it
    return ", ".join(addresses)


def not_running(patient: Patient, named: Container | None) -> Verdict:
    """The caller is not there to call: perhaps it gave up on a server that was still starting."""
    caller, code = patient.caller, patient.caller.state["ExitCode"]
    if code and named and named.running:
        after = caller.at("FinishedAt") - named.at("StartedAt")
        if 0 <= after < TOO_EARLY:
            patient.note("ended", f"with status {code}, soon after the start of {named.name}")
            return Verdict(
                "too-early",
                f"{caller.name} ended with status {code} while {named.name} was still starting, "
                "and nothing started it again: let it retry, or start it once "
                f"{named.name} is healthy (Compose: depends_on with condition: service_healthy).",
            )
    state = f"is {caller.state['Status']}" + (f" with status {code}" if code else "")
    return Verdict("not-running", f"{caller.name} {state}: docker logs {caller.name} says why.")


def unresolved(patient: Patient, named: Container | None, said: dict[str, Any]) -> Verdict:
    """The name gave no address."""
    caller, target = patient.caller, patient.target
    if caller.mode == "host" and named:
        return Verdict(
            "host-network",
            f"{caller.name} uses the host's network, where no container has a name: publish the "
            f"port of {named.name} and call 127.0.0.1, or put both on a network of your own.",
        )
    if named:
        if not named.running:
            return Verdict(
                "target-not-running",
                f"{named.name} is {named.state['Status']}, and only a running container has a "
                f"name: docker logs {named.name} says why, docker start {named.name} starts it.",
            )
        both = patient.common(named)
        if both == ["bridge"]:
            return Verdict(
                "default-bridge",
                f"{caller.name} and {named.name} have only the default bridge in common, and it "
                "has no DNS for containers: docker network create my-net, then "
                f"docker network connect my-net {caller.name}, and the same for {named.name}.",
            )
        if not both:
            return apart(patient, named)
    if similar := _similar(patient):
        right = similar.service or similar.name
        return Verdict(
            "generated-name",
            f"no container is named {target.host}; Compose called it {similar.name}, and such a "
            f"name changes with the project and with Compose: call the service, {right}."
            if similar.service
            else f"no container is named {target.host}: did you mean {right}?",
        )
    if silent := [server for server, answers in said["dns"].items() if not answers]:
        patient.note("DNS", f"{', '.join(silent)}: no answer")
        return Verdict(
            "wrong-dns",
            f"no answer comes from the DNS server {', '.join(silent)} that {caller.name} was given "
            "with --dns: make it again with a server that answers, or without --dns.",
        )
    return Verdict(
        "unknown-name",
        f"no container on a network of {caller.name} and no DNS server that it asks knows "
        f"{target.host}: docker ps lists the names.",
    )


def _similar(patient: Patient) -> Container | None:
    """The container that is meant where - and _, or a Compose number, are mistaken."""

    def plain(name: str) -> str:
        return re.sub(r"[-_]1$", "", name.lower()).replace("_", "-")

    host = plain(patient.target.host)
    return next((c for c in patient.others if plain(c.name) == host), None)


def apart(patient: Patient, other: Container) -> Verdict:
    """No network in common, seen by name."""
    caller, net = patient.caller, _joinable(other)
    namesakes = [c.name for c in patient.others if c.answers_to(patient.target.host) and c.running]
    if len(namesakes) > 1:
        return Verdict(
            "no-common-network",
            f"{patient.target.host} is a name of {' and '.join(namesakes)}, and {caller.name} "
            "shares a network with none of them: docker network connect the one that you mean.",
        )
    return Verdict(
        "no-common-network",
        f"{caller.name} is on {_nets(caller)}, {other.name} on {_nets(other)}, and a name is known "
        f"on its own network only: docker network connect {net} {caller.name}.",
    )


def _nets(container: Container) -> str:
    return " and ".join(container.networks) or "no network"


def _joinable(container: Container) -> str:
    return next((net for net in container.networks if net != "bridge"), "my-net")


def wrong_address(
    patient: Patient, named: Container | None, said: dict[str, Any]
) -> Verdict | None:
    """The name gave an address that is not the container's, where there is one of that name."""
    caller, target, got = patient.caller, patient.target, said["addresses"]
    if target.is_address or not named or not named.running or not patient.common(named):
        return None
    real = [named.networks[net] for net in patient.common(named)]
    if set(got) & set(real) or all(ip_address(a).is_loopback for a in got):
        return None
    patient.note("expected", f"{named.name} is {', '.join(real)}")
    if said["in_hosts"]:
        return Verdict(
            "stale-hosts",
            f"/etc/hosts of {caller.name} says that {target.host} is {', '.join(got)}, which it "
            "was once: make the container again without --add-host.",
        )
    resolver = said["resolver"]
    if resolver["search"] and set(said.get("whole_name", [])) & set(real):
        domain, ndots = resolver["search"][0], resolver["ndots"]
        return Verdict(
            "search-domain",
            f"with search {domain} and ndots:{ndots}, {caller.name} asks for {target.host}.{domain}"
            f" first, and that is {', '.join(got)}: make it again without the search domain or "
            f"with Docker's own ndots:0, or call {target.host}. with a dot at its end.",
        )
    return None


def answered(patient: Patient, said: dict[str, Any]) -> Verdict:
    """A connection was made; whether the answer is one."""
    caller, target, code = patient.caller, patient.target, said.get("status")
    if target.path is not None:
        patient.note("asked", f"HTTP status {code}" if code else "no answer in HTTP")
    if code == 400 and "_" in target.host:
        return Verdict(
            "underscore",
            f"{target.host} answers, and refuses its own name with status 400: an underscore is "
            "not allowed in a host name. Give it a second name with a hyphen: --network-alias.",
        )
    if target.path is not None and (code is None or code >= 400):
        return Verdict(
            "http-error",
            f"{caller.name} reaches {target}, and the network is well; what answers is at fault: "
            "look at its log.",
        )
    return Verdict(None, f"{caller.name} reaches {target}.")


def unconnected(patient: Patient, said: dict[str, Any]) -> Verdict:
    """There is an address, and no connection to it."""
    caller, target = patient.caller, patient.target
    address = str(said["addresses"][0])
    outcome = str(said["connect"][address])
    if ip_address(address).is_loopback:
        meant = " or ".join(c.name for c in patient.likely())
        call = f"{meant} by name" if meant else "the other container by its name"
        return Verdict(
            "localhost",
            f"{target.host} is {caller.name} itself, where nothing listens on port {target.port}: "
            f"call {call}.",
        )
    owner = patient.by_address(address)
    if owner and owner.name != patient.caller.name:
        if target.is_address:
            patient.note("target", str(owner))
        if not patient.common(owner):
            net = _joinable(owner)
            return Verdict(
                "between-bridges",
                f"{address} is {owner.name} on {_nets(owner)}, {caller.name} is on {_nets(caller)},"
                " and the engine's firewall drops what goes from one bridge to another: "
                f"docker network connect {net} {caller.name}.",
            )
        here = patient.probe(f"container:{owner.id}")["listening"]
        listens = [on for on, port in here if port == target.port]
        patient.note("listening", f"{owner.name}: {_listed(here)}")
        if listens:
            return listening(patient, owner, listens, outcome)
    local = next((net for net in caller.networks if _within(address, patient.subnets(net))), None)
    if target.is_address and local:
        return local_address(patient, address, owner, local)
    if owner:
        return nothing_listens(patient, owner)
    return no_way_out(patient, address, outcome)


def _listed(here: Sequence[Sequence[Any]]) -> str:
    """Addresses and ports, without Docker's own DNS."""
    shown = [f"{on}:{port}" for on, port in here if on != EMBEDDED_DNS]
    return ", ".join(sorted(shown)) or "nothing"


def _within(address: str, subnets: Iterable[str]) -> bool:
    return any(ip_address(address) in ip_network(subnet) for subnet in subnets)


def listening(patient: Patient, owner: Container, listens: Sequence[str], outcome: str) -> Verdict:
    """The right container, and something listens there on that port."""
    port = patient.target.port
    if all(ip_address(on).is_loopback for on in listens):
        return Verdict(
            "loopback-only",
            f"{owner.name} listens on {listens[0]}:{port} only, where none but itself can call: "
            f"let it listen on 0.0.0.0:{port}.",
        )
    for net in patient.common(owner):
        options = patient.network(net).get("Options") or {}
        if options.get("com.docker.network.bridge.enable_icc") == "false":
            return Verdict(
                "icc-off",
                f"{net} was made with enable_icc=false, and the engine's firewall drops what goes "
                "between its containers: make it again without that option.",
            )
    return Verdict(
        "firewall",
        f"{owner.name} listens and shares {patient.common(owner)[0]} with {patient.caller.name}, "
        f"yet the connection ends with '{outcome}': look for a firewall rule on the host "
        "(the chain DOCKER-USER).",
    )


def local_address(patient: Patient, address: str, owner: Container | None, net: str) -> Verdict:
    """An address in a range of the caller's own network, and what is meant is not there."""
    caller, target = patient.caller, patient.target
    subnet = next(s for s in patient.subnets(net) if _within(address, [s]))
    network = patient.network(net)
    bridge = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    bridge = bridge or f"br-{network['Id'][:12]}"
    others = [
        interface
        for interface, range_ in patient.probe("host")["routes"]
        if interface != bridge and range_ != "0.0.0.0/0" and _within(address, [range_])
    ]
    if others and not owner:
        patient.note("route", f"the host has {address} on {others[0]} as well")
        return Verdict(
            "overlapping-subnet",
            f"{address} lies in {subnet} of {net}, so {caller.name} looks for it on that bridge, "
            f"but it is beyond the host's {others[0]}: make {net} again with another --subnet.",
        )
    whose = f"{owner.name}'s now" if owner else "no container's now"
    meant = " or ".join(c.name for c in patient.likely() if c is not owner)
    return Verdict(
        "stale-address",
        f"{address} is {whose}, and nothing answers there on port {target.port}: an address is "
        f"given out anew with each container, so call {meant or 'the container'} by name.",
    )


def nothing_listens(patient: Patient, owner: Container) -> Verdict:
    """The right container, and nothing listens there on that port."""
    target = patient.target
    if inside := owner.published.get(target.port or 0):
        return Verdict(
            "published-port",
            f"{target.port} is where the host publishes {owner.name}'s port {inside}, and between "
            f"containers the container's own port counts: call {target.host}:{inside}.",
        )
    if owner.health == "starting":
        return Verdict("starting", f"{owner.name} is still starting: wait until it is healthy.")
    return Verdict(
        "nothing-listens",
        f"nothing listens on port {target.port} in {owner.name}: look at docker logs {owner.name},"
        " or call the port on which it listens.",
    )


def no_way_out(patient: Patient, address: str, outcome: str) -> Verdict:
    """An address outside all containers and their ranges."""
    caller = patient.caller
    if all(patient.network(net).get("Internal") for net in caller.networks):
        return Verdict(
            "internal",
            f"{_nets(caller)} is internal, without a way to {address}, and {caller.name} is on no "
            f"other: docker network connect NETWORK {caller.name}, with one that is not internal.",
        )
    return Verdict(
        "unreachable",
        f"{address} is no container's, and the connection ends with '{outcome}': see whether the "
        "host itself reaches it.",
    )


def admit(docker: Docker, name: str, called: str | None) -> Patient:
    """Find the container and what it calls; UsageError says what was expected."""
    ids = docker("ps", "--all", "--quiet", "--no-trunc").split()
    containers = [Container.read(data) for data in docker.inspect("container", ids)]
    caller = next((c for c in containers if name == c.name), None) or next(
        (c for c in containers if len(name) > 3 and c.id.startswith(name)), None
    )
    if caller is None:
        there = ", ".join(sorted(c.name for c in containers)) or "none"
        raise UsageError(f"there is no container '{name}': expected one of {there}")
    if caller.mode.startswith("container:"):
        whose = next((c for c in containers if c.id == caller.mode[10:]), caller)
        caller.networks, caller.names = whose.networks, whose.names
    url = called or caller.environ.get("CLIENT_URL")
    if not url:
        raise UsageError(
            f"{name} has no CLIENT_URL that says what it calls: expected "
            f"./lab doctor {name} NAME, NAME:PORT or URL"
        )
    target = Target.read(url)
    patient = Patient(docker, caller, target, containers)
    named = patient.by_name(target.host)
    if target.port is None and named and len(named.exposed) == 1:
        target = target._replace(port=next(iter(named.exposed)))
    return Patient(docker, caller, target, containers)


def lines(patient: Patient, verdict: Verdict) -> Iterator[str]:
    """The steps and the verdict, for people."""
    cause = [("cause", verdict.cause)] if verdict.cause else []
    for step, seen in [*patient.steps, *cause, ("verdict", verdict.text)]:
        yield f"{step:<10} {seen}"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the arguments, examine, print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="./lab doctor",
        usage="./lab doctor CONTAINER [NAME] [--json]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("container", metavar="CONTAINER")
    parser.add_argument("name", metavar="NAME", nargs="?")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    args = parser.parse_args(argv)
    try:
        patient = admit(Docker(), args.container, args.name)
        verdict = examine(patient)
    except UsageError as error:
        print(f"lab: doctor: {error}", file=sys.stderr)
        return 2
    except EngineError as error:
        print(f"lab: doctor: {error}", file=sys.stderr)
        return 3
    except Interrupted as stopped:
        print("lab: interrupted", file=sys.stderr)
        return 128 + int(stopped.args[0])
    if args.json:
        steps = [{"step": step, "seen": seen} for step, seen in patient.steps]
        reaches = verdict.cause is None
        print(json.dumps(
            {
                "container": patient.caller.name,
                "name": patient.target.text,
                "reaches": reaches,
                "cause": verdict.cause,
                "verdict": verdict.text,
                "steps": steps,
            },
            indent=2,
        ))  # fmt: skip
    else:
        print("\n".join(lines(patient, verdict)))
    return 0 if verdict.cause is None else 1


if __name__ == "__main__":
    sys.exit(main())
