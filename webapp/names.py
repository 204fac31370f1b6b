"""Names: look one up from inside the container, as a program there would."""

import io
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import dns.name
from dns.exception import DNSException
from dns.inet import is_address
from dns.rdatatype import AAAA, A
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoNameservers, Resolver
from flask import Blueprint, Response, current_app, request

from webapp.answers import answer

HOSTS = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")
# Of dnspython's exceptions; what is none of these is wrong with the name itself: 400.
STATUS = {NXDOMAIN: 404, NoAnswer: 404, NoNameservers: 502, LifetimeTimeout: 504}

bp = Blueprint("names", __name__)


@bp.get("/resolve")
def resolve() -> Response:
    """Look up `?name=`: 200, 400 not a name, 404 no address, 502 server failure, 504 timeout."""
    start, name, status = time.perf_counter(), request.args.get("name", ""), 200
    found: dict[str, Any] = {"name": name, "source": None, "server": None, "addresses": []}
    found |= {"canonical_name": None, "ttl_seconds": None, "milliseconds": None, "error": None}
    lines = HOSTS.read_text("utf-8", "replace").lower().splitlines()
    entries = [line.partition("#")[0].split() for line in lines]
    found["addresses"] = [entry[0] for entry in entries if name.lower() in entry[1:]]
    try:
        if found["addresses"]:
            found["source"] = "/etc/hosts"
        else:
            asked = dns.name.from_text(name or "..", None)  # "" would be the root's name
            found["source"] = "dns"
            found |= ask(asked, system_resolver(), current_app.config["RESOLVE_TIMEOUT"])
    except DNSException as error:
        status = STATUS.get(type(error), 400)
        found["error"] = {"status": status, "reason": type(error).__name__, "detail": str(error)}
    found["milliseconds"] = round((time.perf_counter() - start) * 1000, 1)
    return answer("resolve.html", found, status)


def system_resolver() -> Resolver:
    """Return a resolver as /etc/resolv.conf has it now, as far as its lines can be read."""
    resolver = Resolver(configure=False)
    servers: list[Any] = []
    text = RESOLV_CONF.read_text("utf-8", "replace") if RESOLV_CONF.exists() else ""
    for line in text.splitlines():
        with suppress(DNSException, ValueError):  # alone, a line that names no server is an error
            resolver.read_resolv_conf(io.StringIO(line))
            servers += resolver.nameservers
    resolver.nameservers = servers
    return resolver


def ask(name: dns.name.Name, resolver: Resolver, limit: float) -> dict[str, Any]:
    """Return what `resolver` finds within `limit` seconds (and 0.1); DNSException says why not."""
    # A silent server must leave the others their time, for both questions.
    resolver.timeout = min(resolver.timeout, limit / (2 * max(len(resolver.nameservers), 1)))
    start = time.perf_counter()
    v4 = resolver.resolve(name, A, search=True, raise_on_no_answer=False, lifetime=limit)
    left = limit - (time.perf_counter() - start)
    v6 = resolver.resolve(v4.qname, AAAA, raise_on_no_answer=v4.rrset is None, lifetime=left)
    full = v6 if v4.rrset is None else v4
    return {
        "server": full.nameserver,
        "addresses": [record.address for record in (*v4, *v6)],
        "canonical_name": full.canonical_name.to_text(omit_final_dot=True),
        "ttl_seconds": full.rrset and full.rrset.ttl,
    }


def brief(key: str, resolver: Resolver) -> str:
    """Return an address's name, or a name's addresses, "" for none: within half a second."""
    look_up = resolver.resolve_address if is_address(key) else resolver.resolve
    with suppress(DNSException):
        return " ".join(str(found).removesuffix(".") for found in look_up(key, lifetime=0.5))
    return ""
