"""Identity: who this container is, on which bridge, and who is calling."""

import ipaddress
import socket
import struct
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import psutil
from dns.resolver import Resolver
from flask import Blueprint, Response, jsonify, request

from webapp import callers, names
from webapp.answers import answer, wants_html

DOCKER_DNS = "127.0.0.11"  # Docker's embedded DNS server
DOCKER_MARK = Path("/.dockerenv")  # Docker puts this file into every container
ROUTES = Path("/proc/net/route")
UNKNOWN = "Docker's resolver knows no name for it"

bp = Blueprint("identity", __name__)


@bp.get("/")
def index() -> Response:
    """Tell who this container is, on which bridge, and who is calling."""
    if polled := request.query_string == b"live":
        request.environ["webapp.route"] = "/?live"  # no caller: see observe
    if polled or wants_html():
        return answer("_live.html" if polled else "index.html", live())
    body = describe(int(time.monotonic()), str(request.remote_addr))
    return Response(body, mimetype="application/json")


@lru_cache(maxsize=64)
def describe(second: int, address: str) -> bytes:
    """Return what `/` tells a program at `address`, in JSON; kept for that second."""
    here, resolver = look_around(second)
    caller = who_calls(address, here, partial(names.brief, resolver=resolver))
    return jsonify(here | {"caller": caller}).get_data()


@lru_cache(maxsize=1)
def look_around(_second: int) -> tuple[dict[str, Any], Resolver]:
    """Return what the kernel and /etc/resolv.conf say, and the resolver; kept for that second."""
    resolver, found = names.system_resolver(), interfaces()
    ips = [ipaddress.ip_interface(a).ip for interface in found for a in interface["addresses"]]
    here = {
        "hostname": socket.gethostname(),
        "addresses": [str(ip) for ip in ips if not (ip.is_loopback or ip.is_link_local)],
        "interfaces": found,
        "gateway": default_gateway(),
        "resolver": {
            "nameservers": list(map(str, resolver.nameservers)),
            "search": [domain.to_text(omit_final_dot=True) for domain in resolver.search],
        },
    }
    return here | {"bridge": which_bridge(here)}, resolver


def interfaces() -> list[dict[str, Any]]:
    """Return name, MAC and addresses (as in 172.18.0.2/16) of each interface as it is now."""
    return [
        {
            "name": name,
            "mac": next((str(a.address) for a in found if a.family == psutil.AF_LINK), None),
            "addresses": [
                # A link-local address comes as fe80::1%eth0; a netmask counts its bits.
                f"{a.address.partition('%')[0]}/{int(ipaddress.ip_address(a.netmask)).bit_count()}"
                for a in found
                if a.netmask
            ],
        }
        for name, found in psutil.net_if_addrs().items()
    ]


def default_gateway() -> str | None:
    """Return the IPv4 default gateway, None without one (proc_net_route(5))."""
    rows = [line.split() for line in ROUTES.read_text("ascii").splitlines()[1:]]
    found = [row[2] for row in rows if row[1] == "00000000" != row[2]]
    return socket.inet_ntoa(struct.pack("=L", int(found[0], 16))) if found else None


def which_bridge(here: dict[str, Any]) -> dict[str, str]:
    """Return the kind, user-defined, default or none, and why: by what Docker does on each."""
    kind, servers = "none", here["resolver"]["nameservers"]
    if DOCKER_DNS in servers:
        kind = "user-defined"
        why = f"The resolver is {DOCKER_DNS}: Docker's own, which knows containers by name."
    elif not DOCKER_MARK.exists():
        why = "This is not a Docker container."
    elif any(interface["name"] == "docker0" for interface in here["interfaces"]):
        why = "docker0 is among the interfaces: this is the host's own network."
    elif not here["addresses"]:
        why = "There is no interface but loopback."
    else:
        kind, known = "default", ", ".join(servers) or "none"
        why = f"The resolver is {known}, as on the host: it knows no container by name."
    return {"kind": kind, "why": why}


def who_calls(
    address: str, here: dict[str, Any], name_of: Callable[[str], str | None]
) -> dict[str, str | None]:
    """Return address, name (where Docker's DNS server is there to know it), and a note."""
    name, note, bridge = None, None, here["bridge"]["kind"]
    if ipaddress.ip_address(address).is_loopback:
        note = f"from inside this {'machine' if bridge == 'none' else 'container'}"
    elif address == here["gateway"] and bridge != "none":
        note = "from the host, through the published port"
    elif bridge == "default":  # the server there is the host's: no business of that one
        note = "no name: this bridge has no resolver that knows containers"
    elif bridge == "user-defined" and (name := name_of(address)) == "":
        note = UNKNOWN
    return {"address": address, "name": name or None, "note": note}


def live() -> dict[str, Any]:
    """Return what the page shows: this container, its callers of the last minute, its replicas."""
    (here, _), known = look_around(int(time.monotonic())), callers.known()
    found = [who_calls(one["address"], here, known.get) | one for one in callers.lately()]
    viewer = who_calls(str(request.remote_addr), here, known.get)
    if here["bridge"]["kind"] == "user-defined":
        callers.learn([str(c["address"]) for c in (viewer, *found) if c["note"] in (None, UNKNOWN)])
    service = {"name": callers.SERVICE, "addresses": known.get(callers.SERVICE, "").split()}
    return here | {"caller": viewer, "service": service, "callers": found}


def networks(net: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is behind each interface, the gateway first: by it came who is on no network."""
    found = list[dict[str, Any]]()
    for one in net["interfaces"]:
        ends = [ipaddress.ip_interface(text) for text in one["addresses"]]
        nets = [end.network for end in ends if str(end.ip) in net["addresses"]]
        gateway = net["gateway"] and any(ipaddress.ip_address(net["gateway"]) in n for n in nets)
        found += [one | {"networks": nets, "gateway": gateway, "callers": []}] if nets else []
    found.sort(key=lambda one: not one["gateway"])
    # The latest eight, by address: none moves when another one calls.
    drawn = [(ipaddress.ip_address(one["address"]), one) for one in net["callers"][:8]]
    for ip, caller in sorted(drawn, key=lambda pair: pair[0].packed):
        at = [one for one in found if any(ip in n for n in one["networks"])] or found
        if at and not ip.is_loopback:
            at[0]["callers"].append(caller)
    return found
