"""The doctor's verdicts on what no fault of lab 08 shows, from canned answers of an engine.

The faults themselves are examined for real as their pages are run (tests/labs/collect.py).
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts import doctor
from scripts.doctor import Container, EngineError, Patient, Target, UsageError, examine


def inspected(name: str, **changed: Any) -> dict[str, Any]:
    """What `docker container inspect` says of a container on my-net; some of it CHANGED."""
    address = changed.pop("address", "10.108.0.2")
    network = changed.pop("network", "my-net")
    state = {"Status": "running", "ExitCode": 0, "StartedAt": "2026-11-24T04:00:00.123456789Z"}
    return {
        "Name": f"/{name}",
        "Id": name * 8,
        "State": state | changed.pop("state", {}),
        "RestartCount": changed.pop("restarts", 0),
        "HostConfig": {"NetworkMode": changed.pop("mode", network), "Dns": changed.pop("dns", [])},
        "Config": {
            "Hostname": "0f7ba8c2d6e9",
            "Labels": changed.pop("labels", None),
            "Env": changed.pop("env", []),
            "ExposedPorts": {"8000/tcp": {}},
        },
        "NetworkSettings": {
            "Ports": {},
            "Networks": {network: {"IPAddress": address, "DNSNames": [name], "Aliases": None}},
        },
    }


class Engine:
    """Answers like docker: what it is told of containers, networks and namespaces."""

    def __init__(
        self,
        *containers: dict[str, Any],
        networks: dict[str, Any] | None = None,
        images: str = "two-bridges-client:latest",
    ) -> None:
        self.containers, self.networks, self.images = containers, networks or {}, images
        self.said: dict[str, dict[str, Any]] = {}  # by namespace

    def __call__(self, *words: str, partly: bool = False) -> str:
        match words:
            case ["image", *_]:
                return self.images
            case ["ps", *_]:
                return "\n".join(c["Id"] for c in self.containers)
        namespace = words[words.index("--network") + 1]
        known = {"resolver": {"servers": ["127.0.0.11"], "search": [], "ndots": 0}}
        known |= {"error": "", "in_hosts": [], "routes": [], "listening": [], "dns": {}}
        return json.dumps(known | self.said[namespace])

    def inspect(self, kind: str, ids: list[str]) -> list[Any]:
        if kind == "container":
            return list(self.containers)
        return [self.networks.get(n, {"Id": "1" * 64, "IPAM": {"Config": None}}) for n in ids]


CALLER = inspected("caller", address="10.108.0.3")
ME = "container:" + "caller" * 8
YOU = "container:" + "webapp" * 8
FOUND = {"addresses": ["10.108.0.2"]}
REFUSED = FOUND | {"connect": {"10.108.0.2": "Connection refused"}}
SILENT = FOUND | {"connect": {"10.108.0.2": "no answer"}}
CONNECTED = FOUND | {"connect": {"10.108.0.2": "connected"}}
LOST = {"addresses": [], "error": "Name or service not known"}


@pytest.mark.parametrize(
    ("webapp", "said", "cause", "sentence"),
    [
        ({}, {ME: CONNECTED | {"status": 200}}, None, "caller reaches webapp:8000."),
        ({}, {ME: CONNECTED | {"status": 500}}, "http-error", "look at its log"),
        ({}, {ME: CONNECTED | {"status": None}}, "http-error", "look at its log"),
        ({}, {ME: CONNECTED | {"status": 400}}, "http-error", "look at its log"),
        ({}, {ME: REFUSED, YOU: {}}, "nothing-listens", "nothing listens on port 8000 in webapp"),
        (
            {"state": {"Health": {"Status": "starting"}}},
            {ME: REFUSED, YOU: {}},
            "starting",
            "webapp is still starting",
        ),
        (
            {},
            {ME: SILENT, YOU: {"listening": [["::", 8000]]}},
            "firewall",
            "webapp listens and shares my-net with caller, yet the connection ends with 'no answer",
        ),
        (
            {},
            {ME: REFUSED, YOU: {"listening": [["127.0.0.1", 8000], ["::1", 8000]]}},
            "loopback-only",
            "listens on 127.0.0.1:8000 only",
        ),
        (
            {"state": {"Status": "exited"}},
            {ME: LOST},
            "target-not-running",
            "webapp is exited, and only a running container has a name",
        ),
        (
            {},
            {ME: {"addresses": ["10.108.0.9"], "in_hosts": ["10.108.0.9"], "connect": {}}},
            "stale-hosts",
            "/etc/hosts of caller says that webapp is 10.108.0.9",
        ),
        (
            {"network": "other-net"},
            {ME: LOST},
            "no-common-network",
            "docker network connect other-net caller",
        ),
    ],
)
def test_verdicts_on_a_url(
    webapp: dict[str, Any], said: dict[str, Any], cause: str | None, sentence: str
) -> None:
    engine = Engine(CALLER, inspected("webapp", **webapp))
    engine.said = said
    verdict = examine(doctor.admit(engine, "caller", "http://webapp:8000/"))  # type: ignore[arg-type]
    assert verdict.cause == cause
    assert sentence in verdict.text


@pytest.mark.parametrize(
    ("caller", "called", "said", "cause", "sentence"),
    [
        ({"mode": "none"}, "webapp:8000", {}, "no-network", "--network none"),
        ({"mode": "host"}, "webapp", LOST, "host-network", "uses the host's network"),
        ({"state": {"Status": "paused"}}, "webapp", {}, "not-running", "caller is paused"),
        (
            {"state": {"Status": "restarting", "ExitCode": 2}},
            "nobody:1",
            {},
            "not-running",
            "caller is restarting with status 2: docker logs caller says why",
        ),
        (
            {"state": {"Status": "exited", "ExitCode": 7, "FinishedAt": "2026-11-24T09:00:00Z"}},
            "webapp:8000",
            {},
            "not-running",
            "caller is exited with status 7",
        ),
        ({}, "nobody:80", LOST, "unknown-name", "knows nobody"),
        ({}, "webap_p:80", LOST, "unknown-name", "knows webap_p"),
        ({"dns": ["10.9.9.9"]}, "x.test", LOST | {"dns": {"10.9.9.9": True}}, "unknown-name", ""),
        (
            {},
            "192.0.2.9:80",
            {"addresses": ["192.0.2.9"], "connect": {"192.0.2.9": "no answer"}},
            "unreachable",
            "see whether the host itself reaches it",
        ),
        ({}, "nobody", FOUND, None, "give NAME:PORT to look on"),
        (
            {},
            "localhost:9",
            {"addresses": ["127.0.0.1"], "connect": {"127.0.0.1": "Connection refused"}},
            "localhost",
            "call the other container by its name",
        ),
    ],
)
def test_verdicts_on_a_caller(
    caller: dict[str, Any], called: str, said: dict[str, Any], cause: str | None, sentence: str
) -> None:
    engine = Engine(inspected("caller", address="10.108.0.3", **caller), inspected("webapp"))
    engine.said = {ME: said}
    verdict = examine(doctor.admit(engine, "caller", called))  # type: ignore[arg-type]
    assert verdict.cause == cause
    assert sentence in verdict.text


def test_a_name_of_several_elsewhere_is_not_guessed() -> None:
    engine = Engine(
        CALLER,
        inspected("a", labels={"com.docker.compose.service": "webapp"}, network="a-net"),
        inspected("b", labels={"com.docker.compose.service": "webapp"}, network="b-net"),
    )
    engine.said = {ME: LOST}
    verdict = examine(doctor.admit(engine, "caller", "webapp"))  # type: ignore[arg-type]
    assert verdict.cause == "no-common-network"
    assert "webapp is a name of a and b" in verdict.text


def test_an_address_of_nobody_in_the_own_range_is_stale_unless_the_host_has_it_elsewhere() -> None:
    mine = {"Id": "1" * 64, "IPAM": {"Config": [{"Subnet": "10.108.0.0/24"}]}}
    engine = Engine(CALLER, networks={"my-net": mine})
    engine.said = {
        ME: {"addresses": ["10.108.0.9"], "connect": {"10.108.0.9": "no answer"}},
        "host": {"routes": [["eth0", "0.0.0.0/0"], [f"br-{'1' * 12}", "10.108.0.0/24"]]},
    }

    def cause() -> str | None:
        return examine(doctor.admit(engine, "caller", "10.108.0.9:80")).cause  # type: ignore[arg-type]

    assert cause() == "stale-address"
    engine.said["host"]["routes"].append(["wg0", "10.108.0.0/16"])
    assert cause() == "overlapping-subnet"


def test_a_container_in_another_ones_network_has_its_networks() -> None:
    sidecar = inspected("sidecar", mode="container:" + "caller" * 8)
    sidecar["NetworkSettings"]["Networks"] = {}
    patient = doctor.admit(Engine(CALLER, sidecar), "sidecar", "x")  # type: ignore[arg-type]
    assert patient.caller.networks == {"my-net": "10.108.0.3"}


def test_restarts_and_bad_health_are_shown() -> None:
    ill = inspected("ill", restarts=3, state={"Health": {"Status": "unhealthy"}})
    assert str(Container.read(ill)) == (
        "ill: running, unhealthy, restarted 3 times, on my-net (10.108.0.2)"
    )


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("webapp", "webapp", None, None),
        ("web_app:80", "web_app", 80, None),
        ("http://webapp", "webapp", 80, "/"),
        ("https://webapp/x", "webapp", 443, None),
        ("http://[::1]:8000/a", "::1", 8000, "/a"),
    ],
)
def test_what_is_called(text: str, host: str, port: int | None, path: str | None) -> None:
    assert Target.read(text) == Target(host, port, path, text)


@pytest.mark.parametrize("text", ["", ":80", "web app", "webapp:x", "ftp://webapp/", "a:99999"])
def test_what_cannot_be_called(text: str) -> None:
    with pytest.raises(UsageError, match=f"name '{text}': expected NAME, NAME:PORT or http"):
        Target.read(text)


@pytest.mark.parametrize(
    ("name", "called", "message"),
    [
        ("nobody", "x", "there is no container 'nobody': expected one of caller, webapp"),
        ("caller", None, r"caller has no CLIENT_URL .* expected ./lab doctor caller NAME"),
    ],
)
def test_bad_arguments(name: str, called: str | None, message: str) -> None:
    engine = Engine(CALLER, inspected("webapp"))
    with pytest.raises(UsageError, match=message):
        doctor.admit(engine, name, called)  # type: ignore[arg-type]


def test_client_url_and_the_only_port_are_taken() -> None:
    engine = Engine(inspected("caller", env=["CLIENT_URL=http://webapp:1/"]), inspected("webapp"))
    admit: Callable[..., Patient] = doctor.admit
    assert admit(engine, "caller", None).target.text == "http://webapp:1/"
    assert admit(engine, "caller", "webapp").target.port == 8000
    assert admit(engine, "callercall", "webapp").caller.name == "caller"


def test_without_an_image_for_the_helper_it_says_which() -> None:
    engine = Engine(CALLER, images="")
    with pytest.raises(EngineError, match="expected one of the images two-bridges-client"):
        examine(doctor.admit(engine, "caller", "x"))  # type: ignore[arg-type]
