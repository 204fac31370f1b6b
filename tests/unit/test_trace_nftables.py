"""labkit.trace without an engine: the rules of an nftables backend, in a recorded ruleset.

It was recorded with nft 1.1.3, after five probes on the host of tests/e2e/test_trace_nftables.py.
"""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labkit.trace import capture
from labkit.trace.capture import Rule, read_rules, spell
from labkit.trace.way import Hop, Plan

RULESET = (Path(__file__).parents[1] / "support/docker-bridges.json").read_text(encoding="utf-8")
NEAR = [Hop("near", "eth0", 1), Hop("host", "to-near", 2), Hop("host", "br-near", 2)]
FAR = [Hop("host", "br-far", 2), Hop("host", "to-far", 2), Hop("far", "eth0", 3)]
ACROSS = Plan(
    "near", 1, "far", "10.7.2.2", "ping", "ping",
    inner=["10.7.2.2"], source="10.7.1.2", hops=NEAR + FAR,
)  # fmt: skip
OUT = replace(ACROSS, address="198.51.100.2", inner=[], hops=[*NEAR, Hop("host", "eth0", 2)])


def met(plan: Plan, saved: str = "") -> dict[str, int]:
    found = read_rules(plan, "host", saved, RULESET)
    assert {rule.where for rule in found} == {"host"}
    return {f"{rule.table} {rule.rule}": packets for rule, packets in found.items()}


def test_rules_of_nftables_that_can_have_met_the_probe() -> None:
    chain = "docker-bridges"
    assert met(ACROSS) == {
        f'{chain} raw-PREROUTING ip daddr 10.7.1.2 iifname != br-near drop comment "DROP DIRECT '
        'ACCESS"': 0,
        f'{chain} raw-PREROUTING ip daddr 10.7.2.2 iifname != br-far drop comment "DROP DIRECT '
        'ACCESS"': 1,
        f"{chain} nat-prerouting-and-output iifname != br-far tcp dport 8080 dnat to 10.7.2.2:80 "
        'comment "DNAT"': 1,
        f'{chain} filter-forward-in__br-near drop comment "UNPUBLISHED PORT DROP"': 0,
        f'{chain} filter-forward-in__br-far drop comment "UNPUBLISHED PORT DROP"': 1,
        f"{chain} nat-postrouting-out__br-near oifname != br-near ip saddr 10.7.1.0/24 masquerade "
        'comment "MASQUERADE"': 1,
        f"{chain} nat-postrouting-out__br-far oifname != br-far ip saddr 10.7.2.0/24 masquerade "
        'comment "MASQUERADE"': 0,
    }


def test_what_is_for_another_bridge_does_not_count() -> None:
    assert not [rule for rule in met(OUT) if "far" in rule]


def test_a_table_that_iptables_wrote_is_read_from_iptables() -> None:
    saved = "*filter\n[1:44] -A FORWARD -d 10.7.2.4/32 -j DROP\nCOMMIT\n"
    plan = replace(OUT, address="10.7.2.4")
    twice = ["filter FORWARD -d 10.7.2.4/32 -j DROP", "filter FORWARD ip daddr 10.7.2.4 drop"]
    assert [rule for rule in twice if rule in met(plan, saved)] == twice[:1]
    assert [rule for rule in twice if rule in met(plan)] == twice[1:]


def rule(*parts: Any, family: str = "inet") -> str:
    told = {"family": family, "table": "own", "chain": "forward", "handle": 1, "expr": parts}
    return json.dumps({"nftables": [{"metainfo": {}}, {"rule": told}]})


def test_only_rules_for_ipv4_with_a_counter_of_their_own_count() -> None:
    assert not read_rules(OUT, "host", "", rule({"drop": None}))
    assert not read_rules(OUT, "host", "", rule({"counter": "packets"}, {"drop": None}))
    counter = {"counter": {"packets": 4, "bytes": 99}}
    assert read_rules(OUT, "host", "", rule(counter, {"drop": None})) == {
        Rule("host", "inet own", "forward drop", "DROP"): 4
    }
    assert not read_rules(OUT, "host", "", rule(counter, {"drop": None}, family="ip6"))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"redirect": {"port": 53}}, "{'redirect': {'port': 53}}"),
        ({"ct": {"key": "state"}}, "{'ct': {'key': 'state'}}"),
        (53, "53"),
    ],
)
def test_what_the_engine_does_not_use_is_shown_as_it_is(told: Any, shown: str) -> None:
    assert spell(told) == shown


def test_an_image_without_nft_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("labkit.trace.capture.subprocess.run", missing)
    monkeypatch.setattr(capture, "inside", lambda _: contextlib.nullcontext())
    with pytest.raises(SystemExit, match=r"older .*: docker image rm two-bridges-tools$"):
        capture.counters(OUT)
