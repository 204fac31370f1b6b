"""Every route of the webapp, asked by name across the bridge."""

from __future__ import annotations

import json

import pytest
from conftest import docker


def test_root_tells_who_answers_and_who_calls(pair):
    me = pair.ask("/").json
    webapp, client = (
        pair.inspect(name)["NetworkSettings"]["Networks"][pair.network]
        for name in ("webapp", "client")
    )
    assert me["hostname"] == pair.inspect("webapp")["Config"]["Hostname"]
    assert webapp["IPAddress"] in me["addresses"]
    assert me["gateway"] == webapp["Gateway"]
    assert me["resolver"]["nameservers"] == ["127.0.0.11"]
    assert me["bridge"]["kind"] == "user-defined"
    assert me["caller"]["address"] == client["IPAddress"]
    assert me["caller"]["name"] == f"{pair.project}-client-1.{pair.network}"
    ethernet = [one for one in me["interfaces"] if one["name"].startswith("eth")]
    assert f"{webapp['IPAddress']}/{webapp['IPPrefixLen']}" in json.dumps(ethernet)


def test_root_is_a_page_for_a_browser(pair):
    page = pair.ask("/", Accept="text/html")
    assert page.headers["Content-Type"].startswith("text/html")
    assert pair.inspect("webapp")["Config"]["Hostname"] in page.text
    assert "127.0.0.11" in page.text


def test_resolve_finds_the_client_by_its_service_name(pair):
    found = pair.ask("/resolve?name=client")
    address = pair.inspect("client")["NetworkSettings"]["Networks"][pair.network]["IPAddress"]
    assert found.status == 200
    assert found.json["addresses"] == [address]
    assert found.json["server"] == "127.0.0.11"
    assert 0 < found.json["milliseconds"] < 2000


@pytest.mark.parametrize(
    ("name", "status"),
    [("no-such-host.invalid", 404), ("-client", 400), ("a..b", 400), ("", 400)],
    ids=["unknown", "hyphen", "empty-label", "empty"],
)
def test_resolve_says_how_a_name_failed(pair, name, status):
    answer = pair.ask(f"/resolve?name={name}")
    assert answer.status == status, answer.text


def test_probes(pair):
    assert pair.ask("/healthz").status == 200
    assert pair.ask("/readyz").status == 200


def count(pair, route):
    lines = pair.ask("/metrics").text.splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("http_requests_total{") and f'route="{route}"' in line
    )


def test_metrics_count_each_request_once_over_all_workers(pair):
    before = count(pair, "/status/<code>")
    for _ in range(12):
        assert pair.ask("/status/204").status == 204
    assert count(pair, "/status/<code>") - before == 12


def test_delay_and_status_are_bounded(pair):
    assert pair.ask("/delay/0.3").status == 200
    assert pair.ask("/delay/1000").status == 400
    assert pair.ask("/status/503").status == 503
    assert pair.ask("/status/999").status == 400


def test_fault_routes_are_off_unless_turned_on(start):
    webapp = start("two-bridges-webapp")
    probe = (
        "import time, http.client as h\n"
        "for _ in range(100):\n"
        "    try:\n"
        "        c = h.HTTPConnection('127.0.0.1', 8000); c.request('GET', '/delay/0')\n"
        "        print(c.getresponse().status); break\n"
        "    except OSError: time.sleep(0.1)\n"
    )
    assert docker("exec", webapp, "python", "-c", probe).stdout.strip() == "404"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", "", 404),
        ("POST", "/", "", 405),
        ("POST", "/", "x" * 20_000, 413),
    ],
    ids=["unknown-path", "wrong-method", "oversized-body"],
)
def test_refusals_are_short_and_tell_no_stack(pair, method, path, body, status):
    answer = pair.ask(path, method, body)
    assert answer.status == status
    assert answer.json["error"]["status"] == status
    assert len(answer.text) < 500
    assert "Traceback" not in answer.text
    page = pair.ask(path, method, body, Accept="text/html")
    assert page.status == status
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [("/" + "x" * 9000, "", 414), ("/", "x" * 20_000, 431)],
    ids=["request-line", "header"],
)
def test_oversized_requests_are_refused_by_the_server(pair, path, header, status):
    answer = pair.ask(path, **({"X-Big": header} if header else {}))
    assert answer.status in (400, status)
    assert "Traceback" not in answer.text


def test_the_access_log_is_json_without_probes(pair):
    pair.ask("/nowhere-in-the-log")
    pair.ask("/healthz")
    lines = pair.logs("webapp")
    requests = [json.loads(line) for line in lines if line.startswith("{")]
    paths = [line.get("path") for line in requests]
    assert "/nowhere-in-the-log" in paths
    assert not {"/healthz", "/readyz", "/metrics"} & set(paths)
    one = next(line for line in requests if line.get("path") == "/nowhere-in-the-log")
    assert (one["method"], one["status"]) == ("GET", 404)
