"""Follow one probe through every interface that it crosses; labs/trace-path runs this in its box.

    trace_path.py FROM TO PROBE text|json FOLDER    the engine's containers on stdin, a JSON each

The box is a container in the host's network that sees the host's processes. Through them it enters
the network namespace of each container on the way, starts one tcpdump on each interface, and sends
the probe from a socket in the namespace of FROM. One kernel stamps all captures with one clock, so
their order is the packets' own. A packet is known again, whatever NAT did to it, by what NAT leaves
alone: an ICMP payload, a TCP sequence number, the id and the question of a DNS message.

FOLDER gets a pcap of each interface, and path.svg. IPv4 only. Exit codes: 0 the probe was answered;
1 it was not; 2 an argument is wrong, and stderr says which; 3 an interface cannot be captured on.
"""

import contextlib
import ipaddress
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Packet as Frame
from scapy.utils import rdpcap

WAIT = 2.0  # seconds for the answer
SETTLE = 0.3  # seconds for what follows it: docker-proxy's own connection, tcpdump's last write
DOCKER_DNS = "127.0.0.11"
HOST = os.getpid()  # a process in the host's network: this one
ANSWERS = {"SA": "SYN-ACK", "R": "RST", "RA": "RST"}
RCODES = {0: "no address", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
REWRITES = {"source": ("MASQUERADE", "SNAT"), "destination": ("DNAT", "REDIRECT")}
DROPS = ("DROP", "REJECT")


class WrongArgument(Exception):
    """The text names the argument, and says what was expected."""


class NoWay(Exception):
    """The probe cannot be sent; the text says why."""


class CaptureError(Exception):
    """tcpdump did not start; the text is what it said."""


class Probe(NamedTuple):
    """What is sent: kind is ping, tcp or dns."""

    kind: str
    port: int = 0
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name or self.port}" if self.port else self.kind


class Container(NamedTuple):
    """A running container: its addresses by network, its TCP ports by the host's."""

    name: str
    pid: int
    addresses: dict[str, str]
    published: dict[int, int]


class Hop(NamedTuple):
    """An interface; `where` is a container's name or host, `pid` a process in its namespace."""

    where: str
    interface: str
    pid: int

    def __str__(self) -> str:
        return f"{self.where} {self.interface}"


@dataclass
class Plan:
    """Who sends what to whom, and every interface that it can cross.

    `inner` are the addresses of the container that holds `address`, or publishes the probe's port
    there: the container's own port is then `inner_port`.
    """

    sender: str
    source: str
    target: str
    address: str
    probe: Probe
    hops: list[Hop]
    inner: list[str] = field(default_factory=list)
    inner_port: int = 0
    bridges: set[str] = field(default_factory=set)

    @property
    def doors(self) -> list[tuple[str, int]]:
        """Where the container can be listening."""
        return [(address, self.inner_port) for address in self.inner]

    @property
    def asked(self) -> str:
        """The destination as the sender writes it."""
        return f"{self.address}:{self.probe.port}" if self.probe.port else self.address


class Sighting(NamedTuple):
    """The probe or its answer on one hop. Addresses have a port where there is one.

    `leg` counts the connections: whoever relays the probe (Docker's DNS, docker-proxy) begins one.
    """

    time: int  # nanoseconds since 1970
    hop: int
    answer: bool
    leg: int
    source: str
    destination: str
    ttl: int
    what: str
    macs: tuple[str, str]


class Rule(NamedTuple):
    """A firewall rule, in the network of a container or of the host."""

    where: str
    table: str
    text: str  # CHAIN MATCHES -j TARGET

    @property
    def target(self) -> str:
        """DROP, DNAT, a chain, …: what the rule does."""
        return self.text.partition(" -j ")[2].split(" ")[0]


@dataclass
class Trace:
    """All that one probe showed: sightings in the order of time, and the rules that counted."""

    plan: Plan
    sightings: list[Sighting]
    error: str = ""  # what the sender was told
    rules: Counter[Rule] = field(default_factory=Counter)  # by packets

    @property
    def outcome(self) -> str:
        """answered; arrived (and nothing came back to the sender); dropped (on the way)."""
        plan, seen = self.plan, self.sightings
        if not seen:
            return "dropped"
        if any(one.answer and one.hop == seen[0].hop for one in seen):
            return "answered"
        arrived = any(plan.hops[one.hop].where == plan.hops[-1].where for one in seen)
        return "arrived" if arrived and plan.inner else "dropped"

    @property
    def dropped_by(self) -> str:
        """The rule that dropped the probe, where one counted it."""
        return next((f"{r.table} {r.text}" for r in self.rules if r.target in DROPS), "")


# --- the arguments ---


def read_probe(text: str) -> Probe:
    """The probe that TEXT names."""
    kind, _, value = text.partition(":")
    if text == "ping":
        return Probe("ping")
    if kind == "tcp" and re.fullmatch(r"[1-9]\d{0,4}", value) and int(value) <= 65535:
        return Probe("tcp", int(value))
    if kind == "dns" and re.fullmatch(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*", value, re.ASCII):
        return Probe("dns", 53, value)
    raise WrongArgument(f"probe '{text}': expected ping, tcp:PORT (1 to 65535) or dns:NAME")


def read_containers(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the engine told of each container, by its name and by its id, long and short."""
    found = {}
    for line in lines:
        told = json.loads(line)
        told["name"] = told["name"].removeprefix("/")
        found[told["name"]] = found[told["id"]] = found[told["id"][:12]] = told
    return found


def container(told: dict[str, Any]) -> Container:
    """The container that TOLD describes; it must be running."""
    if told["status"] != "running":
        raise WrongArgument(f"{told['name']} is {told['status']}: expected a running container")
    return Container(
        told["name"],
        told["pid"],
        {name: net["IPAddress"] for name, net in told["networks"].items() if net["IPAddress"]},
        {
            int(binding["HostPort"]): int(port.removesuffix("/tcp"))
            for port, bindings in (told["ports"] or {}).items()
            if port.endswith("/tcp")
            for binding in bindings or []
        },
    )


# --- the way ---


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
            hops.append(Hop("host", other["ifname"], HOST))
            if "master" in other:
                hops.append(Hop("host", other["master"], HOST))
    return hops


def forwarders(pid: int) -> list[str]:
    """The servers that Docker's DNS asks for a container, from the comment that it leaves there."""
    text = Path(f"/proc/{pid}/root/etc/resolv.conf").read_text(encoding="utf-8")
    line = re.search(r"^# ExtServers: (.*)$", text, re.MULTILINE)
    return re.findall(r"\d+(?:\.\d+){3}", line[1]) if line else []


def find_way(sender: str, target: str, probe: Probe, told: dict[str, dict[str, Any]]) -> Plan:
    """Plan the way between two of the containers that TOLD describes, `host`, or an address."""
    source = behind = None
    if sender != "host":
        if sender not in told:
            raise WrongArgument(f"FROM '{sender}': expected host or a container that is there")
        source = container(told[sender])
        sender = source.name
    pid = source.pid if source else HOST
    running = [container(one) for one in told.values() if one["status"] == "running"]
    if re.fullmatch(r"[\d.]+", target):
        try:
            address = str(ipaddress.IPv4Address(target))
        except ValueError as error:
            raise WrongArgument(f"TO '{target}': expected an IPv4 address: {error}") from error
        behind = next((one for one in running if address in one.addresses.values()), None)
    elif target in told:
        behind = container(told[target])
        shared = [a for n, a in behind.addresses.items() if source and n in source.addresses]
        address = next(iter([*shared, *behind.addresses.values()]), "")
        if not address:
            raise WrongArgument(f"TO {behind.name} has no address: expected one on a bridge")
    else:
        raise WrongArgument(f"TO '{target}': expected an IPv4 address or a container that is there")
    if source and behind == source:
        raise WrongArgument(f"FROM and TO are both {sender}: expected two different ones")

    out = route(sender, pid, address)
    hops = cable(sender, pid, out["dev"])
    plan = Plan(sender, out.get("prefsrc", ""), target, address, probe, hops)
    if address == DOCKER_DNS:
        # What it does not know it asks from the container or, where the server is on the host's
        # own loopback, from the host.
        for server in forwarders(pid):
            hops += cable(sender, pid, route(sender, pid, server)["dev"])
            hops.append(Hop("host", route("host", HOST, server)["dev"], HOST))
    elif behind:
        plan.inner, plan.inner_port = [address], probe.port
    elif route("host", HOST, address).get("type") != "local":
        hops.append(Hop("host", route("host", HOST, address)["dev"], HOST))
    elif behind := next((one for one in running if probe.port in one.published), None):
        plan.inner = list(behind.addresses.values())
        plan.inner_port = behind.published[probe.port]
    for link in ip(behind.pid, "-4", "address") if behind else []:
        if behind and {one["local"] for one in link["addr_info"]} & set(plan.inner):
            hops += cable(behind.name, behind.pid, link["ifname"])[::-1]
    plan.hops = list(dict.fromkeys(hops))
    plan.bridges = {link["ifname"] for link in ip(HOST, "link", "show", "type", "bridge")}
    return plan


# --- capturing, sending, counting ---


@contextlib.contextmanager
def capturing(plan: Plan, folder: Path) -> Iterator[list[Path]]:
    """Capture on every hop; the files are whole when the context has ended."""
    kind = {"ping": "icmp", "tcp": "(icmp or tcp)", "dns": "(icmp or udp port 53)"}[plan.probe.kind]
    if plan.address == DOCKER_DNS:  # whose rules have replaced the port when lo is reached
        wanted = ["udp", *[kind] * (len(plan.hops) - 1)]
    else:
        hosts = dict.fromkeys([plan.source, plan.address, *plan.inner])
        wanted = [f"{kind} and ({' or '.join(f'host {one}' for one in hosts if one)})"]
        wanted *= len(plan.hops)
    files, running = [], []
    with contextlib.ExitStack() as stack:
        for number, (hop, expression) in enumerate(zip(plan.hops, wanted, strict=True), 1):
            files.append(folder / f"{number:02}-{hop.where}-{hop.interface}.pcap")
            words = ["tcpdump", "-Z", "root", "-i", hop.interface, "-U", "--immediate-mode"]
            words += ["--time-stamp-precision=nano", "-w", str(files[-1]), expression]
            with inside(hop.pid):
                one = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            running.append(stack.enter_context(one))
            stack.callback(one.terminate)
        for hop, one in zip(plan.hops, running, strict=True):
            said = one.stderr.readline().strip() if one.stderr else ""
            if "listening on" not in said:
                raise CaptureError(f"cannot capture on {hop}: {said}")
        yield files
        time.sleep(SETTLE)


def send(plan: Plan) -> tuple[bytes, str]:
    """Send the probe, wait for its answer or WAIT seconds, and say what went wrong, if anything.

    First comes what the probe is known by: the payload of a ping, the id and the question of a DNS
    message, the source port of a TCP connection, whose sequence number only the captures show.
    """
    kind, port, name = plan.probe
    number, payload = secrets.randbelow(65536), secrets.token_bytes(16)
    sort = {"ping": socket.SOCK_RAW, "tcp": socket.SOCK_STREAM, "dns": socket.SOCK_DGRAM}[kind]
    with inside(plan.hops[0].pid):
        sender = socket.socket(socket.AF_INET, sort, socket.IPPROTO_ICMP if kind == "ping" else 0)
    if name:
        message = bytes(DNS(id=number, rd=1, qd=DNSQR(qname=name)))
        mark = message[:2] + message[12:]
    else:
        message = bytes(ICMP(id=number, seq=1) / payload)
        mark = payload
    with sender:
        sender.settimeout(WAIT)
        sender.bind(("", 0))
        if kind == "tcp":
            mark = sender.getsockname()[1].to_bytes(2, "big")
        try:
            sender.connect((plan.address, port))
            if kind == "tcp":
                time.sleep(SETTLE)  # docker-proxy makes its own connection after this one
                return mark, ""
            sender.send(message)
            until = time.monotonic() + WAIT
            while time.monotonic() < until:
                got = sender.recv(4096)
                # A raw socket gets all ICMP of its namespace, and 20 bytes of IP before each.
                if name or (payload in got and got[20] == 0):
                    return mark, ""
        except OSError as error:
            return mark, error.strerror or str(error)
    return mark, "timed out"


def counters(plan: Plan) -> Counter[Rule]:
    """How many packets each firewall rule of the host has counted, and of the sender's DNS."""
    found: Counter[Rule] = Counter()
    places = {"host": HOST} | (
        {plan.sender: plan.hops[0].pid} if plan.address == DOCKER_DNS else {}
    )
    for where, pid in places.items():
        for tool in ("iptables-nft-save", "iptables-legacy-save"):
            with inside(pid):
                done = subprocess.run([tool, "-c"], capture_output=True, text=True, check=False)
            found += read_rules(where, done.stdout)
    return found


def read_rules(where: str, saved: str) -> Counter[Rule]:
    """The packets of each rule in the output of `iptables-save -c`."""
    found: Counter[Rule] = Counter()
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif rule := re.fullmatch(r"\[(\d+):\d+\] -A (.*)", line):
            found[Rule(where, table, rule[2])] += int(rule[1])
    return found


def concerning(plan: Plan, rules: Counter[Rule]) -> Counter[Rule]:
    """Those of RULES that rewrite or drop, and can have met the probe."""
    names = {hop.interface for hop in plan.hops} | {plan.source, plan.address, *plan.inner}
    targets = {*REWRITES["source"], *REWRITES["destination"], *DROPS}
    return Counter(
        {
            rule: packets
            for rule, packets in rules.items()
            if rule.target in targets
            and (
                names & set(re.split(r"[\s/:]", rule.text)) or not re.search(" -[dios] ", rule.text)
            )
        }
    )


# --- reading the captures ---


def recognise(packet: Frame, probe: Probe, legs: Sequence[bytes]) -> tuple[str, bool, int] | None:
    """What an IP packet is, whether an answer, and of which leg; None where it is not the probe's.

    LEGS are known by the payload, the sequence number, or the id and the question.
    """
    if ICMP in packet and packet[ICMP].type not in (0, 8):
        quoted = bytes(packet[ICMP].payload)
        known = [
            leg for leg, mark in enumerate(legs) if mark[2 * (probe.kind == "dns") :] in quoted
        ]
        said = packet.sprintf("ICMP %ICMP.type% %ICMP.code%")
        return (said, True, known[0]) if known else None
    if probe.kind == "ping" and ICMP in packet and legs[0] in bytes(packet[ICMP].payload):
        answer = packet[ICMP].type == 0
        return f"echo {'reply' if answer else 'request'}", answer, 0
    if probe.kind == "tcp" and TCP in packet:
        flags, tcp = str(packet[TCP].flags), packet[TCP]
        asks, answers = tcp.seq.to_bytes(4, "big"), ((tcp.ack - 1) % 2**32).to_bytes(4, "big")
        if flags == "S" and asks in legs:
            return "SYN", False, legs.index(asks)
        if flags in ANSWERS and answers in legs:
            return ANSWERS[flags], True, legs.index(answers)
    if probe.kind == "dns" and UDP in packet:
        message = bytes(packet[UDP].payload)
        if (message[:2] + message[12:]).startswith(legs[0]):
            dns = DNS(message)
            if not dns.qr:
                return f"question A {probe.name}", False, 0
            found = [str(one.rdata) for one in dns.an or [] if one.type == 1]
            return f"answer {', '.join(found) or RCODES.get(dns.rcode, dns.rcode)}", True, 0
    return None


def sight(captures: Sequence[Iterable[Frame]], plan: Plan, mark: bytes) -> list[Sighting]:
    """The first sighting of the probe and of its answer on each hop, in the order of time."""
    frames = [
        (int(frame.time * 10**9), hop, frame)
        for hop, capture in enumerate(captures)
        for frame in capture
        if IP in frame
    ]
    frames.sort(key=lambda one: one[:2])
    legs = [mark]
    if plan.probe.kind == "tcp":
        syns = [f for _, _, f in frames if TCP in f and str(f[TCP].flags) == "S"]
        start = (plan.source, int.from_bytes(mark, "big"))
        own = next((n for n, f in enumerate(syns) if (f[IP].src, f.sport) == start), len(syns))
        seqs = [f.seq for f in syns[own : own + 1]]
        # NAT leaves the sequence number as it was; docker-proxy makes a connection of its own,
        # which is then the next that goes to the container's port.
        inner = [f.seq for f in syns[own:] if (f[IP].dst, f.dport) in plan.doors]
        seqs += inner[:1] if not {*inner} & {*seqs} else []
        legs = [seq.to_bytes(4, "big") for seq in seqs]
    seen: dict[tuple[int, bool, int], Sighting] = {}
    for when, hop, frame in frames:
        if legs and (known := recognise(frame[IP], plan.probe, legs)):
            what, answer, leg = known
            leg += plan.address == DOCKER_DNS and hop > 0
            packet = frame[IP]
            ports = (
                [f":{n}" for n in (packet.sport, packet.dport)] if ICMP not in packet else ["", ""]
            )
            ends = packet.src + ports[0], packet.dst + ports[1]
            one = Sighting(when, hop, answer, leg, *ends, packet.ttl, what, (frame.src, frame.dst))
            seen.setdefault((hop, answer, leg), one)
    for key, one in seen.items():
        # A bridge hands tcpdump its copy after it has forwarded the frame, stamped then or before.
        onward = seen.get((one.hop - 1 if one.answer else one.hop + 1, one.answer, one.leg))
        if plan.hops[one.hop].interface in plan.bridges and onward:
            seen[key] = one._replace(time=min(one.time, onward.time))
    # The kernel may stamp a packet once for a veth and its bridge: then the way decides.
    return sorted(seen.values(), key=lambda one: (one.time, -one.hop if one.answer else one.hop))


def changes(trace: Trace) -> list[list[str]]:
    """For each sighting, what is not as it was at the one before, or as it was sent."""
    last: dict[tuple[int, bool], Sighting] = {}
    found = []
    for one in trace.sightings:
        said = []
        before = last.get((one.leg, one.answer))
        request = last.get((one.leg, False))
        if before:
            was: dict[str, str | int] = before._asdict()
        elif not one.answer and one.leg:
            relay = "docker-proxy" if trace.plan.probe.kind == "tcp" else "Docker's DNS"
            said, was = [f"sent anew by {relay}"], {}
        elif not one.answer:
            was = {"destination": trace.plan.asked}
        elif request and not one.what.startswith("ICMP "):
            was = {"source": request.destination, "destination": request.source}
        else:
            was = {}
        for name in ("source", "destination"):
            if name in was and was[name] != getattr(one, name):
                rules = [r.target for r in trace.rules if r.target in REWRITES[name]]
                by = "conntrack" if one.answer else next(iter(rules), "NAT")
                said.append(f"{name} {was[name]} -> {getattr(one, name)} ({by})")
        if "ttl" in was and was["ttl"] != one.ttl:
            said.append(f"TTL {was['ttl']} -> {one.ttl}")
        found.append(said)
        last[one.leg, one.answer] = one
    return found


# --- telling ---


def milliseconds(trace: Trace, one: Sighting) -> str:
    """The time since the first sighting."""
    return f"{(one.time - trace.sightings[0].time) / 10**6:.3f}"


def as_text(trace: Trace) -> str:
    """One line for each sighting, and the verdict."""
    plan = trace.plan
    lines = [f"{plan.probe} from {plan.sender} ({plan.source}) to {plan.target} ({plan.address})"]
    rows = [
        (
            f"{milliseconds(trace, one)} ms",
            str(plan.hops[one.hop]),
            f"{one.source} -> {one.destination}",
            f"TTL {one.ttl}",
            "; ".join([one.what, *said]),
        )
        for one, said in zip(trace.sightings, changes(trace), strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        lines.append(
            "  ".join(f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True)).rstrip()
        )
    return "\n".join([*lines, verdict(trace)])


def verdict(trace: Trace) -> str:
    """What became of the probe, in one line."""
    if not trace.sightings:
        return f"not answered: no packet left {trace.plan.sender} ({trace.error})"
    last = trace.sightings[-1]
    on = len({one.hop for one in trace.sightings})
    if trace.outcome == "answered":
        interfaces = "interface" if on == 1 else "interfaces"
        return f"answered: seen {len(trace.sightings)} times on {on} {interfaces}"
    by = f"; dropped by {trace.dropped_by}" if trace.dropped_by else ""
    which = "answer" if last.answer else "request"
    return f"not answered: {which} last seen on {trace.plan.hops[last.hop]}{by}"


def as_json(trace: Trace) -> str:
    """The same as one JSON object, with the MAC addresses and all rules that counted."""
    plan = trace.plan
    said = changes(trace)
    return json.dumps(
        {
            "from": {"name": plan.sender, "address": plan.source},
            "to": {"name": plan.target, "address": plan.address},
            "probe": plan.probe._asdict(),
            "outcome": trace.outcome,
            "hops": [{"where": hop.where, "interface": hop.interface} for hop in plan.hops],
            "packets": [
                {
                    "ms": float(milliseconds(trace, one)),
                    "where": plan.hops[one.hop].where,
                    "interface": plan.hops[one.hop].interface,
                    "answer": one.answer,
                    "source": one.source,
                    "destination": one.destination,
                    "mac_source": one.macs[0],
                    "mac_destination": one.macs[1],
                    "ttl": one.ttl,
                    "what": one.what,
                    "changes": said[number],
                }
                for number, one in enumerate(trace.sightings)
            ],
            "rules": [
                {"where": r.where, "table": r.table, "rule": r.text, "packets": packets}
                for r, packets in trace.rules.items()
            ],
        },
        indent=2,
    )


STYLE = """
    text { font: 12px ui-monospace, monospace; fill: #24292f; }
    .name { font: 600 13px system-ui, sans-serif; }
    .dim { fill: #57606a; } .new { fill: #9a6700; font-weight: 600; }
    .wire { stroke: #8c959f; stroke-width: 2; } .cut { stroke: #cf222e; stroke-dasharray: 3 4; }
    .box { fill: #ddf4ff; stroke: #0969da; } .host { fill: #eaeef2; stroke: #8c959f; }
    .ok { fill: #1a7f37; } .bad { fill: #cf222e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .dim { fill: #9198a1; } .new { fill: #d29922; }
      .box { fill: #0c2d6b; } .host { fill: #212830; }
      .ok { fill: #3fb950; } .bad { fill: #ff7b72; }
    }
"""


def as_svg(trace: Trace) -> str:
    """The way from top to bottom: the request beside each hop on the left, the answer on the right.

    What NAT or a router changed is coloured. No times: the same packets give the same drawing.
    """
    plan, said = trace.plan, changes(trace)
    hops = [hop for hop in range(len(plan.hops)) if trace.outcome != "answered"]
    hops = sorted({*hops, *(one.hop for one in trace.sightings)})
    title = escape(f"{plan.probe} from {plan.sender} to {plan.target}")
    said_last = verdict(trace).split("; ")
    height = 70 * len(hops) + 50 + 20 * len(said_last)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" role="img"'
        ' aria-labelledby="t d">',
        f'  <title id="t">{title}</title>',
        f'  <desc id="d">{escape(verdict(trace))}</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <text class="name" x="10" y="24">{title}</text>',
    ]
    for row, hop in enumerate(hops):
        y = 40 + 70 * row
        mine = [pair for pair in zip(trace.sightings, said, strict=True) if pair[0].hop == hop]
        if row:
            cut = "" if mine else " cut"
            out.append(f'  <path class="wire{cut}" d="M110 {y - 24}V{y}"/>')
        kind = "host" if plan.hops[hop].where == "host" else "box"
        out += [
            f'  <rect class="{kind}" x="10" y="{y}" width="200" height="46" rx="6"/>',
            f'  <text class="name" x="20" y="{y + 19}">{escape(plan.hops[hop].where)}</text>',
            f'  <text x="20" y="{y + 37}">{escape(plan.hops[hop].interface)}</text>',
        ]
        if not mine:
            out.append(f'  <text class="bad" x="230" y="{y + 28}">not seen</text>')
        for one, new in mine:
            x, arrow = (570, "\u2191") if one.answer else (230, "\u2193")
            mark = ' class="new"' if new else ""
            ends = f"{arrow} {one.source} \u2192 {one.destination}"
            what = escape(f"{one.what}, TTL {one.ttl}")
            out += [
                f'  <text{mark} x="{x}" y="{y + 19}">{ends}</text>',
                f'  <text class="dim" x="{x}" y="{y + 37}">{what}</text>',
            ]
    good = "ok" if trace.outcome == "answered" else "bad"
    for row, line in enumerate(said_last):
        y = 70 * len(hops) + 56 + 20 * row
        out.append(f'  <text class="{good}" x="10" y="{y}">{escape(line)}</text>')
    return "\n".join([*out, "</svg>", ""])


def main(argv: Sequence[str], told: Iterable[str]) -> int:
    """Trace one probe; return the exit code."""
    sender, target, probe, form, folder = argv
    (Path(folder) / "pcap").mkdir(parents=True)
    try:
        plan = find_way(sender, target, read_probe(probe), read_containers(told))
        before = counters(plan)
        with capturing(plan, Path(folder) / "pcap") as files:
            mark, error = send(plan)
    except WrongArgument as wrong:
        print(f"trace-path: {wrong}", file=sys.stderr)
        return 2
    except NoWay as reason:
        print(f"not answered: {reason}")
        return 1
    except CaptureError as reason:
        print(f"trace-path: {reason}", file=sys.stderr)
        return 3
    trace = Trace(plan, sight([rdpcap(str(file)) for file in files], plan, mark), error)
    trace.rules = concerning(plan, counters(plan) - before)
    print(as_json(trace) if form == "json" else as_text(trace))
    (Path(folder) / "path.svg").write_text(as_svg(trace), encoding="utf-8")
    return 0 if trace.outcome == "answered" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin))
