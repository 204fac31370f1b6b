"""labkit.trace without an engine: frames and rules in, sightings, text and drawing out."""

import io
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from labkit.trace.capture import Rule, read, read_rules
from labkit.trace.sight import Trace, complete, sight
from labkit.trace.tell import as_data, as_svg, as_text
from labkit.trace.way import Hop, Plan

A, B, OUT, NIC = "10.6.1.2", "10.6.1.3", "198.51.100.2", "198.51.100.1"
HOPS = [Hop("a", "eth0", 1), Hop("host", "veth1", 2), Hop("host", "br-1", 2), Hop("host", "nic", 2)]
MARK = b"0123456789abcdef"
PING = Plan("a", 1, OUT, OUT, "ping", "ping", source=A, hops=HOPS, bridges=["br-1"])
WAY_OUT = "POSTROUTING -s 10.6.1.0/24 ! -o br-1 -j MASQUERADE"
MASQUERADE = Rule("host", "nat", WAY_OUT, "MASQUERADE")


def frame(micros: int, source: str, destination: str, payload: Packet, ttl: int = 64) -> Packet:
    packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packet = Ether(bytes(packet / IP(src=source, dst=destination, ttl=ttl) / payload))
    packet.time = 1_700_000_000 + micros / 10**6
    return packet


def ping(
    micros: int, source: str, destination: str, kind: int = 8, ttl: int = 64, mark: bytes = MARK
) -> Packet:
    return frame(micros, source, destination, ICMP(type=kind, id=7, seq=1) / mark, ttl)


def there_and_back() -> list[list[Packet]]:
    return [
        [ping(0, A, OUT), ping(90, OUT, A, 0, 63)],
        [ping(10, A, OUT), ping(80, OUT, A, 0, 63)],
        [ping(10, A, OUT), ping(70, OUT, A, 0, 63)],
        [ping(30, NIC, OUT, ttl=63), ping(50, OUT, NIC, 0)],
    ]


def traced(
    captures: list[list[Packet]], plan: Plan = PING, mark: bytes = MARK, **more: Any
) -> Trace:
    return Trace(plan, sight(captures, plan, mark), **more)


def changes_of(trace: Trace) -> list[list[str]]:
    return [one.changes for one in trace.sightings]


def test_there_and_back_with_what_nat_and_the_router_changed() -> None:
    trace = traced(there_and_back(), rules=Counter({MASQUERADE: 1}))
    assert [one.hop for one in trace.sightings] == [0, 1, 2, 3, 3, 2, 1, 0]
    assert changes_of(trace) == [
        [], [], [],
        [f"source {A} -> {NIC} (MASQUERADE)", "TTL 64 -> 63"],
        [],
        [f"destination {NIC} -> {A} (conntrack)", "TTL 64 -> 63"],
        [], [],
    ]  # fmt: skip
    assert trace.outcome == "answered"
    assert as_text(trace).splitlines() == [
        f"ping from a ({A}) to {OUT} ({OUT})",
        "echo request",
        "0.000 ms  a eth0      10.6.1.2 -> 198.51.100.2      TTL 64",
        "0.010 ms  host veth1  10.6.1.2 -> 198.51.100.2      TTL 64",
        "0.010 ms  host br-1   10.6.1.2 -> 198.51.100.2      TTL 64",
        "0.030 ms  host nic    198.51.100.1 -> 198.51.100.2  TTL 63",
        "          source 10.6.1.2 -> 198.51.100.1 (MASQUERADE)",
        "          TTL 64 -> 63",
        "echo reply",
        "0.050 ms  host nic    198.51.100.2 -> 198.51.100.1  TTL 64",
        "0.070 ms  host br-1   198.51.100.2 -> 10.6.1.2      TTL 63",
        "          destination 198.51.100.1 -> 10.6.1.2 (conntrack)",
        "          TTL 64 -> 63",
        "0.080 ms  host veth1  198.51.100.2 -> 10.6.1.2      TTL 63",
        "0.090 ms  a eth0      198.51.100.2 -> 10.6.1.2      TTL 63",
        "answered: seen 8 times on 4 interfaces",
    ]


def test_every_line_fits_into_80_columns() -> None:
    names = ["container100", "veth0123456", "br-0123456789ab", "to-outside"]
    hops = [Hop("host", name, 2) for name in names[1:]]
    port = (50245).to_bytes(2, "big")
    far, own, nic = "198.51.100.2", "10.106.1.2", "198.51.100.1"
    plan = replace(TCP_PLAN, source=own, hops=[Hop(names[0], "eth0", 1), *hops], sender=names[0])
    ends = [(own, far)] * 3 + [(nic, far)]
    captures = [[syn(10 * n, *two, 5, 8106, 50245)] for n, two in enumerate(ends)]
    rule = "raw-PREROUTING ip daddr 198.51.100.2 iifname != br-0123456789ab drop"
    drop = Rule("host", "docker-bridges", f'{rule} comment "DROP DIRECT ACCESS"', "DROP")
    told = as_text(traced(captures, plan, port, rules=Counter({drop: 1}))).splitlines()
    assert max(map(len, told)) <= 80
    assert told[-3:] == [
        "not answered: request last seen on host to-outside",
        "dropped by docker-bridges raw-PREROUTING ip daddr 198.51.100.2 iifname !=",
        '  br-0123456789ab drop comment "DROP DIRECT ACCESS"',
    ]
    assert len(told) == 11


def test_the_order_is_that_of_time() -> None:
    late = there_and_back()
    late[1][0] = ping(40, A, OUT)
    assert [one.hop for one in traced(late).sightings][:4] == [0, 2, 3, 1]


def test_the_copy_that_a_bridge_makes_late_does_not_count_as_later() -> None:
    late = there_and_back()
    late[2] = [ping(35, A, OUT), ping(85, OUT, A, 0, 63)]
    trace = traced(late)
    assert [one.hop for one in trace.sightings] == [0, 1, 2, 3, 3, 2, 1, 0]


def test_without_a_rule_that_counted_it_is_nat() -> None:
    assert changes_of(traced(there_and_back()))[3][0] == f"source {A} -> {NIC} (NAT)"


def test_what_others_send_is_not_seen() -> None:
    others = [[ping(1, A, OUT, mark=b"another's ping.."), ping(2, OUT, A, 0, mark=b"x" * 16)]]
    assert traced([*others, *there_and_back()[1:]]).sightings[0].hop == 1


def test_a_packet_sent_again_is_seen_once() -> None:
    twice = there_and_back()
    twice[0].append(ping(1_000_000, A, OUT))
    assert traced(twice).sightings == traced(there_and_back()).sightings


def test_the_last_sighting_of_a_request_and_of_an_answer() -> None:
    drop = Rule("host", "filter", "FORWARD -o br-2 -j DROP", "DROP")
    lost = [capture[:1] for capture in there_and_back()[:3]] + [[]]
    trace = traced(lost, rules=Counter({MASQUERADE: 1, drop: 1}))
    assert trace.outcome == "dropped"
    assert as_text(trace).splitlines()[-2:] == [
        "not answered: request last seen on host br-1",
        "dropped by filter FORWARD -o br-2 -j DROP",
    ]
    lost = there_and_back()
    del lost[0][1]
    assert as_text(traced(lost)).endswith("not answered: answer last seen on host veth1")


def test_arrived_in_the_container_and_nothing_came_back() -> None:
    plan = replace(PING, hops=[*HOPS[:3], Hop("b", "eth0", 3)], inner=[B], address=B)
    there = [[ping(n, A, B)] for n in range(4)]
    assert traced(there, plan).outcome == "arrived"
    assert traced([*there[:3], []], plan).outcome == "dropped"


def test_nothing_was_seen() -> None:
    trace = traced([[], [], [], []], error="timed out")
    assert trace.outcome == "dropped"
    assert as_text(trace).endswith("\nnot answered: no packet left a (timed out)")


def test_an_icmp_error_is_an_answer_that_quotes_the_request() -> None:
    error = ICMP(type=3, code=1) / IP(src=A, dst=OUT) / ICMP(id=7, seq=1) / MARK
    trace = traced([[ping(0, A, OUT), frame(9, NIC, A, error)], [], [], []])
    assert trace.sightings[1].what == "ICMP dest-unreach host-unreachable"
    assert changes_of(trace) == [[], []]


def test_an_icmp_error_is_the_answer_to_a_question_that_it_quotes() -> None:
    asked = question(0, A, OUT)
    error = ICMP(type=3, code=3) / asked[IP].copy()
    message = bytes(asked[UDP].payload)
    plan = replace(PING, kind="dns", port=53, name="b")
    captures = [[asked, frame(9, NIC, A, error)], [], [], []]
    trace = traced(captures, plan, message[:2] + message[12:])
    assert [one.what for one in trace.sightings] == [
        "question A b",
        "ICMP dest-unreach port-unreachable",
    ]


TCP_PLAN = replace(PING, probe="tcp:80", kind="tcp", port=80)
PUBLISHED = replace(TCP_PLAN, address=NIC, port=8080, inner=[B], inner_port=80)


def syn(
    micros: int, source: str, destination: str, seq: int, dport: int = 80, sport: int = 40000
) -> Packet:
    return frame(micros, source, destination, TCP(sport=sport, dport=dport, seq=seq, flags="S"))


def syn_ack(
    micros: int, source: str, destination: str, seq: int,
    flags: str = "SA", sport: int = 80, dport: int = 40000,
) -> Packet:  # fmt: skip
    tcp = TCP(sport=sport, dport=dport, ack=seq + 1, flags=flags)
    return frame(micros, source, destination, tcp)


def test_a_connection_is_known_by_its_sequence_number() -> None:
    port = (40000).to_bytes(2, "big")
    captures = [[syn(0, A, OUT, 5), syn(1, A, OUT, 9, sport=40001),
                 syn_ack(7, OUT, A, 9, dport=40001), syn_ack(8, OUT, A, 5)], [], [],
                [syn(2, NIC, OUT, 5, sport=50000), syn(3, NIC, OUT, 9, sport=40000)]]  # fmt: skip
    told = [(s.hop, s.source, s.what) for s in traced(captures, TCP_PLAN, port).sightings]
    assert told == [
        (0, f"{A}:40000", "SYN"),
        (3, f"{NIC}:50000", "SYN"),
        (0, f"{OUT}:80", "SYN-ACK"),
    ]


@pytest.mark.parametrize(("flags", "what"), [("SA", "SYN-ACK"), ("RA", "RST"), ("R", "RST")])
def test_what_answers_a_connection(flags: str, what: str) -> None:
    captures = [[syn(0, A, OUT, 5), syn_ack(8, OUT, A, 5, flags)], [], [], []]
    trace = traced(captures, TCP_PLAN, (40000).to_bytes(2, "big"))
    assert [one.what for one in trace.sightings] == ["SYN", what]


def test_docker_proxy_makes_a_second_connection_and_nat_does_not() -> None:
    hops = [Hop("host", "lo", 2), Hop("host", "br-1", 2), Hop("b", "eth0", 3)]
    plan = replace(PUBLISHED, sender="host", hops=hops, source=NIC)
    port = (40000).to_bytes(2, "big")
    before = syn(0, "10.6.1.9", B, 3)
    own = [syn(1, NIC, NIC, 5, 8080), syn_ack(2, NIC, NIC, 5, sport=8080)]
    proxied = [[*own], [before, syn(3, "10.6.1.1", B, 77)], [syn(4, "10.6.1.1", B, 77)]]
    trace = traced(proxied, plan, port)
    assert [(one.leg, one.hop) for one in trace.sightings] == [(0, 0), (0, 0), (1, 1), (1, 2)]
    assert changes_of(trace)[2:] == [["sent anew by docker-proxy"], []]
    nat = [[], [before, syn(3, NIC, B, 5), syn(4, "10.6.1.9", B, 6)], [syn(5, NIC, B, 5)]]
    trace = traced(nat, plan, port)
    assert [(one.leg, one.hop) for one in trace.sightings] == [(0, 1), (0, 2)]
    assert changes_of(trace) == [[f"destination {NIC}:8080 -> {B}:80 (NAT)"], []]


def test_the_call_of_another_to_the_same_published_port_is_not_docker_proxy() -> None:
    plan = replace(PUBLISHED, source=OUT)
    captures = [
        [syn(0, OUT, NIC, 5, 8080)],
        [],
        [syn(1, OUT, B, 6, sport=1), syn(2, OUT, B, 5)],
        [],
    ]
    trace = traced(captures, plan, (40000).to_bytes(2, "big"))
    assert [(one.leg, one.hop) for one in trace.sightings] == [(0, 0), (0, 2)]


def question(
    micros: int, source: str, destination: str, number: int = 7, name: str = "b",
    dport: int = 53, answer: str | None = None,
) -> Packet:  # fmt: skip
    message = DNS(id=number, qd=DNSQR(qname=name))
    sport = 40000
    if answer is not None:
        an = [DNSRR(rrname=name, rdata=answer)] if answer else []
        message = DNS(id=number, qr=1, rcode=0 if answer else 3, qd=DNSQR(qname=name), an=an)
        sport, dport = dport, sport
    return frame(micros, source, destination, UDP(sport=sport, dport=dport) / message)


def test_a_question_is_known_by_its_id_and_its_name() -> None:
    asked = bytes(DNS(id=7, qd=DNSQR(qname="b")))
    plan = replace(PING, address="127.0.0.11", kind="dns", port=53, name="b")
    lo = ("127.0.0.1", "127.0.0.11")
    captures = [
        [frame(0, *lo, UDP(sport=1, dport=2) / b"no DNS"), question(0, *lo, dport=41000),
         question(9, *lo[::-1], answer=B)],
        [question(1, A, OUT, number=8), question(1, A, OUT, name="c"), question(2, A, OUT),
         question(6, OUT, A, answer="")],
        [], [],
    ]  # fmt: skip
    trace = traced(captures, plan, asked[:2] + asked[12:])
    assert [round(1000 * one.ms) for one in trace.sightings] == [0, 2, 6, 9]
    assert [(one.hop, one.leg, one.what) for one in trace.sightings] == [
        (0, 0, "question A b"), (1, 1, "question A b"),
        (1, 1, "answer NXDOMAIN"), (0, 0, f"answer {B}"),
    ]  # fmt: skip
    assert changes_of(trace) == [
        ["destination 127.0.0.11:53 -> 127.0.0.11:41000 (NAT)"],
        ["sent anew by Docker's DNS"],
        [],
        ["source 127.0.0.11:41000 -> 127.0.0.11:53 (conntrack)"],
    ]


SAVED = """\
*nat
:POSTROUTING ACCEPT [9:9]
[3:180] -A POSTROUTING -s 10.6.1.0/24 ! -o br-1 -j MASQUERADE
[4:240] -A POSTROUTING -s 10.7.1.0/24 ! -o br-7 -j MASQUERADE
COMMIT
*filter
[5:300] -A FORWARD -i br-1 -j ACCEPT
[6:360] -A FORWARD -d 198.51.100.2/32 -j DROP
[7:420] -A FORWARD -j REJECT --reject-with icmp-port-unreachable
[8:420] -A FORWARD -i br-12 -j DROP
COMMIT
*raw
[1:84] -A PREROUTING -d 198.51.100.2/32 ! -i br-2 -j DROP
[9:84] -A PREROUTING -d 10.9.9.9/32 ! -i br-2 -j DROP
COMMIT
"""


def test_rules_that_can_have_met_the_probe() -> None:
    rules = read_rules(PING, "host", SAVED, "")
    assert {(rule.table, rule.target, packets) for rule, packets in rules.items()} == {
        ("nat", "MASQUERADE", 3), ("filter", "DROP", 6), ("filter", "REJECT", 7),
        ("raw", "DROP", 1),
    }  # fmt: skip


def test_json_has_the_hops_the_packets_and_the_rules() -> None:
    told = as_data(traced(there_and_back(), rules=Counter({MASQUERADE: 1})))
    assert list(told) == ["from", "to", "probe", "outcome", "hops", "packets", "rules"]
    assert told["probe"] == {"kind": "ping", "port": 0, "name": ""}
    assert told["hops"][1] == {"where": "host", "interface": "veth1"}
    assert list(told["packets"][3].items()) == [
        ("ms", 0.03), ("where", "host"), ("interface", "nic"), ("answer", False),
        ("source", NIC), ("destination", OUT),
        ("mac_source", "02:00:00:00:00:01"), ("mac_destination", "02:00:00:00:00:02"),
        ("ttl", 63), ("what", "echo request"),
        ("changes", [f"source {A} -> {NIC} (MASQUERADE)", "TTL 64 -> 63"]),
    ]  # fmt: skip
    assert told["rules"] == [
        {
            "where": "host",
            "table": "nat",
            "rule": WAY_OUT,
            "target": "MASQUERADE",
            "packets": 1,
        }
    ]


def test_nothing_is_due_once_every_request_and_the_container_are_answered() -> None:
    whole = there_and_back()
    assert complete(sight(whole, PING, MARK), PING)
    assert not complete([], PING)
    for hop in range(4):
        lost = there_and_back()
        del lost[hop][1]
        assert not complete(sight(lost, PING, MARK), PING)
    published = replace(PING, hops=[*HOPS, Hop("b", "eth0", 3)], inner=[B])
    assert not complete(sight([*whole, []], published, MARK), published)
    whole.append([ping(40, A, B), ping(41, B, A, 0)])
    assert complete(sight(whole, published, MARK), published)


class Tcpdump:
    """Says what it has counted, a line for each time that it is asked."""

    def __init__(self, *lines: str) -> None:
        self.stderr = io.StringIO("".join(f"tcpdump: {line}\n" for line in lines))
        self.asked = 0

    def send_signal(self, number: int) -> None:
        assert number == signal.SIGUSR1
        self.asked += 1


COUNTS = "{} packets captured, {} packets received by filter, {} packets dropped by kernel"


@pytest.mark.parametrize(
    ("interface", "said", "asked"),
    [
        ("eth0", [(0, 0, 0)], 1),
        ("eth0", [(1, 3, 0), (2, 3, 0), (3, 9, 0), (9, 9, 0)], 3),  # what comes later is not due
        ("eth0", [(1, 3, 0), (2, 3, 1), (3, 3, 0)], 2),
        ("lo", [(1, 4, 0), (2, 4, 0), (4, 4, 0)], 2),
    ],
)
def test_a_capture_is_read_when_all_that_the_kernel_had_is_in_the_file(
    tmp_path: Path, interface: str, said: list[tuple[int, int, int]], asked: int
) -> None:
    file = tmp_path / f"01-a-{interface}.pcap"
    wrpcap(str(file), there_and_back()[0])
    tcpdump = Tcpdump(*(COUNTS.format(*counts) for counts in said))
    assert len(read(str(file), cast(Any, tcpdump))) == 2
    assert tcpdump.asked == asked


def test_a_capture_whose_interface_is_gone_is_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "01-a-eth0.pcap"
    wrpcap(str(file), there_and_back()[0])
    assert len(read(str(file), cast(Any, Tcpdump("The interface disappeared")))) == 2


def test_the_drawing_has_every_address_and_is_the_same_again() -> None:
    trace = traced(there_and_back())
    drawn = as_svg(trace)
    later = [[f.copy() for f in capture] for capture in there_and_back()]
    for capture in later:
        for packet in capture:
            packet.time += 5
    assert as_svg(traced(later)) == drawn
    text = "\n".join(ElementTree.fromstring(drawn).itertext())
    for one in trace.sightings:
        assert f"{one.source} \u2192 {one.destination}" in text
    assert "prefers-color-scheme: dark" in drawn
    assert "not seen" not in text


def test_the_drawing_shows_where_nothing_was_seen_and_escapes() -> None:
    plan = replace(PING, target="<b>", hops=[Hop("<a>", "eth0", 1), *HOPS[1:]])
    drawn = as_svg(traced([[ping(0, A, OUT)], [], [], []], plan))
    text = "".join(ElementTree.fromstring(drawn).itertext())
    assert text.count("not seen") == 3
    assert text.count("<a>") == 3  # the hop itself, and the verdict twice
    assert text.count("<b>") == 2  # the title twice
