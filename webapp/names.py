"""Names: look one up from inside the container, as a program there would."""

import ipaddress
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from dns.exception import DNSException, Timeout
from dns.rdatatype import AAAA, A
from dns.resolver import NXDOMAIN, NoNameservers, NoResolverConfiguration, Resolver
from flask import Blueprint, Response, current_app, request

from webapp import limits
from webapp.answers import answer

HOSTS = Path("/etc/hosts")

bp = Blueprint("names", __name__)


@dataclass(frozen=True)
class Failure:
    """Why a look-up gave no address: an HTTP status, its reason in a word or two, a sentence."""

    status: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Lookup:
    """What came of a look-up; what is not known or does not apply is None."""

    name: str
    source: str | None = None  # /etc/hosts or dns
    server: str | None = None  # address of the DNS server that answered
    addresses: list[str] = field(default_factory=list)
    canonical_name: str | None = None
    ttl_seconds: int | None = None
    milliseconds: float = 0.0
    error: Failure | None = None


@bp.get("/resolve")
def resolve() -> Response:
    """Look up `?name=`: 200, 400 not a name, 404 no address, 502 server failure, 504 timeout."""
    with limits.slot():
        lookup = look_up(
            request.args.get("name", ""), system_resolver(), current_app.config["RESOLVE_TIMEOUT"]
        )
    return answer("resolve.html", vars(lookup), lookup.error.status if lookup.error else 200)


def system_resolver() -> Resolver:
    """Return a resolver as /etc/resolv.conf has it now: Docker edits it in a running container."""
    try:
        return Resolver()
    except NoResolverConfiguration:
        return Resolver(configure=False)


def look_up(name: str, resolver: Resolver, timeout: float, hosts: Path = HOSTS) -> Lookup:
    """Look `name` up in `hosts`, then with `resolver`, for `timeout` seconds in all.

    dnspython may add a pause before it gives up, 0.1 s for a server that is silent.
    A look-up that fails does not raise: `error` tells.
    """
    start = time.perf_counter()
    try:
        check_name(name)
        if addresses := in_hosts(name, hosts):
            lookup = Lookup(name, source="/etc/hosts", addresses=addresses)
        else:
            lookup = _in_dns(name, resolver, timeout)
    except ValueError as error:
        lookup = Lookup(name, error=Failure(400, "Bad Request", str(error)))
    return replace(lookup, milliseconds=round((time.perf_counter() - start) * 1000, 1))


def check_name(name: str) -> None:
    """Raise ValueError, with the reason, unless `name` can be a host's name (RFC 1123).

    Underscores pass too: containers have them in their names, and Docker resolves them.
    """
    host = name.removesuffix(".")
    if not host:
        raise ValueError("No name was given: /resolve?name=webapp")
    if _is_address(host):
        raise ValueError("This is an address already.")
    if len(host) > 253:
        raise ValueError("A name has at most 253 characters.")
    for label in host.split("."):
        if not label:
            raise ValueError("There is nothing between two dots, or before the first.")
        if len(label) > 63:
            raise ValueError("There are at most 63 characters between dots.")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", label):
            raise ValueError("A name has letters, digits, hyphens, underscores and dots only.")
        if label.startswith("-") or label.endswith("-"):
            raise ValueError("A hyphen can neither start nor end a part of a name.")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def in_hosts(name: str, hosts: Path = HOSTS) -> list[str]:
    """Return the addresses that the file `hosts` gives to `name`; none if it cannot be read."""
    try:
        lines = hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = (line.partition("#")[0].lower().split() for line in lines)
    return [entry[0] for entry in entries if name.lower() in entry[1:]]


def reverse(address: str, resolver: Resolver, timeout: float) -> str | None:
    """Return the name of `address`, None if `resolver` gives none within `timeout` seconds."""
    try:
        pointer = resolver.resolve_address(address, lifetime=timeout)
    except DNSException:
        return None
    return str(pointer[0]).removesuffix(".")


def _in_dns(name: str, resolver: Resolver, timeout: float) -> Lookup:
    start = time.perf_counter()
    try:
        v4 = resolver.resolve(name, A, search=True, raise_on_no_answer=False, lifetime=timeout)
        # For the full name this time, found with the search domains; in the time that is left.
        left = timeout - (time.perf_counter() - start)
        v6 = resolver.resolve(v4.qname, AAAA, raise_on_no_answer=False, lifetime=left)
    except DNSException as error:
        # dnspython does not tell whose answer this was; with one server there is no doubt.
        server = str(resolver.nameservers[0]) if len(resolver.nameservers) == 1 else None
        return Lookup(name, source="dns", server=server, error=_explain(error))
    full = v6 if v4.rrset is None else v4
    lookup = Lookup(
        name,
        source="dns",
        server=full.nameserver,
        addresses=[record.address for record in (*v4, *v6)],
        canonical_name=full.canonical_name.to_text(omit_final_dot=True),
    )
    if full.rrset is None:
        detail = "The name exists, but has no address."
        return replace(lookup, error=Failure(404, "No Address", detail))
    return replace(lookup, ttl_seconds=full.rrset.ttl)


def _explain(error: DNSException) -> Failure:
    match error:
        case NXDOMAIN():
            tried = ", ".join(str(name) for name in error.kwargs["qnames"])
            return Failure(404, "NXDOMAIN", f"No such name. Asked for: {tried}")
        case Timeout():
            return Failure(504, "Timeout", "No server answered in time.")
        case NoNameservers():
            # Each: the server as "Do53:ADDRESS@PORT", TCP or not, port, what went wrong, response.
            found = [
                f"{server[len('Do53:') :].rpartition('@')[0]}: {what}"
                for server, _, _, what, _ in error.kwargs["errors"]
            ]
            detail = "; ".join(found) or "No name server is configured."
            return Failure(502, "Server Failure", detail)
        case _:
            return Failure(502, "Server Failure", str(error))
