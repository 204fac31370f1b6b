"""The two ends, as the engine knows them, and every interface between them. IPv4 only."""

import contextlib
import ipaddress
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from labkit import UsageError
from labkit.inspect import EMBEDDED_DNS, Container

HOST = os.getpid()  # a process in the host's network: this one, in the box


class NoWay(Exception):
    """The probe cannot be sent; the text says why."""


class Hop(NamedTuple):
    """An interface; `where` is a container's name or host, `pid` a process in its namespace."""

    where: str
    interface: str
    pid: int

    def __str__(self) -> str:
        return f"{self.where} {self.interface}"


@dataclass
class Plan:
    """Who sends what to whom and, once find_way() has looked, every interface between."""

    sender: str
    sender_pid: int  # 0 for the host
    target: str
    address: str
    probe: str
    kind: str  # ping, tcp or dns
    port: int = 0
    name: str = ""
    # The container that holds the address or, where the host does, publishes the port.
    holder: str = ""
    holder_pid: int = 0
    inner: list[str] = field(default_factory=list)  # its addresses
    inner_port: int = 0
    source: str = ""
    hops: list[Hop] = field(default_factory=list)
    bridges: list[str] = field(default_factory=list)


def read_probe(text: str) -> tuple[str, int, str]:
    """The kind, the port and the name that TEXT names."""
    kind, _, value = text.partition(":")
    if text == "ping":
        return kind, 0, ""
    if kind == "tcp" and re.fullmatch(r"[1-9]\d{0,4}", value) and int(value) <= 65535:
        return kind, int(value), ""
    if kind == "dns" and re.fullmatch(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*", value, re.ASCII):
        return kind, 53, value
    raise UsageError(f"probe '{text}': expected ping, tcp:PORT (1 to 65535) or dns:NAME")


def make_plan(sender: str, target: str, probe: str, known: Sequence[Container]) -> Plan:
    """The ends among the KNOWN containers, `host`, and addresses; UsageError where one is wrong."""
    named = {word: one for one in known for word in (one.name, one.id, one.id[:12])}
    up = [one for one in known if one.running]
    source, holder = named.get(sender), named.get(target)
    if not source and sender != "host":
        raise UsageError(f"FROM '{sender}': expected host or a container that is there")
    if holder:
        shared = [a for net, a in holder.networks.items() if source and net in source.networks]
        address = next(filter(None, [*shared, *holder.networks.values()]), "")
    else:
        try:
            address = str(ipaddress.IPv4Address(target))
        except ValueError:
            wanted = "expected an IPv4 address or a container that is there"
            raise UsageError(f"TO '{target}': {wanted}") from None
        holder = next((one for one in up if address in one.networks.values()), None)
    for one in (source, holder):
        if one and not one.running:
            raise UsageError(f"{one.name} is {one.state['Status']}: expected a running container")
    if holder and not address:
        raise UsageError(f"TO {holder.name} has no address: expected one on a bridge")
    if holder and holder == source:
        raise UsageError(f"FROM and TO are both {holder.name}: expected two different ones")
    plan = Plan(sender, 0, target, address, probe, *read_probe(probe))
    if source:
        plan.sender, plan.sender_pid = source.name, source.pid
    if holder:
        plan.inner, plan.inner_port = [address], plan.port
    elif holder := next((one for one in up if plan.port in one.published), None):
        plan.inner = [one for one in holder.networks.values() if one]
        plan.inner_port = holder.published[plan.port]
    if holder:
        plan.holder, plan.holder_pid = holder.name, holder.pid
    return plan


@contextlib.contextmanager
def inside(pid: int) -> Iterator[None]:
    """Be in the network namespace of PID: sockets and processes made here belong to it."""
    with Path("/proc/self/ns/net").open() as own, Path(f"/proc/{pid}/ns/net").open() as other:
        os.setns(other.fileno())  # type: ignore[attr-defined,unused-ignore]  # Python 3.12
        try:
            yield
        finally:
            os.setns(own.fileno())  # type: ignore[attr-defined,unused-ignore]


def ip(pid: int, *words: str) -> list[dict[str, Any]]:
    """What `ip WORDS` says in the namespace of PID."""
    with inside(pid):
        done = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoWay(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return [one for one in json.loads(done.stdout) if one]


def route(where: str, pid: int, address: str) -> dict[str, Any]:
    """The interface (`dev`), the source (`prefsrc`) and perhaps the `type` of a route."""
    try:
        return ip(pid, "route", "get", address)[0]
    except NoWay as error:
        raise NoWay(f"{where} has no route to {address}: {error}") from error


def cable(where: str, pid: int, interface: str) -> list[Hop]:
    """INTERFACE, the other end of its veth pair on the host, and the bridge that this is in."""
    hops = [Hop(where, interface, pid)]
    link = ip(pid, "link", "show", "dev", interface)[0]
    ends = (link.get("link_index"), link["ifindex"])
    for other in ip(HOST, "link", "show") if "link_netnsid" in link else []:
        if (other["ifindex"], other.get("link_index")) == ends:
            hops += [Hop("host", other[key], HOST) for key in ("ifname", "master") if key in other]
    return hops


def find_way(plan: Plan) -> None:
    """Complete PLAN with its source, hops and bridges."""
    sender, pid, address = plan.sender, plan.sender_pid or HOST, plan.address
    out = route(sender, pid, address)
    plan.source = out.get("prefsrc", "")
    hops = cable(sender, pid, out["dev"])
    if address == EMBEDDED_DNS:
        plan.inner = []
        # What it does not know it asks the servers in the comment that it leaves there, from the
        # container or, where the server is on the host's own loopback, from the host.
        text = Path(f"/proc/{pid}/root/etc/resolv.conf").read_text(encoding="utf-8")
        line = re.search(r"(?m)^# ExtServers: .*", text)
        for server in re.findall(r"\d+(?:\.\d+){3}", line[0] if line else ""):
            hops += cable(sender, pid, route(sender, pid, server)["dev"])
            hops.append(Hop("host", route("host", HOST, server)["dev"], HOST))
    elif address not in plan.inner:
        onward = route("host", HOST, address)
        if onward.get("type") != "local":
            hops.append(Hop("host", onward["dev"], HOST))
            plan.inner = []
    for link in ip(plan.holder_pid, "-4", "address") if plan.inner else []:
        if {one["local"] for one in link["addr_info"]} & set(plan.inner):
            hops += cable(plan.holder, plan.holder_pid, link["ifname"])[::-1]
    plan.hops = list(dict.fromkeys(hops))
    plan.bridges = [link["ifname"] for link in ip(HOST, "link", "show", "type", "bridge")]
