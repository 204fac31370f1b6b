"""Capturing on every hop, sending the probe, and counting the rules that it met."""

import contextlib
import json
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP
from scapy.plist import PacketList
from scapy.utils import rdpcap

from labkit.inspect import EMBEDDED_DNS
from labkit.trace import IMAGE
from labkit.trace.way import HOST, Plan, inside

REWRITES = {"source": ("MASQUERADE", "SNAT"), "destination": ("DNAT", "REDIRECT")}
DROPS = ("DROP", "REJECT")
NARROW = r" -[dios] | [io]if|addr |__"  # what limits a rule to some of the packets
LISTS = [
    ["iptables-nft-save", "-c"],
    ["iptables-legacy-save", "-c"],
    ["nft", "-j", "list", "ruleset"],
]
TARGETS = (*REWRITES["source"], *REWRITES["destination"], *DROPS)


class Rule(NamedTuple):
    """A firewall rule, in the network of a container or of the host."""

    where: str
    table: str
    rule: str  # its chain, and the rule as iptables or nft shows it
    target: str  # what it does, in iptables' words


@contextlib.contextmanager
def capturing(plan: Plan, folder: Path) -> Iterator[Callable[[], list[PacketList]]]:
    """Capture on every hop, a file each; gives what reads all that was seen there by now."""
    wanted = {"ping": "icmp", "tcp": "(icmp or tcp)", "dns": "(icmp or udp port 53)"}[plan.kind]
    if plan.address == EMBEDDED_DNS:  # whose rules have replaced the port when lo is reached
        wanted += f" or host {EMBEDDED_DNS}"
    else:
        hosts = filter(None, [plan.source, plan.address, *plan.inner])
        wanted += f" and (host {' or host '.join(hosts)})"
    running = {}
    with contextlib.ExitStack() as stack:
        for number, hop in enumerate(plan.hops, 1):
            file = str(folder / f"{number:02}-{hop.where}-{hop.interface}.pcap")
            words = ["tcpdump", "-Z", "root", "-i", hop.interface, "-U", "--immediate-mode"]
            words += ["--time-stamp-precision=nano", "-w", file, wanted]
            with inside(hop.pid):
                one = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            running[file] = stack.enter_context(one)
            stack.callback(one.terminate)
            said = one.stderr.readline().strip() if one.stderr else ""
            if "listening on" not in said:
                sys.exit(f"cannot capture on {hop}: {said}")
        yield lambda: [read(file, one) for file, one in running.items()]


def read(file: str, tcpdump: subprocess.Popen[str]) -> PacketList:
    """All that its interface has seen by now, once tcpdump has written it to FILE."""
    due = -1
    while tcpdump.stderr:
        tcpdump.send_signal(signal.SIGUSR1)
        # "N packets captured, N packets received by filter, N packets dropped by kernel"
        counts = [int(n) for n in re.findall(r"(\d+) packets? ", tcpdump.stderr.readline())]
        if len(counts) < 3:
            break  # it has ended, with its interface
        # lo's are counted as they leave and as they come, and captured once.
        due = counts[1] // (2 if file.endswith("-lo.pcap") else 1) if due < 0 else due
        if counts[0] + counts[2] >= due:
            break
    return rdpcap(file)


def send(plan: Plan) -> tuple[socket.socket, bytes, str]:
    """Send the probe: its socket, what it is known by, and what went wrong at once, if anything.

    A ping is known by its payload, a DNS message by its id and its question, a TCP connection by
    its source port: its sequence number only the captures show.
    """
    kind, number, mark = plan.kind, secrets.randbelow(65536), secrets.token_bytes(16)
    message = bytes(ICMP(id=number, seq=1) / mark)
    sort = {"ping": socket.SOCK_RAW, "tcp": socket.SOCK_STREAM, "dns": socket.SOCK_DGRAM}[kind]
    with inside(plan.hops[0].pid):
        sender = socket.socket(socket.AF_INET, sort, socket.IPPROTO_ICMP if kind == "ping" else 0)
    sender.setblocking(False)
    sender.bind(("", 0))
    if kind == "tcp":
        mark = sender.getsockname()[1].to_bytes(2, "big")
    if kind == "dns":
        message = bytes(DNS(id=number, rd=1, qd=DNSQR(qname=plan.name)))
        mark = message[:2] + message[12:]
    try:
        sender.connect((plan.address, plan.port))
        if kind != "tcp":
            sender.send(message)
    except BlockingIOError:
        pass  # a connection takes its time
    except OSError as error:
        return sender, mark, error.strerror or str(error)
    return sender, mark, ""


def counters(plan: Plan) -> Counter[Rule]:
    """What the rules of the host, and of the network of a sender that asks Docker, have counted.

    Whichever backend the engine has, the host's own firewall may have the other: both are read.
    """
    found: Counter[Rule] = Counter()
    asks_docker = {plan.sender: plan.hops[0].pid} if plan.address == EMBEDDED_DNS else {}
    for where, pid in {"host": HOST, **asks_docker}.items():
        try:
            with inside(pid):
                said = [
                    subprocess.run(words, capture_output=True, text=True, check=False).stdout
                    for words in LISTS
                ]
        except FileNotFoundError:
            sys.exit(f"the image is older than this command: docker image rm {IMAGE}")
        found += read_rules(plan, where, said[0] + said[1], said[2])
    return found


def read_rules(plan: Plan, where: str, saved: str, ruleset: str) -> Counter[Rule]:
    """The packets of each rule that rewrites or drops, and can meet the probe.

    SAVED is the output of `iptables-save -c`, RULESET of `nft -j list ruleset`.
    """
    names = {hop.interface for hop in plan.hops} | {plan.source, plan.address, *plan.inner}
    found: Counter[Rule] = Counter()
    rules = [*iptables_rules(where, saved)]
    tables = {rule.table for rule, _ in rules}  # which nft lists as well
    rules += [(rule, n) for rule, n in nft_rules(where, ruleset) if rule.table not in tables]
    for rule, packets in rules:
        # What holds for one bridge only names it in the rule or, with nftables, in the chain.
        ours = names & set(re.split(r"[\s/:]|__", rule.rule)) or not re.search(NARROW, rule.rule)
        if ours and rule.target in TARGETS:
            found[rule] += packets
    return found


def iptables_rules(where: str, saved: str) -> Iterator[tuple[Rule, int]]:
    """All rules, and their packets, in the output of `iptables-save -c`."""
    for table, rules in re.findall(r"(?ms)^\*(\w+)$(.*?)^COMMIT$", saved):
        for packets, text in re.findall(r"(?m)^\[(\d+):\d+\] -A (.*)", rules):
            target = text.partition(" -j ")[2].split(" ")[0]
            yield Rule(where, table, text, target), int(packets)


def nft_rules(where: str, ruleset: str) -> Iterator[tuple[Rule, int]]:
    """All rules with a counter, and their packets, in the output of `nft -j list ruleset`."""
    listed = json.loads(ruleset)["nftables"] if ruleset else []
    rules = [one["rule"] for one in listed if "rule" in one]
    for rule in [rule for rule in rules if rule["family"] != "ip6"]:
        table = rule["table"] if rule["family"] == "ip" else f"{rule['family']} {rule['table']}"
        words = [spell(part) for part in rule["expr"] if "counter" not in part]
        words += [f'comment "{rule["comment"]}"'] if "comment" in rule else []
        text, target = " ".join([rule["chain"], *words]), next(iter(rule["expr"][-1])).upper()
        for count in [part.get("counter") for part in rule["expr"]]:
            if isinstance(count, dict):  # not the name of one
                yield Rule(where, table, text, target), count["packets"]


def spell(told: Any) -> str:
    """A part of a rule as `nft list` shows it but for quotes, from its JSON."""
    match told:
        case {"match": {"op": op, "left": left, "right": right}}:
            return " ".join([spell(left), *([] if op == "==" else [op]), spell(right)])
        case {"payload": {"protocol": protocol, "field": name}}:
            return f"{protocol} {name}"
        case {"meta": {"key": key}}:
            return str(key)
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"dnat": {"addr": address, "port": port}}:
            return f"dnat to {address}:{port}"
        case {"drop": None} | {"reject": None} | {"masquerade": None}:
            return str(next(iter(told)))
    return str(told)
