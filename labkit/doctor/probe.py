"""What one network namespace says: run by the doctor in a helper container that shares it.

Python 3.11 or later, standard library only. Takes one JSON object as its only argument, all keys
optional: `host` to look up, `port` to connect to, `path` to ask for over HTTP with `name` as the
Host header, `servers` whose DNS is to be tried. Prints one JSON object. Times are in seconds.
"""

import errno
import http.client
import ipaddress
import json
import re
import socket
import struct
import sys
from contextlib import closing
from pathlib import Path
from typing import Any


def look_up(host: str) -> tuple[list[str], str]:
    """The addresses of a host, as a program here gets them, or none and the reason."""
    try:
        found = socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)
    except OSError as error:
        return [], str(error.strerror or error)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)), ""


def connect(address: str, port: int, timeout: float = 1.5) -> str:
    """`connected`, `no answer`, or the system's word for why not, as `Connection refused`."""
    try:
        with socket.create_connection((address, port), timeout):
            return "connected"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        # On one's own bridge: nobody answered to ARP, which the kernel tries for 3 s.
        return "no answer" if error.errno == errno.EHOSTUNREACH else str(error.strerror or error)


def status(address: str, port: int, path: str, name: str, timeout: float = 3.0) -> int | None:
    """The HTTP status that a GET of PATH gets when it calls the server NAME; None: no HTTP."""
    try:
        with closing(http.client.HTTPConnection(address, port, timeout=timeout)) as connection:
            connection.request("GET", path, headers={"Host": name, "Accept": "application/json"})
            return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None


def answers(server: str, host: str, timeout: float = 1.0) -> bool:
    """Whether a DNS server says anything at all when asked for HOST."""
    labels = b"".join(bytes([len(x)]) + x for x in host.rstrip(".").encode().split(b"."))
    # RFC 1035, 4.1: an id, recursion desired, one question, of type A and class IN.
    question = b"tb\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(timeout)
            asking.connect((server, 53))
            asking.send(question)
            return asking.recv(512).startswith(b"tb")
    except OSError:
        return False


def resolver(conf: Path = Path("/etc/resolv.conf")) -> dict[str, Any]:
    """The name servers, the search domains and ndots (1 unless set, man resolv.conf)."""
    text = conf.read_text(encoding="utf-8", errors="replace")
    search = re.findall(r"^(?:search|domain)[ \t]+(.+)$", text, re.M)
    ndots = re.findall(r"^options[ \t].*\bndots:(\d+)", text, re.M)
    return {
        "servers": re.findall(r"^nameserver[ \t]+(\S+)", text, re.M),
        "search": ["", *search][-1].split(),
        "ndots": int(["1", *ndots][-1]),
    }


def in_hosts(host: str, hosts: Path = Path("/etc/hosts")) -> list[str]:
    """The addresses that /etc/hosts gives to HOST."""
    lines = hosts.read_text(encoding="utf-8", errors="replace").lower().splitlines()
    entries = (line.partition("#")[0].split() for line in lines)
    return [entry[0] for entry in entries if host.lower() in entry[1:]]


def _rows(table: Path) -> list[list[str]]:
    return [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []


def _address(text: str) -> str:
    # The kernel prints each four bytes as one number, in the machine's own order.
    words = struct.unpack(f">{len(text) // 8}I", bytes.fromhex(text))
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def listening(proc: Path = Path("/proc/net")) -> list[tuple[str, int]]:
    """Every address and port on which something listens for TCP here."""
    rows = _rows(proc / "tcp") + _rows(proc / "tcp6")
    # 0A is TCP_LISTEN in the kernel's include/net/tcp_states.h.
    ends = (local.split(":") for _, local, _, state, *_ in rows if state == "0A")
    return [(_address(on), int(port, 16)) for on, port in ends]


def routes(table: Path = Path("/proc/net/route")) -> list[tuple[str, str]]:
    """The IPv4 routes as (interface, network); the default route is 0.0.0.0/0."""
    return [
        (interface, str(ipaddress.ip_network(f"{_address(target)}/{_address(mask)}")))
        for interface, target, _, _, _, _, _, mask, *_ in _rows(table)
    ]


def probe(asked: dict[str, Any]) -> dict[str, Any]:
    """Everything that this namespace can say about what is asked for, and about itself."""
    said: dict[str, Any] = {"listening": listening(), "routes": routes(), "resolver": resolver()}
    host, port, path = (asked.get(key) for key in ("host", "port", "path"))
    if host is None:
        return said
    said["in_hosts"] = in_hosts(host)
    said["addresses"], said["error"] = look_up(host)
    # With a dot at its end a name is whole, and no search domain is tried.
    if said["resolver"]["search"] and said["addresses"] and not said["in_hosts"]:
        said["whole_name"] = look_up(host.rstrip(".") + ".")[0]
    if not said["addresses"]:
        said["dns"] = {server: answers(server, host) for server in asked.get("servers", ())}
    if port is not None:
        said["connect"] = {address: connect(address, port) for address in said["addresses"][:4]}
        reached = next((a for a, what in said["connect"].items() if what == "connected"), None)
        if path is not None and reached:
            said["status"] = status(reached, port, path, asked["name"])
    return said


if __name__ == "__main__":
    print(json.dumps(probe(json.loads(sys.argv[1]))))
