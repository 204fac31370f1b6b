"""Capturing on every hop, sending the probe, and counting the rules that it met."""

import contextlib
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP
from scapy.plist import PacketList
from scapy.utils import rdpcap

from labkit.inspect import EMBEDDED_DNS
from labkit.trace.way import HOST, Plan, inside

REWRITES = {"source": ("MASQUERADE", "SNAT"), "destination": ("DNAT", "REDIRECT")}
DROPS = ("DROP", "REJECT")
TARGETS = (*REWRITES["source"], *REWRITES["destination"], *DROPS)


class Rule(NamedTuple):
    """A firewall rule, in the network of a container or of the host."""

    where: str
    table: str
    rule: str  # CHAIN MATCHES -j TARGET

    @property
    def target(self) -> str:
        """DROP, DNAT, a chain, …: what the rule does."""
        return self.rule.partition(" -j ")[2].split(" ")[0]


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
    """What the rules of the host, and of the network of a sender that asks Docker, have counted."""
    found: Counter[Rule] = Counter()
    asks_docker = {plan.sender: plan.hops[0].pid} if plan.address == EMBEDDED_DNS else {}
    for where, pid in {"host": HOST, **asks_docker}.items():
        for tool in ("iptables-nft-save", "iptables-legacy-save"):
            with inside(pid):
                done = subprocess.run([tool, "-c"], capture_output=True, text=True, check=False)
            found += read_rules(plan, where, done.stdout)
    return found


def read_rules(plan: Plan, where: str, saved: str) -> Counter[Rule]:
    """The packets of each rule that rewrites or drops, and can meet the probe.

    SAVED is the output of `iptables-save -c`.
    """
    names = {hop.interface for hop in plan.hops} | {plan.source, plan.address, *plan.inner}
    found: Counter[Rule] = Counter()
    for table, rules in re.findall(r"(?ms)^\*(\w+)$(.*?)^COMMIT$", saved):
        for packets, text in re.findall(r"(?m)^\[(\d+):\d+\] -A (.*)", rules):
            rule = Rule(where, table, text)
            ours = names & set(re.split(r"[\s/:]", text)) or not re.search(" -[dios] ", text)
            if ours and rule.target in TARGETS:
                found[rule] += int(packets)
    return found
