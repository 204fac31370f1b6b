import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.app import create_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGES = ["/", "/resolve?name=localhost", "/resolve", "/nope"]


@pytest.fixture
def app() -> Flask:
    return create_app({"WEBAPP_FAULTS": "on"})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
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
def test_html_for_browsers_json_for_everyone_else(
    client: FlaskClient, path: str, accept: str | None, mimetype: str
) -> None:
    response = client.get(path, headers={"Accept": accept} if accept else {})
    assert response.mimetype == mimetype
    assert response.headers["Vary"] == "Accept"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_nothing_that_the_policy_forbids(client: FlaskClient, path: str) -> None:
    page = client.get(path, headers={"Accept": BROWSER}).text
    assert '<html lang="en">' in page
    assert not re.search(r"<script>|<script [^>]*>[^<]|<style| style=| on[a-z]+=", page)
    assert not re.search(r"(?:src|href)=.(?:https?:|//)", page)
    for url in re.findall(r'(?:src|href|action)="([^"]*)"', page):
        with client.get(url) as response:
            assert response.status_code in (200, 400), url


@pytest.mark.parametrize("path", PAGES[:3])
def test_the_pages_have_a_labelled_form_without_javascript(client: FlaskClient, path: str) -> None:
    page = client.get(path, headers={"Accept": BROWSER}).text
    assert '<form action="/resolve">' in page
    assert '<label for="name">' in page
    assert re.search(r'<input id="name" name="name"[^>]*', page)


def test_what_a_caller_sends_is_text_on_the_page(client: FlaskClient) -> None:
    name = '"><b>x..'
    page = client.get("/resolve", query_string={"name": name}, headers={"Accept": BROWSER}).text
    assert "<b>" not in page
    assert "&lt;b&gt;x" in page


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nope", 404, "Not Found"),
        ("POST", "/", 405, "Method Not Allowed"),
        ("BREW", "/", 405, "Method Not Allowed"),
        ("GET", "/static/../app.py", 404, "Not Found"),
        ("GET", "/delay/10.1", 400, "Bad Request"),
        ("GET", "/delay/soon", 404, "Not Found"),
        ("GET", "/delay/-1", 404, "Not Found"),
        ("GET", "/status/199", 400, "Bad Request"),
        ("GET", "/status/600", 400, "Bad Request"),
    ],
)
def test_an_error_says_status_reason_and_detail(
    client: FlaskClient, method: str, path: str, status: int, reason: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.json is not None
    assert list(response.json["error"]) == ["status", "reason", "detail"]
    assert list(response.json["error"].values())[:2] == [status, reason]
    assert response.json["error"]["detail"]
    if status == 405:
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("accept", [BROWSER, "*/*"], ids=["html", "json"])
def test_an_unhandled_exception_is_in_the_log_not_in_the_answer(
    app: Flask, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the cause")

    response = app.test_client().get("/broken", headers={"Accept": accept})
    assert response.status_code == 500
    assert "Internal Server Error" in response.text
    assert "cause" not in response.text
    assert "RuntimeError: the cause" in caplog.text


@pytest.mark.parametrize("path", ["/delay/0", "/status/200", "/delay/soon"])
def test_faults_are_off_unless_asked_for_and_the_switch_is_named(path: str) -> None:
    response = create_app({}).test_client().get(path)
    assert (response.status_code, "WEBAPP_FAULTS=on" in response.text) == (404, True)


@pytest.mark.parametrize("seconds", ["0", "0.01"])
def test_delay(client: FlaskClient, seconds: str) -> None:
    assert client.get(f"/delay/{seconds}").json == {"delayed_seconds": float(seconds)}


@pytest.mark.parametrize(
    ("code", "reason"), [(200, "OK"), (418, "I'm a teapot"), (599, "Unassigned")]
)
def test_status_names_the_code(client: FlaskClient, code: int, reason: str) -> None:
    response = client.get(f"/status/{code}")
    assert (response.status_code, response.json) == (code, {"status": code, "reason": reason})


@pytest.mark.parametrize("code", [204, 304])
def test_status_without_a_body(client: FlaskClient, code: int) -> None:
    response = client.get(f"/status/{code}")
    assert (response.status_code, response.data) == (code, b"")
