"""`./lab trace` on real traffic, each line of it held against what the kernel itself counted."""

import contextlib
import json
import os
import re
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from scapy.layers.inet import IP
from scapy.utils import rdpcap

from tests.support.engine import LABEL, cut_off, docker, run

OUTSIDE = "198.51.100.2"  # from the range for documentation
HOST = "198.51.100.1"
SERVE = "while nc -l -p 80 -e echo hello; do :; done"
IMAGE = "two-bridges-tools"
TRACE = ("./lab", "trace")


def trace(*words: str, code: int = 0) -> Any:
    """The object that --json prints."""
    done = run(*TRACE, *words, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


Ends = list[tuple[str, str]]
LOOK = f"tb-trace-look-{uuid.uuid4().hex[:6]}"  # a container in the host's network


def seen(told: Any, answer: bool = False) -> Ends:
    """Where the request, or the answer, was seen: in the order of time."""
    return [(p["where"], p["interface"]) for p in told["packets"] if p["answer"] is answer]


def at(told: Any, where: str, answer: bool = False) -> Any:
    """The one packet seen on the first interface that is called WHERE or is WHERE's."""
    return next(
        p
        for p in told["packets"]
        if p["answer"] is answer and where in (p["where"], p["interface"])
    )


def kernel(*words: str) -> str:
    """What a tool says in the host's network."""
    return docker("exec", LOOK, *words).stdout


def rules(table: str) -> dict[str, int]:
    """The packets that each rule of a table has counted: iptables writes them as -c before -j."""
    listed = kernel("iptables", "-t", table, "-v", "-S")
    found = re.findall(r"^-A (.*?) -c (\d+) \d+ (-j .*)$", listed, re.M)
    return {f"{matches} {target}": int(packets) for matches, packets, target in found}


def counted(table: str, *fragments: str) -> int:
    """The packets that the one rule with all FRAGMENTS has counted."""
    (packets,) = [n for rule, n in rules(table).items() if all(f in rule for f in fragments)]
    return packets


def connection(*words: str) -> dict[str, list[str]]:
    """The one entry of the kernel's table: src, dst, sport, dport, each both ways."""
    entries = kernel("conntrack", "-L", "-p", "tcp", *words).splitlines()
    assert len(entries) == 1, entries
    keys = ("src", "dst", "sport", "dport")
    return {key: re.findall(rf"\b{key}=(\S+)", entries[0]) for key in keys}


@pytest.fixture(scope="module")
def first() -> Iterator[str]:
    """What the first use says, on stderr; whether the image is there is in the end as it was."""
    before = docker("image", "inspect", IMAGE, check=False).returncode == 0
    docker("image", "rm", "--force", IMAGE, check=False)
    yield run(*TRACE, "host", "127.0.0.1").stderr
    if not before:
        docker("image", "rm", "--force", IMAGE)


@pytest.fixture(scope="module")
def net(first: str) -> Iterator[SimpleNamespace]:
    """Two containers on a bridge, one alone on another, two on docker0, and a host outside."""
    made = f"tb-trace-{uuid.uuid4().hex[:6]}"
    names = {n: f"{made}-{n}" for n in ("a", "b", "far", "d0a", "d0b", "outside", "dns")}
    on = {"a": f"{made}-near", "b": f"{made}-near", "far": f"{made}-far"}
    dns = ["--dns", OUTSIDE]
    more = {"a": dns, "d0a": dns, "b": ["--publish", "80"]}
    try:
        bridges = {"d0a": "docker0", "d0b": "docker0"}
        for network in sorted(set(on.values())):
            docker("network", "create", *LABEL, network)
        for key in ("a", "b", "far", "d0a", "d0b"):
            words = ["--network", on.get(key, "bridge"), *more.get(key, [])]
            docker("run", "-d", *LABEL, "--name", names[key], *words, "alpine", "sh", "-c", SERVE)
        words = ["--network", "none", "--cap-add", "NET_ADMIN", "--pid", "host"]
        docker("run", "-d", *LABEL, "--name", names["outside"], *words, "alpine", "sh", "-c", SERVE)
        words = ["--privileged", "--network", "host", "--pid", "host", IMAGE, "sleep", "600"]
        docker("run", "-d", *LABEL, "--name", LOOK, *words)
        cable = f"tbt{made[-6:]}"
        inside = [f"link add {cable} type veth", f"link set {cable} netns 1"]
        inside += [f"addr add {OUTSIDE}/24 dev veth0", "link set veth0 up"]
        for command in inside:
            docker("exec", names["outside"], "ip", *command.split())
        kernel("ip", "addr", "add", f"{HOST}/24", "dev", cable)
        kernel("ip", "link", "set", cable, "up")
        docker(
            "run", "-d", *LABEL, "--name", names["dns"], "--network",
            f"container:{names['outside']}", IMAGE, "dnsmasq", "--keep-in-foreground",
            "--user=root", "--no-resolv", "--no-hosts", "--log-queries", "--log-facility=-",
            "--address=/printer.example/198.51.100.7",
        )  # fmt: skip
        address, mac = {}, {}
        for key in ("a", "b", "far", "d0a", "d0b"):
            told = json.loads(docker("inspect", names[key]).stdout)[0]
            (network,) = told["NetworkSettings"]["Networks"].values()
            address[key], mac[key] = network["IPAddress"], network["MacAddress"]
            bridges.setdefault(key, "br-" + network["NetworkID"][:12])
        port = docker("port", names["b"], "80/tcp").stdout.split()[0].rpartition(":")[2]
        yield SimpleNamespace(
            **names, address=address, mac=mac, bridge=bridges, port=port, cable=cable
        )
    finally:
        docker("rm", "--force", *names.values(), LOOK, check=False)
        docker("network", "rm", *set(on.values()), check=False)


def test_the_first_use_builds_the_image_and_says_so(first: str) -> None:
    assert first == f"lab: building the image {IMAGE}, this once\n"
    assert docker("image", "inspect", IMAGE).returncode == 0


@pytest.mark.parametrize("pair", [("a", "b"), ("d0a", "d0b")], ids=["own-bridge", "docker0"])
def test_to_a_neighbour_by_the_cables_that_the_bridge_knows(
    net: SimpleNamespace, pair: tuple[str, str]
) -> None:
    names = [getattr(net, key) for key in pair]
    told = trace(*names)
    bridge = net.bridge[pair[0]]
    forwarding = kernel("bridge", "fdb", "show")
    cables = [
        cable
        for key in pair
        for cable in re.findall(rf"^{net.mac[key]} dev (\S+) master {bridge}\b", forwarding, re.M)
    ]
    way = [(names[0], "eth0"), ("host", cables[0]), ("host", bridge), ("host", cables[1]),
           (names[1], "eth0")]  # fmt: skip
    assert [(hop["where"], hop["interface"]) for hop in told["hops"]] == way
    assert seen(told) == way
    assert seen(told, answer=True) == way[::-1]
    assert {p["ttl"] for p in told["packets"]} == {64}
    addresses = [net.address[key] for key in pair]
    assert {(p["source"], p["destination"]) for p in told["packets"] if p["answer"]} == {
        (addresses[1], addresses[0])
    }
    assert at(told, bridge)["mac_destination"] == net.mac[pair[1]]
    assert not any(p["changes"] for p in told["packets"])


@pytest.mark.parametrize("key", ["a", "d0a"], ids=["own-bridge", "docker0"])
def test_out_is_what_the_rule_counted_and_conntrack_noted(net: SimpleNamespace, key: str) -> None:
    rule = ("nat", f"! -o {net.bridge[key]} ", "-j MASQUERADE")
    before = counted(*rule)
    told = trace(getattr(net, key), OUTSIDE, "--probe", "tcp:80")
    assert counted(*rule) - before == 1
    assert [r["packets"] for r in told["rules"] if r["rule"].endswith("-j MASQUERADE")] == [1]
    inner, outer = at(told, getattr(net, key)), at(told, net.cable)
    port = inner["source"].partition(":")[2]
    entry = connection("-s", net.address[key], "--sport", port)
    assert inner["source"] == f"{entry['src'][0]}:{entry['sport'][0]}"
    assert inner["destination"] == f"{entry['dst'][0]}:{entry['dport'][0]}" == f"{OUTSIDE}:80"
    back = at(told, net.cable, answer=True)
    assert back["source"] == f"{entry['src'][1]}:{entry['sport'][1]}"
    assert back["destination"] == outer["source"] == f"{entry['dst'][1]}:{entry['dport'][1]}"
    assert outer["changes"] == [
        f"source {inner['source']} -> {outer['source']} (MASQUERADE)", "TTL 64 -> 63",
    ]  # fmt: skip
    assert outer["source"].startswith(f"{HOST}:")


def test_to_another_bridge_it_is_dropped_where_the_kernel_counted_it(net: SimpleNamespace) -> None:
    before = {table: rules(table) for table in ("filter", "raw")}
    done = run(*TRACE, net.a, net.far, check=False)
    assert done.returncode == 1
    *seen_on, last, by = done.stdout.splitlines()
    # Where the engine drops before routing, the bridge may not see it any more.
    where = rf"not answered: request last seen on host (?:{net.bridge['a']}|veth\w+)"
    assert re.fullmatch(where, last)
    ((table, rule),) = re.findall(r"^dropped by (\w+) (.*)$", by)
    assert rule.endswith("-j DROP")
    assert net.bridge["far"] in rule
    assert rules(table)[rule] - before[table][rule] == 1
    assert net.far not in "".join(seen_on[1:])
    assert net.bridge["far"] not in "".join(seen_on)


def test_a_published_port_is_dnat_from_outside(net: SimpleNamespace) -> None:
    rule = ("nat", f"--to-destination {net.address['b']}:80")
    before = counted(*rule)
    told = trace(net.outside, HOST, "--probe", f"tcp:{net.port}")
    assert counted(*rule) - before == 1
    call = at(told, net.b)
    entry = connection("-s", OUTSIDE, "--sport", call["source"].partition(":")[2])
    assert (entry["dst"][0], entry["dport"][0]) == (HOST, net.port)
    assert call["destination"] == f"{entry['src'][1]}:{entry['sport'][1]}"
    assert call["source"] == f"{entry['dst'][1]}:{entry['dport'][1]}"
    changed = f"destination {HOST}:{net.port} -> {net.address['b']}:80 (DNAT)"
    assert at(told, net.bridge["b"])["changes"][0] == changed
    assert [r["packets"] for r in told["rules"]] == [1]


def test_a_published_port_is_docker_proxy_on_127_0_0_1(net: SimpleNamespace) -> None:
    rule = ("nat", f"--to-destination {net.address['b']}:80")
    before = counted(*rule)
    told = trace("host", "127.0.0.1", "--probe", f"tcp:{net.port}")
    assert counted(*rule) == before
    assert [p["changes"] for p in told["packets"] if p["changes"]] == [
        ["sent anew by docker-proxy"]
    ]
    call = at(told, net.b)
    source, _, port = call["source"].partition(":")
    entry = connection("-s", source, "--sport", port)
    assert (entry["dst"], entry["dport"]) == ([net.address["b"], source], ["80", port])
    assert call["destination"] == f"{net.address['b']}:80"


def test_a_question_to_docker_meets_the_rule_of_its_namespace(net: SimpleNamespace) -> None:
    pid = docker("inspect", net.a, "--format", "{{.State.Pid}}").stdout.strip()
    listed = kernel("nsenter", "-t", pid, "-n", "iptables", "-t", "nat", "-S", "DOCKER_OUTPUT")
    (port,) = re.findall(r"-p udp .*--to-destination (127\.0\.0\.11:\d+)", listed)
    told = trace(net.a, "127.0.0.11", "--probe", f"dns:{net.b}")
    assert seen(told) == seen(told, answer=True) == [(net.a, "lo")]
    asked, answer = told["packets"]
    assert asked["destination"] == port
    assert asked["changes"] == [f"destination 127.0.0.11:53 -> {port} (DNAT)"]
    assert answer["source"] == "127.0.0.11:53"
    assert answer["what"] == f"answer {net.address['b']}"


def test_a_question_that_docker_cannot_answer_is_asked_outside(net: SimpleNamespace) -> None:
    told = trace(net.a, "127.0.0.11", "--probe", "dns:printer.example")
    assert at(told, net.cable)["changes"][0].endswith("(MASQUERADE)")
    assert at(told, net.a, answer=True)["what"] == "answer 198.51.100.7"
    assert [p["interface"] for p in told["packets"]][0::9] == ["lo", "lo"]
    asked = at(told, net.cable)["source"].partition(":")[0]
    log = docker("logs", net.dns, check=False)
    assert f"query[A] printer.example from {asked}" in log.stdout + log.stderr


def test_a_network_without_a_way_out(net: SimpleNamespace) -> None:
    done = run(*TRACE, net.outside, net.a, check=False)
    assert done.returncode == 1
    reason = f"not answered: {net.outside} has no route to {net.address['a']}: "
    assert done.stdout.startswith(reason)


PACKET = {"ms", "where", "interface", "answer", "source", "destination", "mac_source",
          "mac_destination", "ttl", "what", "changes"}  # fmt: skip


def test_json_captures_and_drawing_tell_the_same(net: SimpleNamespace, tmp_path: Path) -> None:
    pcap, svg = tmp_path / "captures", tmp_path / "way.svg"
    told = trace(net.a, OUTSIDE, "--probe", "tcp:80", "--pcap", str(pcap), "--svg", str(svg))
    assert set(told) == {"from", "to", "probe", "outcome", "hops", "packets", "rules"}
    assert told["from"] == {"name": net.a, "address": net.address["a"]}
    assert told["to"] == {"name": OUTSIDE, "address": OUTSIDE}
    assert told["probe"] == {"kind": "tcp", "port": 80, "name": ""}
    assert told["outcome"] == "answered"
    assert {frozenset(p) for p in told["packets"]} == {frozenset(PACKET)}
    times = [p["ms"] for p in told["packets"]]
    assert times == sorted(times)
    assert times[0] == 0
    files = sorted(pcap.iterdir())
    assert [f.name for f in files] == [
        f"{n:02}-{hop['where']}-{hop['interface']}.pcap" for n, hop in enumerate(told["hops"], 1)
    ]
    for file, hop in zip(files, told["hops"], strict=True):
        ends = {(p[IP].src, p[IP].ttl) for p in rdpcap(str(file)) if IP in p}
        ours = [p for p in told["packets"] if p["interface"] == hop["interface"]]
        assert {(p["source"].partition(":")[0], p["ttl"]) for p in ours} <= ends
    drawn = "".join(ElementTree.fromstring(svg.read_text()).itertext())
    for packet in told["packets"]:
        assert f"{packet['source']} \u2192 {packet['destination']}" in drawn
        assert packet["interface"] in drawn
    assert sorted(f.name for f in tmp_path.iterdir()) == ["captures", "way.svg"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{a}"], "the following arguments are required: TO"),
        (["{a}", "{b}", "--nope"], "unrecognized arguments: --nope"),
        (["{a}", "{b}", "--probe", "tcp:0"], "lab: probe 'tcp:0': expected ping, tcp:PORT (1 to"),
        (["{a}", "no-such"], "lab: TO 'no-such': expected an IPv4 address or a container"),
        (["{a}", "{outside}"], "lab: TO {outside} has no address: expected one on a bridge"),
    ],
)
def test_bad_arguments_exit_2_and_say_which(
    net: SimpleNamespace, words: list[str], said: str
) -> None:
    done = run(*TRACE, *(word.format_map(vars(net)) for word in words), check=False)
    assert done.returncode == 2
    assert said.format_map(vars(net)) in done.stderr
    assert done.stdout == ""


def test_without_an_engine_exit_3() -> None:
    done = run(*TRACE, "host", "127.0.0.1", check=False, env={"DOCKER_HOST": "unix:///nowhere"})
    assert done.returncode == 3
    assert done.stderr == "lab: no Docker Engine answers: ./lab up starts it\n"


def left_behind() -> list[str]:
    label = ["--filter", "label=two-bridges=trace", "--quiet"]
    return docker("ps", "--all", *label).stdout.split()


def capturing() -> list[str]:
    """The processes that capture, stopped: until they are ended, no trace comes to its end."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if (process / "cmdline").read_bytes().startswith(b"tcpdump\0-Z"):
                os.kill(int(process.name), signal.SIGSTOP)
                found.append(process.name)
    return found


@pytest.mark.parametrize(
    ("moment", "number"),
    [(left_behind, signal.SIGTERM), (capturing, signal.SIGINT), (capturing, signal.SIGHUP)],
)
def test_cut_off_it_leaves_nothing(
    net: SimpleNamespace, tmp_path: Path, moment: Callable[[], list[str]], number: int
) -> None:
    files = ["--pcap", str(tmp_path / "x"), "--svg", str(tmp_path / "y")]
    assert cut_off([*TRACE, net.a, net.far, *files], moment, number) == 128 + number
    assert left_behind() == capturing() == []
    assert list(tmp_path.iterdir()) == []


def test_cut_off_while_it_builds_the_image_it_can_be_used_again(first: str) -> None:
    docker("image", "rm", "--force", IMAGE)
    words = [*TRACE, "host", "127.0.0.1"]
    assert cut_off(words, "lab: building", signal.SIGINT) == 130
    assert left_behind() == []
    # The engine may finish what was cut off: whether this builds again is not said.
    assert run(*words).stdout.splitlines()[-1].startswith("answered: ")
