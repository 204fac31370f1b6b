"""compose.yaml and its override, as a reader starts them."""

from __future__ import annotations

import json
import urllib.request

import pytest
from conftest import docker


def last_call(pair):
    lines = pair.logs("client")
    calls = [json.loads(line) for line in lines if line.startswith("{")]
    return [call for call in calls if call["event"] == "call"][-1]


def test_the_client_calls_the_webapp_by_its_name(pair):
    call = last_call(pair)
    address = pair.inspect("webapp")["NetworkSettings"]["Networks"][pair.network]["IPAddress"]
    assert (call["ok"], call["name"], call["address"], call["code"]) == (True, "webapp", address, 0)
    assert call["bridge"] == "user-defined"
    assert call["resolver"] == ["127.0.0.11"]
    assert call["answered_by"] == pair.inspect("webapp")["Config"]["Hostname"]


def test_both_services_are_healthy(pair):
    health = {
        name: pair.inspect(name)["State"]["Health"]["Status"] for name in ("webapp", "client")
    }
    assert health == {"webapp": "healthy", "client": "healthy"}


def test_the_page_answers_on_127_0_0_1_only(pair):
    published = pair.inspect("webapp")["NetworkSettings"]["Ports"]["8000/tcp"]
    assert {port["HostIp"] for port in published} == {"127.0.0.1"}
    with urllib.request.urlopen(f"http://127.0.0.1:{published[0]['HostPort']}/") as answer:
        assert json.load(answer)["hostname"] == pair.inspect("webapp")["Config"]["Hostname"]


def test_the_network_is_a_bridge_of_the_projects_own(pair):
    network = json.loads(docker("network", "inspect", pair.network).stdout)[0]
    assert network["Driver"] == "bridge"
    assert network["Labels"]["two-bridges"] == "pair"
    assert len(network["Containers"]) == 2


def test_the_client_recovers_when_the_webapp_comes_back_elsewhere(make_pair):
    pair = make_pair(CLIENT_FORMAT="json", CLIENT_INTERVAL="0.2", CLIENT_BACKOFF_MAX="0.5")
    pair.compose("up", "--detach", "--wait")
    before = last_call(pair)
    pair.compose("rm", "--stop", "--force", "webapp")
    # Takes the address that is free now, so that the new webapp gets another one.
    squatter = docker(
        "run", "--detach", "--label", "two-bridges=test", "--network", pair.network,
        "alpine", "sleep", "60",
    ).stdout.strip()  # fmt: skip
    try:
        pair.compose("up", "--detach", "--wait")
        after = last_call(pair)
    finally:
        docker("rm", "--force", squatter)
    assert after["ok"]
    assert after["address"] != before["address"]
    assert after["answered_by"] != before["answered_by"]


@pytest.fixture(scope="module")
def default_bridge(make_pair):
    """The pair with the override, and what `up --wait` said of it."""
    pair = make_pair(
        ("compose.yaml", "compose.default-bridge.yaml"),
        CLIENT_FORMAT="json", CLIENT_BACKOFF_MAX="1",
    )  # fmt: skip
    return pair, pair.compose("up", "--detach", "--wait", check=False)


def test_on_the_default_bridge_up_wait_fails_because_the_client_is_unhealthy(default_bridge):
    pair, up = default_bridge
    assert up.returncode == 1
    assert "client" in up.stderr
    assert "unhealthy" in up.stderr
    assert pair.inspect("client")["State"]["Health"]["Status"] == "unhealthy"
    assert pair.inspect("webapp")["State"]["Health"]["Status"] == "healthy"


def test_on_the_default_bridge_the_client_says_that_the_name_does_not_resolve(default_bridge):
    call = last_call(default_bridge[0])
    assert (call["ok"], call["step"], call["code"]) == (False, "resolve", 6)
    assert call["bridge"] == "default"
    assert "docker network create" in call["cure"]


def test_with_the_override_both_are_on_docker0_and_nowhere_else(default_bridge):
    for service in ("webapp", "client"):
        networks = default_bridge[0].inspect(service)["NetworkSettings"]["Networks"]
        assert list(networks) == ["bridge"]


def test_on_the_default_bridge_the_client_is_answered_by_address(default_bridge):
    pair, _ = default_bridge
    address = pair.inspect("webapp")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert pair.ask("/healthz", host=address).status == 200
