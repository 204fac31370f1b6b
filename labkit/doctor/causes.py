"""From what is seen to the cause: step by step, up to the first that fails."""

import re
import tomllib
from collections.abc import Sequence
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from labkit import inspect
from labkit.doctor.patient import Patient, within
from labkit.inspect import EMBEDDED_DNS, Container

SENTENCES = tomllib.loads(Path(__file__).with_name("verdicts.toml").read_text(encoding="utf-8"))
TOO_EARLY = 60.0  # seconds after a server's start within which a client's end is put down to it


class Cause(Enum):
    """Why it does not reach: the word for programs; verdicts.toml has the sentence."""

    NOT_RUNNING = "not-running"
    TOO_EARLY = "too-early"
    NO_NETWORK = "no-network"
    HOST_NETWORK = "host-network"
    TARGET_NOT_RUNNING = "target-not-running"
    DEFAULT_BRIDGE = "default-bridge"
    NO_COMMON_NETWORK = "no-common-network"
    GENERATED_NAME = "generated-name"
    WRONG_DNS = "wrong-dns"
    UNKNOWN_NAME = "unknown-name"
    STALE_HOSTS = "stale-hosts"
    SEARCH_DOMAIN = "search-domain"
    UNDERSCORE = "underscore"
    HTTP_ERROR = "http-error"
    LOCALHOST = "localhost"
    BETWEEN_BRIDGES = "between-bridges"
    LOOPBACK_ONLY = "loopback-only"
    ICC_OFF = "icc-off"
    FIREWALL = "firewall"
    OVERLAPPING_SUBNET = "overlapping-subnet"
    STALE_ADDRESS = "stale-address"
    PUBLISHED_PORT = "published-port"
    STARTING = "starting"
    NOTHING_LISTENS = "nothing-listens"
    INTERNAL = "internal"
    UNREACHABLE = "unreachable"


Verdict = tuple[Cause | None, str]  # no cause where it reaches


def verdict(patient: Patient, cause: Cause, shape: str = "", **more: Any) -> Verdict:
    """The cause, and its sentence with what is known of the patient and MORE."""
    caller, named = patient.caller, patient.named
    other = more.get("owner") or named or caller
    known = {
        "caller": caller,
        "target": patient.target,
        "named": named,
        "here": _nets(caller),
        "there": _nets(other),
        "join": next((net for net in other.networks if net != "bridge"), "app-net"),
    }
    return cause, SENTENCES[cause.value + shape].format(**known, **more)


def _nets(container: Container) -> str:
    return " and ".join(container.networks) or "no network"


def examine(patient: Patient) -> Verdict:
    """Go from the container to its target step by step, up to the first that fails."""
    caller, target, named = patient.caller, patient.target, patient.named
    patient.note("container", caller)
    patient.note("calls", target.text)
    if named and named.name != caller.name:
        patient.note("target", named)
    if not caller.running:
        return not_running(patient)
    if set(caller.networks) <= {"none"}:
        return verdict(patient, Cause.NO_NETWORK)
    asked = {**target._asdict(), "name": str(target), "servers": caller.dns}
    said = patient.probe(f"container:{caller.id}", **asked)
    servers = said["resolver"]["servers"]
    given = [server for server in servers if server in caller.dns]
    patient.note("resolver", " ".join(given or map(_whose, servers)) or "none")
    if not said["addresses"]:
        patient.note("look-up", f"{target.host}: {said['error']}")
        return unresolved(patient, said["dns"])
    if not target.is_address:
        patient.note("look-up", f"{target.host} is {_shown(said['addresses'])}")
    if target.port is None:
        patient.note("connect", "not tried: no port was given")
    for address, outcome in said.get("connect", {}).items():
        patient.note("connect", f"{_shown([address])}, port {target.port}: {outcome}")
    if wrong := wrong_address(patient, said):
        return wrong
    if target.port is None:
        return None, f"{caller.name} resolves {target.host}; give NAME:PORT to look on."
    if "connected" in said["connect"].values():
        return answered(patient, said.get("status"))
    address = said["addresses"][0]
    return unconnected(patient, address, said["connect"][address])


def _whose(server: str) -> str:
    return f"{server} ({'Docker' if server == EMBEDDED_DNS else 'the host'}'s)"


def _shown(addresses: Sequence[str]) -> str:
    # ::1 is among them or not, as the engine's version has it.
    itself = all(ip_address(address).is_loopback for address in addresses)
    return "the container itself" if itself else ", ".join(addresses)


def not_running(patient: Patient) -> Verdict:
    """The caller is not there to call: perhaps it gave up on a server that was still starting."""
    caller, named, code = patient.caller, patient.named, patient.caller.state["ExitCode"]
    if code and named and named.running:
        after = caller.at("FinishedAt") - named.at("StartedAt")
        if 0 <= after < TOO_EARLY:
            patient.note("ended", f"with status {code}, soon after the start of {named.name}")
            return verdict(patient, Cause.TOO_EARLY, code=code)
    state = caller.state["Status"] + (f" with status {code}" if code else "")
    return verdict(patient, Cause.NOT_RUNNING, state=state)


def unresolved(patient: Patient, dns: dict[str, bool]) -> Verdict:
    """The name gave no address; DNS says which of the servers given with --dns answer."""
    if named := patient.named:
        if "host" in patient.caller.networks:
            return verdict(patient, Cause.HOST_NETWORK)
        if not named.running:
            return verdict(patient, Cause.TARGET_NOT_RUNNING)
        if patient.common(named) == ["bridge"]:
            return verdict(patient, Cause.DEFAULT_BRIDGE)
        if not patient.common(named):
            host = patient.target.host
            several = [one.name for one in patient.others if one.answers_to(host) and one.running]
            shape = "/several" if len(several) > 1 else ""
            return verdict(patient, Cause.NO_COMMON_NETWORK, shape, several=" and ".join(several))
    if similar := _similar(patient):
        shape = "/service" if similar.service else ""
        return verdict(patient, Cause.GENERATED_NAME, shape, similar=similar)
    if silent := ", ".join(server for server, answers in dns.items() if not answers):
        patient.note("DNS", f"{silent}: no answer")
        return verdict(patient, Cause.WRONG_DNS, silent=silent)
    return verdict(patient, Cause.UNKNOWN_NAME)


def _similar(patient: Patient) -> Container | None:
    """The container that is meant where - and _, or a Compose number, are mistaken."""

    def plain(name: str) -> str:
        return re.sub(r"[-_]1$", "", name.lower()).replace("_", "-")

    host = plain(patient.target.host)
    return next((one for one in patient.others if plain(one.name) == host), None)


def wrong_address(patient: Patient, said: dict[str, Any]) -> Verdict | None:
    """The name gave an address that is not the container's, where there is one of that name."""
    named, got = patient.named, said["addresses"]
    if patient.target.is_address or not named or not named.running:
        return None
    real = [named.networks[net] for net in patient.common(named)]
    if not real or set(got) & set(real) or all(ip_address(one).is_loopback for one in got):
        return None
    patient.note("expected", f"{named.name} is {', '.join(real)}")
    if said["in_hosts"]:
        return verdict(patient, Cause.STALE_HOSTS, got=", ".join(got))
    resolver = said["resolver"]
    if resolver["search"] and set(said.get("whole_name", [])) & set(real):
        how = {"domain": resolver["search"][0], "ndots": resolver["ndots"]}
        return verdict(patient, Cause.SEARCH_DOMAIN, got=", ".join(got), **how)
    return None


def answered(patient: Patient, code: int | None) -> Verdict:
    """A connection was made; whether the answer is one."""
    target = patient.target
    if target.path is not None:
        patient.note("asked", f"HTTP status {code}" if code else "no answer in HTTP")
        if code == 400 and "_" in target.host:
            return verdict(patient, Cause.UNDERSCORE)
        if code is None or code >= 400:
            return verdict(patient, Cause.HTTP_ERROR)
    lags = patient.caller.health == "unhealthy"
    note = " Its health check will say so at its next look." if lags else ""
    return None, f"{patient.caller.name} reaches {target}.{note}"


def unconnected(patient: Patient, address: str, outcome: str) -> Verdict:
    """There is an address, and no connection to it."""
    caller, target = patient.caller, patient.target
    if ip_address(address).is_loopback:
        meant = patient.likely() or "the other container"
        return verdict(patient, Cause.LOCALHOST, meant=meant)
    owner = next((one for one in patient.others if address in one.networks.values()), None)
    if owner and owner.name != caller.name:
        if target.is_address:
            patient.note("target", owner)
        if not patient.common(owner):
            return verdict(patient, Cause.BETWEEN_BRIDGES, address=address, owner=owner)
        said = patient.probe(f"container:{owner.id}")["listening"]
        shown = sorted(f"{on}:{port}" for on, port in said if on != EMBEDDED_DNS)
        patient.note("listening", f"{owner.name}: {', '.join(shown) or 'nothing'}")
        if listens := [on for on, port in said if port == target.port]:
            return listening(patient, owner, listens, outcome)
    if target.is_address and (wrong := local_address(patient, address, owner)):
        return wrong
    if owner:
        if inside := owner.published.get(target.port or 0):
            return verdict(patient, Cause.PUBLISHED_PORT, owner=owner, inside=inside)
        cause = Cause.STARTING if owner.health == "starting" else Cause.NOTHING_LISTENS
        return verdict(patient, cause, owner=owner)
    if all(inspect.network(net).get("Internal") for net in caller.networks):
        return verdict(patient, Cause.INTERNAL, address=address)
    return verdict(patient, Cause.UNREACHABLE, address=address, outcome=outcome)


def listening(patient: Patient, owner: Container, listens: Sequence[str], outcome: str) -> Verdict:
    """The right container, and something listens there on that port."""
    if all(ip_address(on).is_loopback for on in listens):
        return verdict(patient, Cause.LOOPBACK_ONLY, owner=owner, on=listens[0])
    both = patient.common(owner)
    for net in both:
        options = inspect.network(net).get("Options") or {}
        if options.get("com.docker.network.bridge.enable_icc") == "false":
            return verdict(patient, Cause.ICC_OFF, net=net)
    return verdict(patient, Cause.FIREWALL, owner=owner, net=both[0], outcome=outcome)


def local_address(patient: Patient, address: str, owner: Container | None) -> Verdict | None:
    """An address in a range of the caller's own network, and what is meant is not there."""
    ranges = ((net, subnet) for net in patient.caller.networks for subnet in inspect.subnets(net))
    net, subnet = next((one for one in ranges if within(address, one[1])), ("", ""))
    if not net:
        return None
    network = inspect.network(net)
    options = network.get("Options") or {}
    bridge = options.get("com.docker.network.bridge.name", f"br-{network['Id'][:12]}")
    beyond = [
        interface
        for interface, range_ in patient.probe("host")["routes"]
        if interface != bridge and range_ != "0.0.0.0/0" and within(address, range_)
    ]
    if beyond and not owner:
        patient.note("route", f"the host has {address} on {beyond[0]} as well")
        how = {"net": net, "subnet": subnet, "beyond": beyond[0]}
        return verdict(patient, Cause.OVERLAPPING_SUBNET, address=address, **how)
    whose = f"{owner.name}'s" if owner else "no container's"
    meant = patient.likely(owner) or "the container"
    return verdict(patient, Cause.STALE_ADDRESS, address=address, whose=whose, meant=meant)
