import json
import re
from datetime import datetime, timedelta

import pytest

from webapp import probes
from webapp.app import create_app
from webapp.settings import Settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def app():
    return create_app(Settings(faults=True))


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/resolve?name=localhost", "/nope"])
@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (BROWSER, "text/html"),
        ("text/*", "text/html"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("image/png", "application/json"),
        (None, "application/json"),
    ],
    ids=["browser", "any text", "curl", "json", "neither", "no header"],
)
def test_html_for_browsers_json_for_everyone_else(client, path, accept, mimetype):
    response = client.get(path, headers={"Accept": accept} if accept else {})
    assert response.mimetype == mimetype
    assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", [BROWSER, "*/*"], ids=["html", "json"])
@pytest.mark.parametrize("path", ["/", "/resolve?name=localhost", "/nope", "/healthz"])
def test_every_answer_carries_the_security_headers(client, path, accept):
    headers = client.get(path, headers={"Accept": accept}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/resolve?name=localhost", "/resolve", "/nope"])
def test_pages_need_nothing_that_the_policy_forbids(client, path):
    page = client.get(path, headers={"Accept": BROWSER}).text
    assert '<html lang="en">' in page
    assert not re.search(r"<script|<style| style=| on[a-z]+=", page)
    for url in re.findall(r'(?:src|href|action)="([^"]*)"', page):
        with client.get(url) as response:
            assert response.status_code in (200, 400), url


@pytest.mark.parametrize("path", ["/", "/resolve?name=localhost"])
def test_the_pages_have_a_labelled_form_without_javascript(client, path):
    page = client.get(path, headers={"Accept": BROWSER}).text
    assert '<form action="/resolve">' in page
    assert '<label for="name">' in page
    assert re.search(r'<input id="name" name="name"[^>]*', page)


def test_what_a_caller_sends_is_text_on_the_page(client):
    page = client.get("/resolve", query_string={"name": '"><b>x'}, headers={"Accept": BROWSER}).text
    assert "<b>" not in page
    assert "&lt;b&gt;x" in page


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nope", 404, "Not Found"),
        ("POST", "/", 405, "Method Not Allowed"),
        ("BREW", "/", 405, "Method Not Allowed"),
        ("GET", "/static/../app.py", 404, "Not Found"),
    ],
)
def test_an_error_says_status_reason_and_detail(client, method, path, status, reason):
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.json.keys() == {"error"}
    error = response.json["error"]
    assert (error["status"], error["reason"]) == (status, reason)
    assert error["detail"]


def test_405_says_what_is_allowed(client):
    assert set(client.post("/").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("accept", [BROWSER, "*/*"], ids=["html", "json"])
def test_an_unhandled_exception_is_in_the_log_not_in_the_answer(capsys, accept):
    app = create_app(Settings())

    @app.get("/broken")
    def broken():
        raise RuntimeError("the cause")

    response = app.test_client().get("/broken", headers={"Accept": accept})
    assert response.status_code == 500
    assert "Internal Server Error" in response.text
    assert "cause" not in response.text

    failure, access = map(json.loads, capsys.readouterr().out.splitlines())
    assert failure["level"] == "error"
    assert failure["message"] == "Exception on /broken [GET]"
    assert "RuntimeError: the cause" in failure["traceback"]
    assert access["status"] == 500


@pytest.mark.parametrize("path", ["/", "/healthz", "/nope"])
@pytest.mark.parametrize(("size", "refused"), [(16 * 1024, False), (16 * 1024 + 1, True)])
def test_a_large_body_is_refused_everywhere(client, path, size, refused):
    response = client.post(path, data=b"x" * size)
    assert (response.status_code == 413) is refused


def test_probes(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_a_stopping_worker_is_alive_but_not_ready(client, monkeypatch):
    monkeypatch.setattr(probes.stopping, "is_set", lambda: True)
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "stopping"})


@pytest.mark.parametrize("path", ["/delay/0", "/status/200"])
def test_faults_are_off_unless_asked_for(path):
    assert create_app(Settings()).test_client().get(path).status_code == 404


def test_delay(client):
    assert client.get("/delay/0.01").json == {"delayed_seconds": 0.01}


@pytest.mark.parametrize("seconds", ["-1", "10.1", "nan", "inf", "1e0", "soon", "1_0", "%20"])
def test_delay_refuses_what_is_not_0_to_10_seconds(client, seconds):
    response = client.get(f"/delay/{seconds}")
    assert response.status_code == 400
    assert "expected a number from 0.0 to 10.0 seconds" in response.json["error"]["detail"]


@pytest.mark.parametrize(
    ("code", "reason"), [(200, "OK"), (418, "I'm a teapot"), (503, "Service Unavailable")]
)
def test_status_names_the_code(client, code, reason):
    response = client.get(f"/status/{code}")
    assert (response.status_code, response.json) == (code, {"status": code, "reason": reason})


def test_status_takes_a_code_without_a_name(client):
    response = client.get("/status/599")
    assert (response.status_code, response.json["status"]) == (599, 599)


@pytest.mark.parametrize("code", [204, 205, 304])
def test_status_without_a_body(client, code):
    response = client.get(f"/status/{code}")
    assert (response.status_code, response.data) == (code, b"")


@pytest.mark.parametrize("code", ["199", "600", "2e2", "200.0", "ok", "-200"])
def test_status_refuses_what_is_no_status(client, code):
    response = client.get(f"/status/{code}")
    assert response.status_code == 400
    assert "expected a whole number from 200 to 599" in response.json["error"]["detail"]


def test_when_no_slot_is_free_a_slow_request_is_told_when_to_come_back(app, client):
    for _ in range(2):
        assert app.extensions["slots"].acquire(blocking=False)
    assert not app.extensions["slots"].acquire(blocking=False)
    for path in ("/delay/0", "/resolve?name=localhost"):
        response = client.get(path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json["error"]["reason"] == "Service Unavailable"
    app.extensions["slots"].release()
    for _ in range(3):
        assert client.get("/delay/0").status_code == 200


def test_metrics_count_and_time_by_route(client):
    client.get("/")
    client.get("/delay/0")
    client.get("/delay/0.0")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="/delay/<seconds>",status="200"} 2.0' in text
    assert 'http_request_duration_seconds_count{route="/delay/<seconds>"} 2.0' in text


def test_metrics_have_few_series_whatever_is_asked_for(client):
    for n in range(3):
        client.get(f"/nope/{n}")
        client.open("/", method=f"BREW{n}")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 3.0' in text
    assert 'http_requests_total{method="OTHER",route="unmatched",status="405"} 3.0' in text


def test_a_request_is_one_json_line(capsys):
    client = create_app(Settings()).test_client()
    response = client.get("/no%0Ape", headers={"User-Agent": 'curl"\x1b'})
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert datetime.fromisoformat(record.pop("time")).utcoffset() == timedelta(0)
    assert 0 <= record.pop("ms") < 1000
    assert record == {
        "level": "info",
        "remote": "127.0.0.1",
        "method": "GET",
        "path": "/no\npe",
        "status": 404,
        "bytes": len(response.data),
        "user_agent": 'curl"\x1b',
    }


@pytest.mark.parametrize(
    ("method", "path", "lines"),
    [
        ("GET", "/healthz", 0),
        ("GET", "/readyz", 0),
        ("GET", "/metrics", 0),
        ("GET", "/static/style.css", 1),
        ("HEAD", "/", 1),
    ],
)
def test_probes_leave_no_line(capsys, method, path, lines):
    create_app(Settings()).test_client().open(path, method=method).close()
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_a_head_request_sends_no_bytes(capsys):
    create_app(Settings()).test_client().head("/")
    assert json.loads(capsys.readouterr().out)["bytes"] == 0
