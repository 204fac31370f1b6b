"""SIGTERM: what is under way is finished, and both containers are gone quickly, with exit 0."""

from __future__ import annotations

import json
import time

import pytest
from conftest import docker


@pytest.fixture
def own_pair(make_pair):
    pair = make_pair(WEBAPP_FAULTS="on", CLIENT_FORMAT="json")
    pair.compose("up", "--detach", "--wait")
    return pair


def test_a_slow_request_is_finished_and_both_stop_in_3_seconds_with_exit_0(own_pair):
    # The request comes from a container of its own: the client's is stopped too.
    caller = docker(
        "run", "--detach", "--label", "two-bridges=test", "--network", own_pair.network,
        "two-bridges-client", "--format", "json", "http://webapp:8000/delay/1.5",
    ).stdout.strip()  # fmt: skip
    time.sleep(0.9)
    containers = [own_pair.container("webapp"), own_pair.container("client")]
    started = time.monotonic()
    docker("stop", *containers)
    seconds = time.monotonic() - started
    try:
        answered = docker("wait", caller).stdout.strip()
        line = json.loads(docker("logs", caller).stdout.splitlines()[0])
    finally:
        docker("rm", "--force", caller)
    assert (answered, line["status"]) == ("0", 200)
    assert seconds < 3
    for service in ("webapp", "client"):
        assert own_pair.inspect(service)["State"]["ExitCode"] == 0, service
        assert not own_pair.inspect(service)["State"]["OOMKilled"]


def test_the_client_says_its_summary_when_it_is_stopped(own_pair):
    docker("stop", own_pair.container("client"))
    lines = own_pair.logs("client")
    summary = json.loads(lines[-1])
    assert summary["event"] == "summary"
    assert summary["calls"] == summary["answered"] > 0
    assert summary["addresses"]


def test_ready_turns_false_before_the_server_closes(make_pair):
    pair = make_pair(WEBAPP_DRAIN_SECONDS="3")
    pair.compose("up", "--detach", "--wait")
    assert pair.ask("/readyz").status == 200
    docker("kill", "--signal", "TERM", pair.container("webapp"))
    time.sleep(0.5)
    assert pair.ask("/readyz").status == 503
    assert pair.ask("/healthz").status == 200
    assert pair.ask("/").headers["Connection"] == "close"
