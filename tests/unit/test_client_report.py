"""What is printed: lines and summary, for people and for programs."""

import json
from datetime import UTC, datetime

import pytest

from client.call import Result
from client.report import ADDRESSES, LATENCIES, Summary, json_line, percentile, text_line
from client.resolver import Resolver
from client.trouble import Code, Trouble

OWN = Resolver(("127.0.0.11",), "user-defined")
DEFAULT = Resolver(("192.168.65.7",), "default")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LOCAL = f"{NOON.astimezone():%H:%M:%S}"


def answered(ms: float = 3.14, address: str = "172.18.0.2") -> Result:
    return Result(1, 1, (address,), address, 200, "0c8f1a2b3c4d", None, None, ms, NOON)


def failed(trouble: Trouble, **known) -> Result:
    return Result(2, 1, trouble=trouble, error="reason", time=NOON, **known)


def test_the_line_of_an_answer():
    assert text_line(answered(), "webapp", OWN) == (
        f"{LOCAL}  webapp -> 172.18.0.2  200 in 3.1 ms  answered by 0c8f1a2b3c4d"
    )


def test_the_line_of_an_answer_that_took_three_attempts_and_names_nobody():
    result = answered()
    result.attempts, result.answered_by = 3, None
    assert text_line(result, "webapp", OWN) == (
        f"{LOCAL}  webapp -> 172.18.0.2  200 in 3.1 ms, 3 attempts"
    )


def test_the_line_of_a_name_that_does_not_resolve_on_the_default_bridge():
    assert text_line(failed(Trouble.UNRESOLVED), "webapp", DEFAULT) == (
        f"{LOCAL}  webapp  FAILED to resolve (exit 6): reason. Resolver 192.168.65.7: "
        "Docker's default bridge, which has no DNS for container names. "
        "Put both containers on a network of your own: docker network create my-net"
    )


def test_the_line_of_a_refused_connection_after_retries():
    result = failed(Trouble.REFUSED, address="172.18.0.2", addresses=("172.18.0.2",))
    result.attempts = 2
    assert text_line(result, "webapp", OWN) == (
        f"{LOCAL}  webapp -> 172.18.0.2  FAILED to connect (exit 7, 2 attempts): reason. "
        "Resolver 127.0.0.11: Docker's own DNS, so a user-defined network. "
        "Check that it listens on 0.0.0.0, on its container's own port"
    )


def test_the_json_line_of_an_answer():
    assert json.loads(json_line(answered(), "webapp", "http://webapp:8000/", OWN)) == {
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


def test_the_json_line_of_a_failure_has_the_same_keys():
    good = json.loads(json_line(answered(), "webapp", "http://webapp:8000/", OWN))
    bad = json.loads(
        json_line(failed(Trouble.UNRESOLVED), "webapp", "http://webapp:8000/", DEFAULT)
    )
    assert list(bad) == list(good)
    changed = {key: bad[key] for key in bad if bad[key] != good[key]}
    assert changed == {
        "n": 2,
        "ok": False,
        "step": "resolve",
        "code": 6,
        "status": None,
        "address": None,
        "addresses": [],
        "ms": 0.0,
        "answered_by": None,
        "error": "reason",
        "resolver": ["192.168.65.7"],
        "bridge": "default",
        "cure": "Put both containers on a network of your own: docker network create my-net",
    }


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [([7], 7, 7), ([1, 2], 1, 2), ([1, 2, 3], 2, 3), (range(1, 101), 50, 95)],
    ids=["one", "two", "three", "hundred"],
)
def test_percentiles_are_nearest_rank(values, p50, p95):
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (p50, p95)


def summary_of(*results: Result) -> Summary:
    summary = Summary()
    for result in results:
        summary.add(result)
    return summary


def test_the_summary_for_people():
    summary = summary_of(
        failed(Trouble.UNRESOLVED),
        failed(Trouble.REFUSED, address="172.18.0.9", addresses=("172.18.0.9",)),
        answered(30),
        answered(10),
        answered(20, "172.18.0.3"),
    )
    assert summary.text() == (
        "5 calls: 3 answered, 2 failed (1 resolve, 1 connect)\n"
        "p50 20.0 ms, p95 30.0 ms, max 30.0 ms\n"
        "resolved to: 172.18.0.9, 172.18.0.2, 172.18.0.3; answered from: 172.18.0.2, 172.18.0.3"
    )


def test_the_summary_for_people_when_nothing_was_answered():
    assert summary_of(failed(Trouble.UNRESOLVED)).text() == (
        "1 call: 0 answered, 1 failed (1 resolve)\nresolved to: none; answered from: none"
    )


def test_the_summary_for_programs_counts_each_kind_of_failure():
    summary = summary_of(*(failed(trouble) for trouble in Trouble), answered(5))
    assert json.loads(summary.json(Code.STATUS)) == {
        "event": "summary",
        "calls": 10,
        "answered": 1,
        "failed": {"resolve": 1, "connect": 4, "status": 2, "timeout": 2},
        "latency_ms": {"p50": 5, "p95": 5, "max": 5},
        "addresses": {"seen": ["172.18.0.2"], "used": ["172.18.0.2"]},
        "code": 22,
    }


def test_the_summary_for_programs_of_no_calls():
    summary = json.loads(Summary().json(Code.ANSWERED))
    assert summary["latency_ms"] == {"p50": None, "p95": None, "max": None}
    assert summary["failed"] == {"resolve": 0, "connect": 0, "status": 0, "timeout": 0}


def test_a_summary_remembers_the_last_code_and_the_last_failed_one():
    summary = summary_of(failed(Trouble.SLOW), failed(Trouble.REFUSED), answered())
    assert (summary.last, summary.last_failed) == (0, 7)


def test_a_service_that_runs_for_ever_does_not_grow():
    summary = summary_of(answered(1e6), *(answered(n, f"10.0.{n}.1") for n in range(LATENCIES)))
    assert summary.calls == LATENCIES + 1
    assert summary.latency()["max"] == LATENCIES - 1  # the oldest is forgotten
    assert len(json.loads(summary.json(Code.ANSWERED))["addresses"]["seen"]) == ADDRESSES
