"""What is printed: lines and summary, for people and for programs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from client.call import CAUSES
from client.report import ADDRESSES, LATENCIES, Result, Summary, json_line, plain, text_line
from client.resolver import DEFAULT, USER_DEFINED, Resolver

OWN = Resolver(("127.0.0.11",), *USER_DEFINED)
HOSTS = Resolver(("192.168.65.7",), *DEFAULT)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LOCAL = f"{NOON.astimezone():%H:%M:%S}"
REFUSED: dict[str, Any] = {"step": "connect", "code": 7, "cure": CAUSES[0][3], "error": "reason"}


def result(address: str | None = None, **known: Any) -> Result:
    known = {"addresses": (address,) if address else (), "time": NOON} | known
    return Result(1, "http://webapp:8000/", "webapp", address=address, **known)


def answered(ms: float = 3.14, address: str = "172.18.0.2", **known: Any) -> Result:
    return result(address, status=200, answered_by="0c8f1a2b3c4d", ms=ms, **known)


def unresolved() -> Result:
    return result(step="resolve", code=6, error="reason")


def test_the_line_of_an_answer() -> None:
    assert text_line(answered(), OWN) == (
        f"{LOCAL}  webapp -> 172.18.0.2  200 in 3.1 ms  answered by 0c8f1a2b3c4d"
    )


def test_the_line_of_an_answer_that_took_three_attempts_and_names_nobody() -> None:
    said = result("172.18.0.2", status=200, ms=3.14, attempts=3)
    assert text_line(said, OWN) == f"{LOCAL}  webapp -> 172.18.0.2  200 in 3.1 ms, 3 attempts"


def test_the_line_of_a_name_that_does_not_resolve_on_the_default_bridge() -> None:
    assert text_line(unresolved(), HOSTS) == (
        f"{LOCAL}  webapp  FAILED to resolve (exit 6): reason. Resolver 192.168.65.7: "
        "Docker's default bridge, which has no DNS for container names. "
        "Put both containers on a network of your own: docker network create app-net"
    )


def test_on_a_terminal_a_failure_is_folded_at_its_sentences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped = text_line(unresolved(), HOSTS)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = text_line(unresolved(), HOSTS).split("\n  ")
    assert [line.partition(" ")[0] for line in lines] == [LOCAL, "Resolver", "Put"]
    assert " ".join(lines) == piped
    assert "\n" not in text_line(answered(), OWN)


def test_the_line_of_a_refused_connection_after_retries() -> None:
    assert text_line(result("172.18.0.2", attempts=2, **REFUSED), OWN) == (
        f"{LOCAL}  webapp -> 172.18.0.2  FAILED to connect (exit 7, 2 attempts): reason. "
        "Resolver 127.0.0.11: Docker's own DNS, so a user-defined network. "
        "Check that it listens on 0.0.0.0, on its container's own port, and still has that address"
    )


def test_a_resolver_that_is_no_address_does_not_reach_the_terminal() -> None:
    hostile = Resolver(("\x1b[31m",), *DEFAULT)
    assert "Resolver ?[31m: Docker" in text_line(unresolved(), hostile)
    assert "Resolver unknown: Docker" in text_line(unresolved(), Resolver((), *DEFAULT))


def test_the_json_line_of_an_answer() -> None:
    assert json.loads(json_line(answered(), OWN)) == {
        "event": "call",
        "time": "2024-05-01T12:00:00.000+00:00",
        "n": 1,
        "attempts": 1,
        "url": "http://webapp:8000/",
        "name": "webapp",
        "ok": True,
        "step": "ask",
        "code": 0,
        "status": 200,
        "address": "172.18.0.2",
        "addresses": ["172.18.0.2"],
        "ms": 3.14,
        "answered_by": "0c8f1a2b3c4d",
        "error": None,
        "resolver": ["127.0.0.11"],
        "bridge": "user-defined",
        "cure": None,
    }


def test_the_json_line_of_a_failure_has_the_same_keys() -> None:
    good, bad = (json.loads(json_line(r, OWN)) for r in (answered(), unresolved()))
    assert list(bad) == list(good)
    changed = {key: bad[key] for key in bad if bad[key] != good[key]}
    assert changed == {
        "ok": False,
        "step": "resolve",
        "code": 6,
        "status": None,
        "address": None,
        "addresses": [],
        "ms": 0.0,
        "answered_by": None,
        "error": "reason",
        "cure": "Check that a container of that name or alias runs on this same network",
    }


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [([7], 7, 7), ([1, 2], 1, 2), ([1, 2, 3], 2, 3), (range(1, 101), 50, 95)],
    ids=["one", "two", "three", "hundred"],
)
def test_percentiles_are_nearest_rank(values: list[float], p50: float, p95: float) -> None:
    latency = summary_of(*map(answered, values)).latency()
    assert (latency["p50"], latency["p95"], latency["max"]) == (p50, p95, max(values))


def summary_of(*results: Result) -> Summary:
    summary = Summary()
    for each in results:
        summary.add(each)
    return summary


def test_the_summary_for_people() -> None:
    summary = summary_of(
        unresolved(),
        result("172.18.0.9", **REFUSED),
        answered(30),
        answered(10),
        answered(20, "172.18.0.3"),
    )
    assert summary.text() == (
        "5 calls: 3 answered, 2 failed (1 resolve, 1 connect)\n"
        "p50 20.0 ms, p95 30.0 ms, max 30.0 ms\n"
        "resolved to: 172.18.0.9, 172.18.0.2, 172.18.0.3; answered from: 172.18.0.2, 172.18.0.3"
    )


def test_the_summary_for_people_when_nothing_was_answered() -> None:
    assert summary_of(unresolved()).text() == (
        "1 call: 0 answered, 1 failed (1 resolve)\nresolved to: none; answered from: none"
    )


def test_the_summary_for_programs_counts_each_kind_of_failure() -> None:
    failed = [result(step=step, code=code) for _, step, code, _ in CAUSES]
    assert json.loads(summary_of(*failed, result(code=22), answered(5)).json(22)) == {
        "event": "summary",
        "calls": 9,
        "answered": 1,
        "failed": {"resolve": 1, "connect": 4, "status": 1, "timeout": 2},
        "latency_ms": {"p50": 5, "p95": 5, "max": 5},
        "addresses": {"seen": ["172.18.0.2"], "used": ["172.18.0.2"]},
        "code": 22,
    }


def test_the_summary_for_programs_of_no_calls() -> None:
    summary = json.loads(Summary().json(0))
    assert summary["latency_ms"] == {"p50": None, "p95": None, "max": None}
    assert summary["failed"] == {"resolve": 0, "connect": 0, "status": 0, "timeout": 0}


def test_a_summary_remembers_the_last_code_and_the_last_failed_one() -> None:
    summary = summary_of(unresolved(), result(**REFUSED), answered())
    assert (summary.last, summary.last_failed) == (0, 7)


def test_a_service_that_runs_for_ever_does_not_grow() -> None:
    summary = summary_of(answered(1e6), *(answered(n, f"10.0.{n}.1") for n in range(LATENCIES)))
    assert summary.calls == LATENCIES + 1
    assert summary.latency()["max"] == LATENCIES - 1  # the oldest is forgotten
    addresses = json.loads(summary.json(0))["addresses"]
    assert (len(addresses["seen"]), len(addresses["used"])) == (ADDRESSES, ADDRESSES)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("a\nb\r\tc", "a?b??c"),
        ("\x1b[2Jx\x7f", "?[2Jx?"),
        ("h\u00e9\u202e\ud800", "h???"),
        ("x" * 300, "x" * 200),
    ],
    ids=["plain", "newlines", "escape", "not-ascii", "long"],
)
def test_foreign_text_is_shown_as_printable_ascii_on_one_line(text: str, shown: str) -> None:
    assert plain(text) == shown
