"""/openapi.json and the service say the same: routes, methods, parameters, statuses, media types.

That nothing is answered which the document lacks, tests/e2e/test_bad_input.py sees.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoNameservers
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.support.pair import ROOT
from webapp import names
from webapp.app import create_app

DOCUMENT: dict[str, Any] = json.loads(
    (ROOT / "webapp/static/openapi.json").read_text(encoding="utf-8")
)
FILES = {
    "application/json": "openapi.json",
    "image/svg+xml": "icon.svg",
    "text/css": "style.css",
    "text/html": "nope",
    "text/javascript": "live.js",
}
FILE_HEADERS = {
    "206": {"Range": "bytes=0-1"},
    "304": {"If-Modified-Since": "Fri, 01 Jan 2999 00:00:00 GMT"},
    "416": {"Range": "bytes=9999999-"},
}
# What provokes each status; FILE stands for one of the media type that is wanted.
PROVOKED = {
    "/": {"200": "/"},
    "/resolve": {
        "200": "/resolve?name=localhost",
        "400": "/resolve?name=a..b",
        "404": "/resolve?name=nxdomain",
        "502": "/resolve?name=refused",
        "504": "/resolve?name=silent",
    },
    "/healthz": {"200": "/healthz"},
    "/metrics": {"200": "/metrics"},
    "/openapi.json": dict.fromkeys(("200", "206", "304", "416"), "/openapi.json"),
    "/static/{filename}": {
        **dict.fromkeys(("200", "206", "304"), "/static/FILE"),
        "404": "/static/nope",
        "416": "/static/live.js",
    },
    "/delay/{seconds}": {"200": "/delay/0", "400": "/delay/11", "404": "/delay/soon"},
    "/status/{code}": {
        "204": "/status/204",
        "304": "/status/304",
        "2XX": "/status/200",
        "3XX": "/status/300",
        "4XX": "/status/600",
        "5XX": "/status/599",
    },
}
PROMISED = [
    (path, status, media)
    for path, item in DOCUMENT["paths"].items()
    for status, response in item["get"]["responses"].items()
    for media in response.get("content", {"": {}})
]


def parameters(path: str, where: str) -> set[str]:
    found = DOCUMENT["paths"][path]["get"].get("parameters", [])
    return {one["name"] for one in found if one["in"] == where}


def test_the_service_serves_the_document() -> None:
    with create_app({}).test_client().get("/openapi.json") as response:
        assert (response.json, response.mimetype) == (DOCUMENT, "application/json")


def test_every_route_has_a_path_with_its_parameters_and_every_path_a_route() -> None:
    rules = list(create_app({"WEBAPP_FAULTS": "on"}).url_map.iter_rules())
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule): rule.arguments for rule in rules}
    assert routes == {path: parameters(path, "path") for path in DOCUMENT["paths"]}
    assert {frozenset(item) for item in DOCUMENT["paths"].values()} == {frozenset({"get"})}
    for rule in rules:  # HEAD and OPTIONS are said once, in the description
        assert rule.methods == {"GET", "HEAD", "OPTIONS"}


def test_with_the_faults_off_the_paths_are_the_same() -> None:
    on, off = (
        {re.sub(r"<[^>]+>", "", rule.rule) for rule in create_app(env).url_map.iter_rules()}
        for env in ({"WEBAPP_FAULTS": "on"}, {})
    )
    assert on == off


def test_every_query_parameter_that_is_read_is_in_it() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "webapp").glob("*.py"))
    read = re.findall(r'(?:args\.get\(|query_string == b)"(\w+)"', code)
    assert set(read) == {one for path in DOCUMENT["paths"] for one in parameters(path, "query")}


@pytest.mark.parametrize(("path", "status", "media"), PROMISED)
def test_every_answer_that_it_promises_can_be_had(
    path: str, status: str, media: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    errors = {"nxdomain": NXDOMAIN, "refused": NoNameservers, "silent": LifetimeTimeout}

    def ask(name: object, *_: object) -> None:
        raise errors[str(name)]

    monkeypatch.setattr(names, "ask", ask)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    url = PROVOKED[path][status].replace("FILE", FILES.get(media, "live.js"))
    headers = {"Accept": "text/html" if media == "text/html" else "*/*"}
    headers |= FILE_HEADERS.get(status, {})
    response = create_app({"WEBAPP_FAULTS": "on"}).test_client().get(url, headers=headers)
    with response:
        assert re.fullmatch(status.replace("X", r"\d"), str(response.status_code))
        assert not media or response.mimetype == media


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_the_reference_lists_the_same_paths() -> None:
    text = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    cells = "".join(re.findall(r"^\| (`/.*?) \|", text, re.M))
    listed = {path.partition("?")[0] for path in re.findall(r"`(/[^`]*)`", cells)}
    assert listed == {
        re.sub(r"\{(\w+)\}", lambda one: one[1].upper(), path) for path in DOCUMENT["paths"]
    }
