"""The tracer on a host whose engine writes its rules with nftables, played by a container.

In it are two bridges with a container each and a host outside, as namespaces, and the rules of
tests/support/docker-bridges.nft. No engine of a version that tests run on has that backend.
"""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from labkit.trace.way import Plan
from tests.support.engine import LABEL, ROOT, docker, run

RULES = Path("tests/support/docker-bridges.nft")
RECORDED = ROOT / "tests/support/docker-bridges.json"
ENDS = {"near": "10.7.1", "far": "10.7.2", "outside": "198.51.100"}  # the host is .1, the end .2
MAKE = """
for end in "$@"; do
  name=${end%=*} net=${end#*=}
  ip netns add "$name"
  ip link add "br-$name" type bridge
  ip link add "to-$name" type veth peer name eth0 netns "$name"
  ip link set "to-$name" master "br-$name" up
  ip link set "br-$name" up
  ip addr add "$net.1/24" dev "br-$name"
  ip -n "$name" addr add "$net.2/24" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" route add default via "$net.1"
done
ip -n far addr add 10.7.2.3/24 dev eth0
nft -f docker-bridges.nft
iptables -A FORWARD -d 10.7.2.4 -j DROP
"""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """The container's name."""
    name = f"tb-nft-{uuid.uuid4().hex[:6]}"
    try:
        docker("build", "--quiet", "--tag", name, "--file", "labs/tools.Dockerfile", "labs")
        words = ["--privileged", "--network", "none", "--sysctl", "net.ipv4.ip_forward=1"]
        docker("run", "-d", *LABEL, "--name", name, *words, name, "sleep", "infinity")
        docker("cp", "--quiet", "labkit", f"{name}:/tools/labkit")
        docker("cp", "--quiet", str(RULES), f"{name}:/tools/")
        ends = [f"{end}={net}" for end, net in ENDS.items()]
        docker("exec", name, "sh", "-euc", MAKE, "sh", *ends)
        for end in ENDS:
            docker("exec", "-d", name, "ip", "netns", "exec", end, "sleep", "infinity")
        yield name
    finally:
        docker("rm", "--force", name, check=False)
        docker("image", "rm", name, check=False)


def pid(host: str, end: str) -> int:
    return int(docker("exec", host, "ip", "netns", "pids", end).stdout)


def trace(host: str, sender: str, address: str, probe: str, **more: Any) -> Any:
    """What the tracer says when it runs on HOST: its text, and its data."""
    kind, _, port = probe.partition(":")
    plan = Plan(sender, pid(host, sender), address, address, probe, kind, int(port or 0), **more)
    docker("exec", host, "rm", "-rf", "/out")
    words = ("docker", "exec", "--interactive", host, "python3", "-m", "labkit.trace.inside")
    return json.loads(run(*words, stdin=json.dumps(asdict(plan))).stdout)


def counted(host: str, chain: str, rule: str) -> int:
    """The packets that the one RULE of the kernel's own list has counted."""
    listed = docker("exec", host, "nft", "list", "chain", "ip", "docker-bridges", chain).stdout
    pattern = r"packets (\d+) bytes \d+".join(map(re.escape, rule.split("COUNT")))
    (packets,) = re.findall(rf"^\t+{pattern}$", listed, re.M)
    return int(packets)


@pytest.mark.parametrize(
    ("address", "chain", "rule"),
    [
        ("10.7.2.2", "raw-PREROUTING",
         'ip daddr 10.7.2.2 iifname != "br-far" counter COUNT drop comment "DROP DIRECT ACCESS"'),
        ("10.7.2.3", "filter-forward-in__br-far",
         'counter COUNT drop comment "UNPUBLISHED PORT DROP"'),
    ],
)  # fmt: skip
def test_to_another_bridge_it_is_dropped_where_the_kernel_counted_it(
    host: str, address: str, chain: str, rule: str
) -> None:
    before = counted(host, chain, rule)
    far = {"holder": "far", "holder_pid": pid(host, "far"), "inner": [address]}
    told = trace(host, "near", address, "ping", **far)
    assert counted(host, chain, rule) - before == 1
    shown = rule.replace("counter COUNT ", "").replace('"br-far"', "br-far")
    assert f"dropped by docker-bridges {chain} {shown}" in " ".join(told["text"].split())
    (met,) = told["data"]["rules"]
    assert met == {
        "where": "host", "table": "docker-bridges", "rule": f"{chain} {shown}",
        "target": "DROP", "packets": 1,
    }  # fmt: skip
    assert {packet["where"] for packet in told["data"]["packets"]} == {"near", "host"}


def test_a_rule_of_iptables_is_not_read_again_from_nftables(host: str) -> None:
    told = trace(host, "near", "10.7.2.4", "ping")
    assert [(rule["table"], rule["rule"], rule["packets"]) for rule in told["data"]["rules"]] == [
        ("filter", "FORWARD -d 10.7.2.4/32 -j DROP", 1)
    ]


def test_out_and_in_by_the_rules_that_rewrite(host: str) -> None:
    out = trace(host, "near", "198.51.100.2", "tcp:80")["data"]
    assert out["outcome"] == "answered"
    assert [rule["target"] for rule in out["rules"]] == ["MASQUERADE"]
    assert any(
        change.endswith("(MASQUERADE)") for one in out["packets"] for change in one["changes"]
    )
    far = {"holder": "far", "holder_pid": pid(host, "far"), "inner": ["10.7.2.2"], "inner_port": 80}
    into = trace(host, "outside", "198.51.100.1", "tcp:8080", **far)["data"]
    assert into["outcome"] == "answered"
    changes = [change for one in into["packets"] for change in one["changes"]]
    assert "destination 198.51.100.1:8080 -> 10.7.2.2:80 (DNAT)" in changes
    assert [rule["rule"] for rule in into["rules"]] == [
        "nat-prerouting-and-output iifname != br-far tcp dport 8080 dnat to 10.7.2.2:80 "
        'comment "DNAT"'
    ]


def test_the_recorded_ruleset_is_what_nft_says_of_it(host: str) -> None:
    """Which the unit tests read: but for counters, handles and the version of nft."""
    listed = docker("exec", host, "nft", "-j", "list", "ruleset").stdout
    assert plain(listed) == plain(RECORDED.read_text(encoding="utf-8"))


def plain(listed: str) -> Any:
    bare = re.sub(r'"(packets|bytes|handle)": \d+', r'"\1": 0', listed)
    return [one for one in json.loads(bare)["nftables"] if "metainfo" not in one]
