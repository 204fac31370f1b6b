"""What one network namespace says: run by scripts/doctor.py in a helper container that shares it.

Python 3.11 or later, standard library only. Takes one JSON object as its only argument, all keys
optional: `host` to look up, `port` to connect to, `path` to ask for over HTTP with `name` as the
Host header, `servers` whose DNS is to be tried. Prints one JSON object. Times are in seconds.
"""

import errno
import http.client
import ipaddress
import json
import queue
import secrets
import socket
import struct
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

LOOK_UP = 3.0  # glibc alone would wait for 10 s
CONNECT = 1.5
DNS = 1.0
HTTP = 3.0

_LISTENING = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h


def look_up(host: str, timeout: float = LOOK_UP) -> tuple[list[str], str]:
    """The addresses of a host, as a program here gets them, or none and the reason."""
    answer: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM))
        except OSError as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answer.get(timeout=timeout)
    except queue.Empty:
        return [], f"no answer within {timeout:g} s"
    if isinstance(found, OSError):
        return [], str(found.strerror or found)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)), ""


def connect(address: str, port: int, timeout: float = CONNECT) -> str:
    """`connected`, `no answer`, or the system's word for why not, as `Connection refused`."""
    try:
        with socket.create_connection((address, port), timeout):
            return "connected"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        # On one's own bridge: nobody answered to ARP, which the kernel tries for 3 s.
        return "no answer" if error.errno == errno.EHOSTUNREACH else str(error.strerror or error)


def status(address: str, port: int, path: str, name: str, timeout: float = HTTP) -> int | None:
    """The HTTP status that a GET of PATH gets when it calls the server NAME; None: no HTTP."""
    try:
        with closing(http.client.HTTPConnection(address, port, timeout=timeout)) as connection:
            connection.request("GET", path, headers={"Host": name, "Accept": "application/json"})
            return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None


def answers(server: str, host: str, timeout: float = DNS) -> bool:
    """Whether a DNS server says anything at all when asked for HOST."""
    labels = b"".join(bytes([len(x)]) + x for x in host.rstrip(".").encode().split(b"."))
    number = secrets.token_bytes(2)
    # RFC 1035, 4.1: recursion desired, one question, of type A and class IN.
    question = number + struct.pack(">5H", 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(timeout)
            asking.connect((server, 53))
            asking.send(question)
            return asking.recv(512).startswith(number)
    except OSError:
        return False


def resolver(conf: Path = Path("/etc/resolv.conf")) -> dict[str, Any]:
    """The name servers, the search domains and ndots (1 unless set, man resolv.conf)."""
    found: dict[str, Any] = {"servers": [], "search": [], "ndots": 1}
    for line in conf.read_text(encoding="utf-8", errors="replace").splitlines():
        match line.split():
            case ["nameserver", server, *_]:
                found["servers"].append(server)
            case ["search" | "domain", *domains]:
                found["search"] = domains
            case ["options", *options]:
                for option in options:
                    if option.startswith("ndots:") and option[6:].isdigit():
                        found["ndots"] = int(option[6:])
    return found


def in_hosts(host: str, hosts: Path = Path("/etc/hosts")) -> list[str]:
    """The addresses that /etc/hosts gives to HOST."""
    entries = [
        line.partition("#")[0].lower().split()
        for line in hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return [entry[0] for entry in entries if host.lower() in entry[1:]]


def listening(proc: Path = Path("/proc/net")) -> list[tuple[str, int]]:
    """Every address and port on which something listens for TCP here."""
    found = []
    for table in (proc / "tcp", proc / "tcp6"):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            _, local, _, state, *_ = line.split()
            if state == _LISTENING:
                address, _, port = local.partition(":")
                # The kernel prints each four bytes as one number, in the machine's own order.
                words = struct.unpack(f">{len(address) // 8}I", bytes.fromhex(address))
                packed = struct.pack(f"={len(words)}I", *words)
                found.append((str(ipaddress.ip_address(packed)), int(port, 16)))
    return found


def routes(table: Path = Path("/proc/net/route")) -> list[tuple[str, str]]:
    """The IPv4 routes as (interface, network); the default route is 0.0.0.0/0."""
    found = []
    for line in table.read_text().splitlines()[1:] if table.exists() else []:
        interface, target, _, _, _, _, _, mask, *_ = line.split()
        numbers = struct.pack("=2I", int(target, 16), int(mask, 16))
        address, netmask = (ipaddress.IPv4Address(part) for part in (numbers[:4], numbers[4:]))
        found.append((interface, str(ipaddress.IPv4Network(f"{address}/{netmask}"))))
    return found


def probe(
    host: str | None = None,
    port: int | None = None,
    path: str | None = None,
    name: str = "",
    servers: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Everything that this namespace can say about HOST and PORT, and about itself."""
    said: dict[str, Any] = {"listening": listening(), "routes": routes(), "resolver": resolver()}
    if host is None:
        return said
    said["in_hosts"] = in_hosts(host)
    said["addresses"], said["error"] = look_up(host)
    # With a dot at its end a name is whole, and no search domain is tried.
    if said["resolver"]["search"] and said["addresses"] and not said["in_hosts"]:
        said["whole_name"] = look_up(host.rstrip(".") + ".")[0]
    if not said["addresses"]:
        said["dns"] = {server: answers(server, host) for server in servers}
    if port is not None:
        said["connect"] = {address: connect(address, port) for address in said["addresses"][:4]}
        reached = next((a for a, what in said["connect"].items() if what == "connected"), None)
        if path is not None and reached:
            said["status"] = status(reached, port, path, name)
    return said


if __name__ == "__main__":
    print(json.dumps(probe(**json.loads(sys.argv[1]))))
