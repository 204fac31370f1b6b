"""The record of callers: bounded, shared, of use after any damage, and never in an answer's way."""

import fcntl
import multiprocessing
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from dns.resolver import NXDOMAIN, Resolver
from flask.testing import FlaskClient

from tests.support.pair import COMPOSE
from tests.support.until import until
from webapp import callers, identity, names
from webapp.app import create_app

NOW = 1_800_000_000.0


class Names(Resolver):
    """Answers when it may: the client's name, and two addresses of the service."""

    def __init__(self) -> None:
        super().__init__(configure=False)
        self.nameservers = ["127.0.0.11"]
        self.may, self.asked = Event(), list[str]()

    def resolve_address(self, ipaddr: str, *args: Any, **kwargs: Any) -> Any:
        self.may.wait(60)
        self.asked.append(ipaddr)
        if ipaddr != "172.18.0.3":
            raise NXDOMAIN
        return ["client.two-bridges."]

    def resolve(self, qname: Any, *args: Any, **kwargs: Any) -> Any:
        self.may.wait(60)
        return ["172.18.0.2", "172.18.0.4"]


@pytest.fixture(autouse=True)
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(callers, "CALLS", tmp_path / "callers")
    monkeypatch.setattr(callers, "NAMES", tmp_path / "names")
    return tmp_path / "callers"


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """A container on a user-defined bridge, and its resolver."""
    made = Names()
    eth0 = {"name": "eth0", "mac": None, "addresses": ["172.18.0.2/16"]}
    monkeypatch.setattr(identity, "interfaces", lambda: [eth0])
    monkeypatch.setattr(names, "system_resolver", lambda: made)
    identity.look_around.cache_clear()
    yield made
    made.may.set()
    until(lambda: not callers.learning.locked())
    identity.look_around.cache_clear()


@pytest.fixture
def client() -> FlaskClient:
    return create_app({}).test_client()


def look(client: FlaskClient, accept: str = "*/*") -> Any:
    response = client.get("/?live", headers={"Accept": accept})
    assert response.status_code == 200
    return response.json if accept == "*/*" else response.text


def written() -> None:
    """Wait until each call is in the record, and its writer has let go of that."""
    until(lambda: not callers.pending)
    with callers.CALLS.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def count(*addresses: str, seconds: float = 0.1) -> None:
    """Count a call of each."""
    for address in addresses:
        callers.count(address, seconds)
    written()


def seen() -> list[tuple[str, int]]:
    return [(one["address"], one["calls"]) for one in callers.lately()]


def test_calls_are_counted_for_each_address_the_latest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    count("172.18.0.3", "fd00::3", "172.18.0.3", "172.18.0.33", seconds=0.00444)
    assert seen() == [("172.18.0.33", 1), ("172.18.0.3", 2), ("fd00::3", 1)]
    assert callers.lately()[1] == {
        "address": "172.18.0.3",
        "calls": 2,
        "last": NOW,
        "seconds": 0.00444,
    }


def test_who_is_silent_for_a_minute_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    monkeypatch.setattr(time, "time", lambda: now)
    count("172.18.0.3")
    now = NOW + 60
    assert seen() == [("172.18.0.3", 1)]
    now = NOW + 61
    assert seen() == []
    count("172.18.0.3")
    assert seen() == [("172.18.0.3", 1)]


def test_of_thousands_of_callers_the_latest_64_are_kept(record: Path, client: FlaskClient) -> None:
    count(*(f"172.18.{number // 250}.{number % 250}" for number in range(3000)))
    kept = [f"172.18.11.{number}" for number in range(249, 185, -1)]
    assert seen() == [(address, 1) for address in kept]
    assert record.stat().st_size == 64 * callers.ROW.size
    page = client.get("/", headers={"Accept": "text/html"}).text
    assert len(page) < 40_000
    assert "Drawn: the latest 8 of 64 callers." in page


def hammer(folder: Path, number: int) -> None:
    callers.CALLS = folder
    for _ in range(300):
        callers.count("172.18.0.3", 0.1)
        callers.count(f"172.18.1.{number}", 0.1)


def test_no_call_is_lost_between_processes(record: Path) -> None:
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=hammer, args=(record, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert dict(seen())["172.18.0.3"] == 4 * 300
    assert sorted(seen())[1:] == [(f"172.18.1.{number}", 300) for number in range(4)]


def row(address: bytes, calls: int = 1, ago: float = 0.0, seconds: float = 0.1) -> bytes:
    return callers.ROW.pack(address, calls, time.time() - ago, seconds)


DAMAGED = {
    "empty": lambda: b"",
    "noise": lambda: random.Random(7).randbytes(10_000),
    "half a row": lambda: row(b"172.18.0.3")[:60],
    "text": lambda: b"<b>x</b>" * 1000,
    "no address": lambda: row(b"<script>alert(1)</script>"),
    "no text": lambda: row(b"\xff\xfe"),
    "the future": lambda: row(b"172.18.0.3", ago=-3600),
    "no time": lambda: row(b"172.18.0.3", ago=float("nan")),
    "took for ever": lambda: row(b"172.18.0.9", seconds=float("inf")),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_shows_nothing_and_heals(
    record: Path, damage: Any, client: FlaskClient
) -> None:
    record.write_bytes(damage())
    assert look(client)["callers"] == []
    assert "none yet" in look(client, "text/html")
    for _ in range(2):
        count("172.18.0.3")
    assert seen()[0] == ("172.18.0.3", 2)


@pytest.mark.parametrize("where", ["/dev/null/callers", "/dev/full", "/"], ids=str)
def test_a_record_that_cannot_be_written_costs_no_answer(
    monkeypatch: pytest.MonkeyPatch, client: FlaskClient, where: str
) -> None:
    monkeypatch.setattr(callers, "CALLS", Path(where))
    for _ in range(2):
        callers.count("172.18.0.3", 0.1)
        until(lambda: not callers.writing.locked())
    assert look(client)["callers"] == []
    assert "none yet" in look(client, "text/html")
    callers.pending.clear()


def test_names_are_learnt_aside_and_no_request_waits(resolver: Names, client: FlaskClient) -> None:
    count("172.18.0.3", "172.18.0.9", "172.18.0.2")
    for _ in range(3):  # while the resolver is silent
        assert [one["name"] for one in look(client)["callers"]] == [None, None, None]
    assert not callers.NAMES.exists()
    resolver.may.set()
    found = until(lambda: (net := look(client))["service"]["addresses"] and net)
    assert found["service"] == {"name": "webapp", "addresses": ["172.18.0.2", "172.18.0.4"]}
    by_address = {one["address"]: (one["name"], one["note"]) for one in found["callers"]}
    assert by_address["172.18.0.3"] == ("client.two-bridges", None)
    assert by_address["172.18.0.9"] == (None, "Docker's resolver knows no name for it")
    page = look(client, "text/html")
    assert "client.two-bridges" in page
    assert "one of 2 replicas" in page
    assert re.search(r"one of 2\s+that the name <code>webapp</code> has", page)


def test_names_are_asked_for_once_a_second_and_at_once_for_a_newcomer(
    monkeypatch: pytest.MonkeyPatch, resolver: Names, client: FlaskClient
) -> None:
    resolver.may.set()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)

    def asked() -> list[str]:
        look(client)
        until(lambda: not callers.learning.locked())
        done = resolver.asked.copy()
        resolver.asked.clear()
        if callers.NAMES.exists():
            os.utime(callers.NAMES, (now, now)) if done else None
        return done

    count("172.18.0.3")
    assert asked() == ["172.18.0.3"]
    now += 0.9
    assert asked() == []
    count("172.18.0.9")
    assert asked() == ["172.18.0.9", "172.18.0.3"]
    now += 1.1
    assert asked() == ["172.18.0.9", "172.18.0.3"]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"no-blank-here\n", b"{}\n"], ids=str)
def test_damaged_names_are_learnt_anew(resolver: Names, client: FlaskClient, text: bytes) -> None:
    callers.NAMES.write_bytes(text)
    resolver.may.set()
    until(lambda: look(client)["service"]["addresses"])


def test_names_that_cannot_be_kept_cost_no_answer(
    monkeypatch: pytest.MonkeyPatch, resolver: Names, client: FlaskClient
) -> None:
    monkeypatch.setattr(callers, "NAMES", Path("/dev/null/names"))
    count("172.18.0.3")
    resolver.may.set()
    for times in range(1, 4):
        assert look(client)["callers"][0]["name"] is None
        until(lambda times=times: len(resolver.asked) == times)  # type: ignore[misc]
        until(lambda: not callers.learning.locked())


def test_a_name_with_html_in_it_is_text(resolver: Names, client: FlaskClient) -> None:
    count("172.18.0.3")
    callers.NAMES.write_text("172.18.0.3 <img\\032src=x>\nwebapp <b>x</b> <i>y</i>\n")
    page = look(client, "text/html")
    assert "&lt;img\\032src=x&gt;" in page
    assert not re.search("<(img|b|i)[ >]", page)


def test_who_has_left_is_drawn_as_gone(
    monkeypatch: pytest.MonkeyPatch, resolver: Names, client: FlaskClient
) -> None:
    """Docker's resolver forgets a container at once; only who is silent too has left."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    count("172.18.0.9")
    callers.NAMES.write_text("webapp 172.18.0.2\n172.18.0.9 \n")
    assert 'class="box gone"' not in look(client, "text/html")
    now += 2.1
    page = look(client, "text/html")
    assert 'class="box gone"' in page
    assert "has left" in page


ETH0 = {"name": "eth0", "addresses": ["172.18.0.2/16", "fe80::2/64"]}
ETH1 = {"name": "eth1", "addresses": ["fd00::2/64", "172.19.0.2/16"]}
LO = {"name": "lo", "addresses": ["127.0.0.1/8", "::1/128"]}


@pytest.mark.parametrize(
    ("interfaces", "gateway", "expected"),
    [
        ([LO, ETH0], "172.18.0.1", {"eth0": ["172.18.0.3", "172.19.0.3", "192.0.2.7", "fd00::7"]}),
        (
            [LO, ETH0, ETH1],
            "172.19.0.1",
            {"eth1": ["172.19.0.3", "192.0.2.7", "fd00::7"], "eth0": ["172.18.0.3"]},
        ),
        ([LO, ETH0, ETH1], None, {"eth0": ["172.18.0.3", "192.0.2.7"],
                                  "eth1": ["172.19.0.3", "fd00::7"]}),
        ([LO], None, {}),
    ],
    ids=["one", "two", "no gateway", "loopback only"],
)  # fmt: skip
def test_a_caller_is_behind_its_network_or_the_gateway(
    interfaces: list[dict[str, Any]], gateway: str | None, expected: dict[str, list[str]]
) -> None:
    calling = ["fd00::7", "192.0.2.7", "172.19.0.3", "127.0.0.1", "172.18.0.3"]
    net = {
        "interfaces": interfaces,
        "addresses": ["172.18.0.2", "fd00::2", "172.19.0.2"],
        "gateway": gateway,
        "callers": [{"address": address} for address in calling],
    }
    found = identity.networks(net)
    drawn = {one["name"]: [c["address"] for c in one["callers"]] for one in found}
    assert list(drawn.items()) == list(expected.items())
    assert [one["gateway"] for one in found if one["gateway"]] == [True] * bool(gateway)


def test_the_service_is_named_as_in_the_compose_file() -> None:
    assert callers.SERVICE in COMPOSE
