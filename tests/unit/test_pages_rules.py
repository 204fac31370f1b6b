import re
from collections.abc import Sequence
from typing import Any

import pytest

from labkit.pages.match import Bindings, match_line
from labkit.pages.parse import find, load
from labkit.pages.rules import RULES, Rule
from tests.support.pages import LABS

LONG = "4f" * 32

# A page's line, and real lines that must be taken for it and must not.
CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "bridge": (
        "master br-0a1b2c3d4e5f x",
        ["master br-ffffffffffff x"],
        ["master br-ffffffffff x", "master docker0 x", "master br-ffffffffffffff x"],
    ),
    "veth": ("on veth1a2b3c4", ["on vethfffffff"], ["on eth0", "on vethxyzxyzx", "on veth1"]),
    "long id": (LONG, ["e0" * 32], ["e0" * 31, "e0" * 6, "E0" * 32]),
    "id": (
        "id 0a1b2c3d4e5f",
        ["id 012345678901"],
        ["id 0a1b2c3d4e", "id container1xx", f"id {LONG}"],
    ),
    "MAC": (
        "ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff",
        ["ether 5e:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff"],
        [
            "ether 02:42:ac:11:00:02 brd 02:42:ac:11:00:02",
            "ether ff:ff:ff:ff:ff:ff brd ff:ff:ff:ff:ff:ff",
            "ether 00:00:00:00:00:00 brd ff:ff:ff:ff:ff:ff",
        ],
    ),
    "host's resolver": (
        "Resolver 10.0.0.2: Docker's default bridge, which",
        ["Resolver 192.168.65.7: Docker's default bridge, which",
         "Resolver 10.0.0.2, fd00::53: Docker's default bridge, which"],
        ["Resolver 127.0.0.11: Docker's default bridge, which",
         "Resolver 10.0.0.2, 127.0.0.11: Docker's default bridge, which",
         "Resolver unknown: Docker's default bridge, which",
         "Resolver 10.0.0.2: Docker's own DNS, which"],
    ),
    "look-up error": (
        "(exit 6): Name or service not known. Resolver x",
        ["(exit 6): Temporary failure in name resolution. Resolver x"],
        ["(exit 6): Connection refused. Resolver x", "(exit 6): . Resolver x",
         "(exit 7): Name or service not known. Resolver x"],
    ),
    "docker0 address": (
        "from 172.17.0.3: x",
        ["from 172.17.0.2: x", "from 172.17.0.254: x"],
        ["from 172.17.0.1: x", "from 172.18.0.3: x", "from 172.17.0.255: x", "from 172.17.1.3: x"],
    ),
    "pool address": (
        "name 172.18.0.2",
        ["name 172.31.0.254", "name 192.168.0.2", "name 192.168.240.3"],
        ["name 172.17.0.2", "name 172.32.0.2", "name 172.18.0.1", "name 172.18.1.2",
         "name 192.168.1.2", "name 10.0.0.2", "name 172.18.0.2/16"],
    ),
    "ephemeral port": (
        "127.0.0.1:49153->80/tcp",
        ["127.0.0.1:32768->80/tcp", "127.0.0.1:60999->80/tcp"],
        ["127.0.0.1:8000->80/tcp", "127.0.0.1:32767->80/tcp", "127.0.0.2:49153->80/tcp",
         "127.0.0.1:61000->80/tcp", "127.0.0.1:49153->81/tcp"],
    ),
    "time": (
        "at 2026-01-02T03:04:05.678Z",
        ["at 2025-12-31T23:59:59.1Z"],
        ["at 2025-12-31", "at noon", "at 2026-01-02T03:04:05.678Z x"],
    ),
    "round trips": (
        "min/avg/max = 0.090/0.261/0.433 ms",
        ["min/avg/max = 10.000/20.123/30.000 ms"],
        ["min/avg/max = 0.090/0.261 ms", "min/avg/max = 0.090/0.261/0.433 s"],
    ),
    "duration": ("time=0.433 ms", ["time=12.001 ms"], ["time=1 ms", "time=0.433 s", "time= ms"]),
}  # fmt: skip

# The rules of single pages, by page and name.
OWN: dict[Any, tuple[str, list[str], list[str]]] = {
    ("00", "index"): (
        "2: docker0: <UP>",
        ["5: docker0: <UP>"],
        ["2: docker1: <UP>", "0: docker0: <UP>", "2: eth0: <UP>"],
    ),
    ("02", "index"): (
        "9: vethb622758@if8: <UP>",
        ["705: veth0000000@if704: <UP>", "9: veth1111111@if2: <UP>"],
        ["9: eth0@if8: <UP>", "9: vethb622758: <UP>", "0: vethb622758@if8: <UP>"],
    ),
    ("09", "overlay"): (
        "webapp -> 10.0.1.4  200",
        ["webapp -> 10.0.1.2  200", "webapp -> 10.0.1.254  200"],
        ["webapp -> 10.0.1.1  200", "webapp -> 10.0.0.4  200", "webapp -> 10.0.2.4  200",
         "webapp -> 10.0.1.255  200", "webapp -> 10.0.1.4/24  200"],
    ),
    ("09", "VXLAN-port"): (
        "IP 10.109.0.1.53865 > 10.109.0.2.4789: VXLAN",
        ["IP 10.109.0.1.32768 > 10.109.0.2.4789: VXLAN"],
        ["IP 10.109.0.1.4789 > 10.109.0.2.4789: VXLAN",
         "IP 10.109.0.1.53865 > 10.109.0.2.53: VXLAN",
         "IP 10.109.0.2.53865 > 10.109.0.1.4789: VXLAN"],
    ),
    ("01", "size"): (
        "alpine 8.31MB",
        ["alpine 2.03MB", "alpine 7MB"],
        ["alpine 8.31GB", "alpine MB", "alpine 0MB"],
    ),
    ("07", "half"): (
        "     48 Address: 10.107.2.21",
        ["     26 Address: 10.107.2.21", "     74 Address: 10.107.2.21"],
        ["     25 Address: 10.107.2.21", "     75 Address: 10.107.2.21",
         "     48 Address: 10.107.2.22", "    100 Address: 10.107.2.21"],
    ),
    ("07", "turns"): (
        "51",
        ["20", "79"],
        ["19", "80", "100", "2"],
    ),
    ("10", "refusal"): (
        "FAILED to connect (exit 28)",
        ["FAILED to connect (exit 7)"],
        ["FAILED to connect (exit 6)", "FAILED to ask (exit 28)", "200 in"],
    ),
    ("09", "rate"): (
        "7 clients, 51 calls a second",
        ["7 clients, 10 calls a second", "7 clients, 99 calls a second"],
        ["7 clients, 5 calls a second",
         "7 clients, 151 calls a second", "7 clients, 51 calls a minute"],
    ),
    ("09", "calls"): (
        "2400 sent, 2400 answered, 0 lost",
        ["1000 sent, 1000 answered, 0 lost", "9999 sent, 9999 answered, 0 lost"],
        ["2400 sent, 2399 answered, 0 lost", "2400 sent, 2400 answered, 1 lost",
         "999 sent, 999 answered, 0 lost", "2400 calls, 2400 answered, 0 lost"],
    ),
    ("09", "share"): (
        "7 of 20 clients changed over",
        ["1 of 20 clients changed over", "20 of 20 clients changed over"],
        ["0 of 20 clients changed over", "21 of 20 clients changed over",
         "7 of 10 clients changed over", "7 of 20 clients failed"],
    ),
}  # fmt: skip

EXACT = [
    ("sport=41000 dport=80", "sport=41000 dport=81"),
    ("sport=41000 dport=80", "sport=4100 dport=80"),
    ("2 packets received, 0% packet loss", "1 packets received, 0% packet loss"),
    ("2 packets received, 0% packet loss", "2 packets received, 50% packet loss"),
    ("inet 172.17.0.1/16", "inet 172.17.0.2/16"),
    ("inet 172.17.0.2/16", "inet 172.17.0.2/24"),
    ("10.10.0.2 container100", "10.10.0.3 container100"),
    ("seq=0 ttl=64 time=0.433 ms", "seq=0 ttl=63 time=0.433 ms"),
    ("Resolver 127.0.0.11: Docker's own DNS", "Resolver 10.0.0.2: Docker's own DNS"),
    ("resolver  127.0.0.11 (Docker's)", "resolver  10.0.0.2 (Docker's)"),
    ("1: lo: <LOOPBACK>", "2: lo: <LOOPBACK>"),
    ("5: docker0: <UP>", "6: docker0: <UP>"),
    ("127.0.0.1:8000->8000/tcp", "127.0.0.1:8001->8000/tcp"),
    ("timed out after 2 s", "timed out after 3 s"),
    ("a b", "a  b"),
    ("  indented", "    indented"),
]


def holds(page: str, real: str, own: Sequence[Rule] = ()) -> bool:
    return match_line(page, real, Bindings(own)) is not None


def all_hold(*pairs: tuple[str, str]) -> bool:
    """Whether lines of one page hold one after the other."""
    known: Bindings | None = Bindings()
    for page, real in pairs:
        known = match_line(page, real, known) if known else None
    return known is not None


@pytest.mark.parametrize("name", [*CASES, *OWN], ids=str)
def test_a_rule_takes_what_varies_and_nothing_else(name: Any) -> None:
    own = load(find(LABS)[name[0]]).rules if name in OWN else []
    page, good, bad = OWN[name] if name in OWN else CASES[name]
    assert [line for line in [page, *good] if not holds(page, line, own)] == []
    assert [line for line in bad if holds(page, line, own)] == []


def test_every_rule_has_cases_in_which_it_is_the_one_that_acts() -> None:
    assert [rule.name for rule in RULES] == list(CASES)
    own = {(number, rule.name): rule for number, p in find(LABS).items() for rule in load(p).rules}
    assert set(own) == set(OWN)
    cases = [(rule, CASES[rule.name]) for rule in RULES]
    for rule, case in cases + [(own[key], OWN[key]) for key in own]:
        assert re.search(rule.pattern, case[0]), rule.name


def test_addresses_of_one_pool_stay_in_one() -> None:
    seen = (
        ("172.18.0.2 172.18.0.4", "172.31.0.2 172.31.0.3"),
        ("172.18.0.5 172.19.0.2", "172.31.0.4 192.168.16.2"),
    )
    assert all_hold(*seen)
    assert not all_hold(*seen, ("172.18.0.6", "172.30.0.9"))
    assert not all_hold(*seen, ("172.18.0.6", "172.31.0.3"))


def test_the_resolver_of_a_message_is_that_of_a_table() -> None:
    message, table = "Resolver {}: Docker's default bridge", "resolver  {} (the host's)  127.0.0.11"
    seen = (message.format("10.0.0.2"), message.format("10.1.1.1, fd00::1"))
    assert all_hold(seen, (table.format("10.0.0.2"), table.format("10.1.1.1 fd00::1")))
    assert not all_hold(seen, (table.format("10.0.0.2"), table.format("10.0.0.2")))


def test_a_port_of_conntrack_is_the_one_in_an_address() -> None:
    seen = ("10.0.0.2:41000 -> 10.0.0.3:80", "10.0.0.2:50000 -> 10.0.0.3:80")
    assert all_hold(seen, ("sport=41000 dport=80", "sport=50000 dport=80"))
    assert not all_hold(seen, ("sport=41000 dport=80", "sport=50001 dport=80"))


def test_the_two_ends_of_a_cable_have_the_numbers_of_each_other() -> None:
    own = load(find(LABS)["02"]).rules
    page = ("8: eth0@if9: <UP>", "9: vethb622758@if8: <UP>")
    for inside, outside, right in (
        ("8: eth0@if9: <UP>", "9: veth0000001@if8: <UP>", True),  # Engine 26
        ("2: eth0@if705: <UP>", "705: veth0000001@if2: <UP>", True),  # Engine 28
        ("2: eth0@if705: <UP>", "706: veth0000001@if2: <UP>", False),
        ("2: eth0@if705: <UP>", "705: veth0000001@if3: <UP>", False),
    ):
        known = match_line(page[0], inside, Bindings(own))
        assert known
        assert (match_line(page[1], outside, known) is not None) is right


@pytest.mark.parametrize(("page", "real"), EXACT)
def test_what_no_rule_names_is_exact(page: str, real: str) -> None:
    assert holds(page, page)
    assert not holds(page, real)
