"""The probe, known again in the captures, and what changed on its way.

One kernel stamps all captures with one clock, so their order is the packets' own. A packet is known
by what NAT leaves alone: an ICMP payload, a TCP sequence number, a DNS message's id and question.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scapy.layers.dns import DNS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Packet as Frame

from labkit.inspect import EMBEDDED_DNS
from labkit.trace.capture import REWRITES, Rule
from labkit.trace.way import Plan

ECHOES = {8: "echo request", 0: "echo reply"}
FLAGS = {"S": "SYN", "SA": "SYN-ACK", "R": "RST", "RA": "RST"}
RELAYS = {"tcp": "docker-proxy", "dns": "Docker's DNS"}
RCODES = {0: "no address", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


@dataclass
class Sighting:
    """The probe or its answer on one hop. Addresses have a port where there is one.

    `leg` counts the connections: whoever relays the probe (Docker's DNS, docker-proxy) begins one.
    """

    ms: float  # since the first
    hop: int
    leg: int
    answer: bool
    source: str
    destination: str
    mac_source: str
    mac_destination: str
    ttl: int
    what: str
    changes: list[str] = field(default_factory=list)  # since the sighting before, or the sending


def recognise(packet: Frame, plan: Plan, legs: Sequence[bytes]) -> tuple[int, bool, str] | None:
    """Of which leg an IP packet is, whether an answer, and what; None where it is another's.

    LEGS are known by the payload, the sequence number, or the id and the question.
    """
    answer, what, found = True, "", b""
    if ICMP in packet:
        kind, found = packet[ICMP].type, bytes(packet[ICMP].payload)
        answer, what = kind != 8, ECHOES.get(kind) or packet.sprintf("ICMP %ICMP.type% %ICMP.code%")
        legs = [leg[2:] if plan.kind == "dns" else leg for leg in legs]  # what is quoted whole
    elif TCP in packet:
        flags = str(packet[TCP].flags)
        answer, what = flags != "S", FLAGS.get(flags, "")
        number = packet[TCP].ack - 1 if answer else packet[TCP].seq
        found = (number % 2**32).to_bytes(4, "big")
    elif UDP in packet:
        message = bytes(packet[UDP].payload)
        found = message[:2] + message[12:]
        if found.startswith(legs[0]):
            dns = DNS(message)
            given = [str(one.rdata) for one in dns.an or [] if one.type == 1]
            result = ", ".join(given) or RCODES.get(dns.rcode, dns.rcode)
            answer, what = bool(dns.qr), f"answer {result}" if dns.qr else f"question A {plan.name}"
    known = [number for number, leg in enumerate(legs) if leg in found]
    return (known[0], answer, what) if known and what else None


def find_legs(frames: Sequence[Frame], plan: Plan, mark: bytes) -> list[bytes]:
    """What each connection of the probe is known by; FRAMES are in the order of time."""
    if plan.kind != "tcp":
        return [mark]
    syns = [f for f in frames if TCP in f and str(f[TCP].flags) == "S"]
    start = (plan.source, int.from_bytes(mark, "big"))
    own = next((n for n, f in enumerate(syns) if (f[IP].src, f.sport) == start), len(syns))
    seqs = [f.seq for f in syns[own : own + 1]]
    # NAT leaves the sequence number as it was; docker-proxy makes a connection of its own,
    # which is then the next that goes to the container's port.
    doors = [(address, plan.inner_port) for address in plan.inner]
    inner = [f.seq for f in syns[own:] if (f[IP].dst, f.dport) in doors]
    seqs += inner[:1] if not {*inner} & {*seqs} else []
    return [seq.to_bytes(4, "big") for seq in seqs]


def sight(captures: Iterable[Iterable[Frame]], plan: Plan, mark: bytes) -> list[Sighting]:
    """The first sighting of the probe and of its answer on each hop, in the order of time."""
    frames = [(hop, f) for hop, capture in enumerate(captures) for f in capture if IP in f]
    frames.sort(key=lambda one: one[1].time)
    legs = find_legs([frame for _, frame in frames], plan, mark)
    seen: dict[tuple[int, bool, int], Sighting] = {}
    start = 0
    for hop, frame in frames:
        packet = frame[IP]
        if legs and (known := recognise(packet, plan, legs)):
            leg, answer, what = known
            leg += plan.address == EMBEDDED_DNS and hop > 0
            ends = packet.src, packet.dst
            if ICMP not in packet:
                ends = f"{packet.src}:{packet.sport}", f"{packet.dst}:{packet.dport}"
            macs = frame.src, frame.dst
            when = int(frame.time * 10**9)  # in nanoseconds, exact
            start = start or when
            ms = (when - start) / 10**6
            one = Sighting(ms, hop, leg, answer, *ends, *macs, packet.ttl, what)
            seen.setdefault((hop, answer, leg), one)
    for one in seen.values():
        # A bridge hands tcpdump its copy after it has forwarded the frame, stamped then or before.
        onward = seen.get((one.hop - 1 if one.answer else one.hop + 1, one.answer, one.leg))
        if plan.hops[one.hop].interface in plan.bridges and onward:
            one.ms = min(one.ms, onward.ms)
    # The kernel may stamp a packet once for a veth and its bridge: then the way decides.
    return sorted(seen.values(), key=lambda one: (one.ms, -one.hop if one.answer else one.hop))


def complete(seen: Sequence[Sighting], plan: Plan) -> bool:
    """Whether nothing is due any more: an answer wherever the probe was, and from its container."""
    asked, answered = ({(s.leg, s.hop) for s in seen if s.answer is kind} for kind in (False, True))
    # docker-proxy answers by itself, and calls the container only then.
    arrived = not plan.inner or any(hop == len(plan.hops) - 1 for _, hop in answered)
    return bool(asked) and asked <= answered and arrived


@dataclass
class Trace:
    """All that one probe showed: sightings in the order of time, and the rules that counted."""

    plan: Plan
    sightings: list[Sighting]
    error: str = ""  # what the sender was told
    rules: Counter[Rule] = field(default_factory=Counter)  # by packets

    def __post_init__(self) -> None:
        """Write into each sighting what is not as it was at the one before, or as it was sent."""
        asked = self.plan.address + (f":{self.plan.port}" if self.plan.port else "")
        last: dict[tuple[int, bool], Sighting] = {}
        for one in self.sightings:
            was: dict[str, str | int] = {}
            request = last.get((one.leg, False))
            if before := last.get((one.leg, one.answer)):
                was = vars(before)
            elif not one.answer and one.leg:
                one.changes.append(f"sent anew by {RELAYS[self.plan.kind]}")
            elif not one.answer:
                was = {"destination": asked}
            elif request and not one.what.startswith("ICMP "):
                was = {"source": request.destination, "destination": request.source}
            for name, targets in REWRITES.items():
                if name in was and was[name] != getattr(one, name):
                    met = [rule.target for rule in self.rules if rule.target in targets]
                    by = "conntrack" if one.answer else [*met, "NAT"][0]
                    one.changes.append(f"{name} {was[name]} -> {getattr(one, name)} ({by})")
            if "ttl" in was and was["ttl"] != one.ttl:
                one.changes.append(f"TTL {was['ttl']} -> {one.ttl}")
            last[one.leg, one.answer] = one

    @property
    def outcome(self) -> str:
        """answered; arrived (and nothing came back to the sender); dropped (on the way)."""
        plan, seen = self.plan, self.sightings
        if any(one.answer and one.hop == seen[0].hop for one in seen):
            return "answered"
        arrived = any(plan.hops[one.hop].where == plan.hops[-1].where for one in seen)
        return "arrived" if arrived and plan.inner else "dropped"
