"""compose.yaml as a reader starts it: who answers whom, seen from inside and from outside."""

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.support.engine import Pair, docker

ASK = "import sys, requests; print(requests.get(sys.argv[1], timeout=20).text)"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def ask(pair: Pair, path: str) -> Any:
    """What the webapp answers to the client's container, by name and across the bridge."""
    return json.loads(pair.python("client", "-c", ASK, f"http://webapp:8000{path}"))


def test_the_client_calls_the_webapp_by_its_name(pair: Pair) -> None:
    call = [line for line in pair.logs("client") if line["event"] == "call"][-1]
    address = pair.end("webapp")["IPAddress"]
    assert (call["ok"], call["name"], call["address"], call["code"]) == (True, "webapp", address, 0)
    assert call["bridge"] == "user-defined"
    assert call["resolver"] == ["127.0.0.11"]
    assert call["answered_by"] == pair.inspect("webapp")["Config"]["Hostname"]


def test_both_services_are_healthy(pair: Pair) -> None:
    for service in ("webapp", "client"):
        assert pair.inspect(service)["State"]["Health"]["Status"] == "healthy", service


def test_the_page_answers_on_127_0_0_1_only(pair: Pair) -> None:
    published = pair.inspect("webapp")["NetworkSettings"]["Ports"]["8000/tcp"]
    assert {port["HostIp"] for port in published} == {"127.0.0.1"}
    status, text = get(f"{pair.url}/")
    assert (status, json.loads(text)["hostname"]) == (
        200, pair.inspect("webapp")["Config"]["Hostname"],
    )  # fmt: skip


def test_the_network_is_a_bridge_of_the_projects_own(pair: Pair) -> None:
    network = json.loads(docker("network", "inspect", pair.network).stdout)[0]
    assert network["Driver"] == "bridge"
    assert network["Labels"]["two-bridges"] == "pair"
    assert {pair.container("webapp"), pair.container("client")} <= set(network["Containers"])


def test_the_webapp_tells_who_answers_and_who_calls(pair: Pair) -> None:
    me, webapp = ask(pair, "/"), pair.end("webapp")
    assert me["hostname"] == pair.inspect("webapp")["Config"]["Hostname"]
    assert webapp["IPAddress"] in me["addresses"]
    assert me["gateway"] == webapp["Gateway"]
    assert me["resolver"]["nameservers"] == ["127.0.0.11"]
    assert me["bridge"]["kind"] == "user-defined"
    assert me["caller"]["address"] == pair.end("client")["IPAddress"]
    assert me["caller"]["name"] == f"{pair.project}-client-1.{pair.network}"
    ethernet = [one for one in me["interfaces"] if one["name"].startswith("eth")]
    assert f"{webapp['IPAddress']}/{webapp['IPPrefixLen']}" in json.dumps(ethernet)


def test_the_webapp_resolves_the_client_by_its_service_name(pair: Pair) -> None:
    found = ask(pair, "/resolve?name=client")
    assert found["addresses"] == [pair.end("client")["IPAddress"]]
    assert found["server"] == "127.0.0.11"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/resolve?name=no-such-host.invalid", 404),
        ("/resolve?name=a..b", 400),
        ("/delay/0.1", 200),
        ("/status/503", 503),
        ("/nowhere", 404),
    ],
)
def test_each_route_has_its_status(pair: Pair, path: str, status: int) -> None:
    assert get(pair.url + path)[0] == status


def test_metrics_count_each_request_once_over_all_workers(pair: Pair) -> None:
    """In the container, as the workers share files there in memory, on a root that is read-only."""

    def count() -> float:
        lines = get(f"{pair.url}/metrics")[1].splitlines()
        ours = [ln for ln in lines if ln.startswith("http_requests_total{") and "/status/" in ln]
        return sum(float(line.split()[-1]) for line in ours)

    before = count()
    for _ in range(12):
        assert get(f"{pair.url}/status/204")[0] == 204
    assert count() - before == 12
