"""Identity: who this container is, on which bridge, and who is calling."""

import ipaddress
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from dns.resolver import Resolver
from flask import Blueprint, Response, request
from werkzeug.exceptions import ServiceUnavailable

from webapp import limits, names
from webapp.answers import answer

DOCKER_DNS = "127.0.0.11"  # Docker's embedded DNS server
DOCKER_MARK = Path("/.dockerenv")  # Docker puts this file into every container
REVERSE_TIMEOUT = 0.5  # seconds
ROUTES = Path("/proc/net/route")

bp = Blueprint("identity", __name__)


@dataclass(frozen=True)
class Interface:
    """A network interface; its addresses carry the prefix length, as in 172.18.0.2/16."""

    name: str
    mac: str | None
    addresses: list[str]


@dataclass(frozen=True)
class Bridge:
    """The kind of bridge, user-defined, default or none, and how we know."""

    kind: str
    why: str


@dataclass(frozen=True)
class Caller:
    """Who is calling; the note says what the address does not, or why there is no name."""

    address: str
    name: str | None
    note: str | None


@bp.get("/")
def index() -> Response:
    """Tell who this container is, on which bridge, and who is calling."""
    resolver = names.system_resolver()
    found = interfaces()
    gateway = default_gateway()
    bridge = which_bridge(resolver, found, in_docker=DOCKER_MARK.exists())
    data = {
        "hostname": socket.gethostname(),
        "addresses": global_addresses(found),
        "interfaces": found,
        "gateway": gateway,
        "resolver": {
            "nameservers": resolver.nameservers,
            "search": [domain.to_text(omit_final_dot=True) for domain in resolver.search],
        },
        "bridge": bridge,
        "caller": who_calls(request.remote_addr or "", gateway, bridge, resolver),
    }
    return answer("index.html", data)


def interfaces() -> list[Interface]:
    """Return the interfaces as they are now: `docker network connect` adds them at run time."""
    return [
        Interface(
            name,
            mac=next((str(a.address) for a in found if a.family == psutil.AF_LINK), None),
            addresses=[
                # A link-local address comes as fe80::1%eth0; a netmask counts its bits.
                f"{a.address.partition('%')[0]}/{int(ipaddress.ip_address(a.netmask)).bit_count()}"
                for a in found
                if a.family in (socket.AF_INET, socket.AF_INET6) and a.netmask
            ],
        )
        for name, found in psutil.net_if_addrs().items()
    ]


def global_addresses(found: Sequence[Interface]) -> list[str]:
    """Return the addresses others can reach: neither loopback nor link-local, no prefix length."""
    ips = [ipaddress.ip_interface(a).ip for interface in found for a in interface.addresses]
    return [str(ip) for ip in ips if not (ip.is_loopback or ip.is_link_local)]


def default_gateway(routes: Path = ROUTES) -> str | None:
    """Return the IPv4 default gateway from a table as in proc_net_route(5), None without one."""
    try:
        rows = [line.split() for line in routes.read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    for row in rows:
        if row[1:2] == ["00000000"] and row[2] != "00000000":
            return socket.inet_ntoa(struct.pack("=L", int(row[2], 16)))
    return None


def which_bridge(resolver: Resolver, found: Sequence[Interface], *, in_docker: bool) -> Bridge:
    """Tell the bridge by what Docker does on it: only networks you define get its DNS server."""
    servers = ", ".join(str(server) for server in resolver.nameservers) or "none"
    if DOCKER_DNS in resolver.nameservers:
        why = f"The resolver is {DOCKER_DNS}: Docker's own, which knows containers by name."
        return Bridge("user-defined", why)
    if not in_docker:
        return Bridge("none", "This is not a Docker container.")
    if any(interface.name == "docker0" for interface in found):
        return Bridge("none", "docker0 is among the interfaces: this is the host's own network.")
    if not global_addresses(found):
        return Bridge("none", "There is no interface but loopback.")
    why = f"The resolver is {servers}, as on the host: it knows no container by name."
    return Bridge("default", why)


def who_calls(address: str, gateway: str | None, bridge: Bridge, resolver: Resolver) -> Caller:
    """Tell who is behind `address`, with its name where Docker's DNS server is there to know it.

    Any other server would be the host's, asked about private addresses at every call.
    """
    inside = "this container" if bridge.kind != "none" else "this machine"
    if ipaddress.ip_address(address).is_loopback:
        return Caller(address, None, f"from inside {inside}")
    if bridge.kind == "none":
        return Caller(address, None, None)
    if address == gateway:
        return Caller(address, None, "from the host, through the published port")
    if bridge.kind == "default":
        return Caller(address, None, "no name: this bridge has no resolver that knows containers")
    name = None
    with suppress(ServiceUnavailable), limits.slot():  # the page is worth more than the name
        name = names.reverse(address, resolver, REVERSE_TIMEOUT)
    return Caller(address, name, None if name else "Docker's resolver knows no name for it")
