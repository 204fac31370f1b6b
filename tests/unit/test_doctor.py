"""The doctor's verdicts on what no fault of lab 08 shows, from canned answers of an engine.

The faults themselves are examined for real as their pages are run (labs/faults).
"""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labkit import UsageError, docker
from labkit.__main__ import main as lab
from labkit.doctor.causes import SENTENCES, Cause, examine
from labkit.doctor.patient import Target, admit
from labkit.inspect import Container

FAULTS = Path(__file__).parents[2] / "labs" / "faults"


def inspected(name: str, **changed: Any) -> dict[str, Any]:
    """What `docker container inspect` says of a container on my-net; some of it CHANGED."""
    address = changed.pop("address", "10.108.0.2")
    network = changed.pop("network", "my-net")
    state = {
        "Status": "running",
        "ExitCode": 0,
        "Pid": 7,
        "StartedAt": "2026-11-24T04:00:00.123456789Z",
    }
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

    def __init__(self) -> None:
        self.containers: list[dict[str, Any]] = []
        self.networks: dict[str, dict[str, Any]] = {}
        self.images = {"two-bridges-client"}
        self.said: dict[str, dict[str, Any]] = {}  # by namespace

    def attempt(self, *words: str, **_: Any) -> CompletedProcess[str]:
        match words:
            case ["ps", *_]:
                out = "\n".join(one["Id"] for one in self.containers)
            case ["container", "inspect", *_]:
                out = json.dumps(self.containers)
            case ["network", "inspect", name]:
                bare = {"Id": "1" * 64, "IPAM": {"Config": None}}
                out = json.dumps([bare | self.networks.get(name, {})])
            case ["image", "inspect", name]:
                out = json.dumps([{}] * (name in self.images))
            case _:
                known: dict[str, Any] = {"error": "", "dns": {}}
                known |= {key: [] for key in ("in_hosts", "routes", "listening")}
                known["resolver"] = {"servers": ["127.0.0.11"], "search": [], "ndots": 0}
                out = json.dumps(known | self.said[words[words.index("--network") + 1]])
        return CompletedProcess(words, 0, out, "")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(docker, "attempt", made.attempt)
    return made


CALLER = inspected("caller", address="10.108.0.3")
ME = "container:" + "caller" * 8
YOU = "container:" + "webapp" * 8
FOUND = {"addresses": ["10.108.0.2"]}
REFUSED = FOUND | {"connect": {"10.108.0.2": "Connection refused"}}
SILENT = FOUND | {"connect": {"10.108.0.2": "no answer"}}
CONNECTED = FOUND | {"connect": {"10.108.0.2": "connected"}}
LOST = {"addresses": [], "error": "Name or service not known"}
REACHES = None

# What is special about webapp, what the namespaces say, the cause, what is in its sentence.
ON_A_URL: list[tuple[dict[str, Any], dict[str, Any], Cause | None, str]] = [
    ({}, {ME: CONNECTED | {"status": 200}}, REACHES, "caller reaches webapp:8000."),
    ({}, {ME: CONNECTED | {"status": 500}}, Cause.HTTP_ERROR, "look at its log"),
    ({}, {ME: CONNECTED | {"status": None}}, Cause.HTTP_ERROR, "look at its log"),
    ({}, {ME: CONNECTED | {"status": 400}}, Cause.HTTP_ERROR, "look at its log"),
    (
        {},
        {ME: REFUSED, YOU: {}},
        Cause.NOTHING_LISTENS,
        "nothing listens on port 8000 in webapp: look at docker logs webapp, or",
    ),
    (
        {"state": {"Health": {"Status": "starting"}}},
        {ME: REFUSED, YOU: {}},
        Cause.STARTING,
        "webapp is still starting",
    ),
    (
        {},
        {ME: SILENT, YOU: {"listening": [["::", 8000]]}},
        Cause.FIREWALL,
        "webapp listens and shares my-net with caller, yet the connection ends with 'no answer",
    ),
    (
        {},
        {ME: REFUSED, YOU: {"listening": [["127.0.0.1", 8000], ["::1", 8000]]}},
        Cause.LOOPBACK_ONLY,
        "listens on 127.0.0.1:8000 only",
    ),
    (
        {"state": {"Status": "exited"}},
        {ME: LOST},
        Cause.TARGET_NOT_RUNNING,
        "webapp is exited, and only a running container has a name: docker logs webapp",
    ),
    (
        {},
        {ME: {"addresses": ["10.108.0.9"], "in_hosts": ["10.108.0.9"], "connect": {}}},
        Cause.STALE_HOSTS,
        "/etc/hosts of caller says that webapp is 10.108.0.9",
    ),
    (
        {"network": "other-net"},
        {ME: LOST},
        Cause.NO_COMMON_NETWORK,
        "caller is on my-net, webapp on other-net, and a name is known on its own network only: "
        "docker network connect other-net caller.",
    ),
]


@pytest.mark.parametrize(("webapp", "said", "cause", "sentence"), ON_A_URL)
def test_verdicts_on_a_url(
    engine: Engine, webapp: dict[str, Any], said: dict[str, Any], cause: Cause, sentence: str
) -> None:
    engine.containers = [CALLER, inspected("webapp", **webapp)]
    engine.said = said
    found, text = examine(admit("caller", "http://webapp:8000/"))
    assert found is cause
    assert sentence in text


# What is special about the caller, what it calls, what it sees, the cause, what is in its sentence.
ON_A_CALLER: list[tuple[dict[str, Any], str, dict[str, Any], Cause | None, str]] = [
    ({"network": "none"}, "webapp:8000", {}, Cause.NO_NETWORK, "caller is on no network"),
    ({"network": "host"}, "webapp", LOST, Cause.HOST_NETWORK, "uses the host's network"),
    ({"state": {"Status": "paused"}}, "webapp", {}, Cause.NOT_RUNNING, "caller is paused: docker"),
    (
        {"state": {"Status": "restarting", "ExitCode": 2}},
        "nobody:1",
        {},
        Cause.NOT_RUNNING,
        "caller is restarting with status 2: docker logs caller says why",
    ),
    (
        {"state": {"Status": "exited", "ExitCode": 7, "FinishedAt": "2026-11-24T09:00:00Z"}},
        "webapp:8000",
        {},
        Cause.NOT_RUNNING,
        "caller is exited with status 7",
    ),
    ({}, "nobody:80", LOST, Cause.UNKNOWN_NAME, "knows nobody"),
    ({}, "webap_p:80", LOST, Cause.UNKNOWN_NAME, "knows webap_p"),
    ({}, "web-app_1", LOST, Cause.UNKNOWN_NAME, "knows web-app_1"),
    ({}, "webapp_1", LOST, Cause.GENERATED_NAME, "named webapp_1: did you mean webapp?"),
    (
        {"dns": ["10.9.9.9"]},
        "x.test",
        LOST | {"dns": {"10.9.9.9": True}},
        Cause.UNKNOWN_NAME,
        "knows x.test: docker ps lists",
    ),
    (
        {},
        "192.0.2.9:80",
        {"addresses": ["192.0.2.9"], "connect": {"192.0.2.9": "no answer"}},
        Cause.UNREACHABLE,
        "192.0.2.9 is no container's, and the connection ends with 'no answer': see whether",
    ),
    ({}, "nobody", FOUND, REACHES, "caller resolves nobody; give NAME:PORT to look on"),
    (
        {},
        "localhost:9",
        {"addresses": ["127.0.0.1"], "connect": {"127.0.0.1": "Connection refused"}},
        Cause.LOCALHOST,
        "call the other container by name",
    ),
]


@pytest.mark.parametrize(("caller", "called", "said", "cause", "sentence"), ON_A_CALLER)
def test_verdicts_on_a_caller(
    engine: Engine,
    caller: dict[str, Any],
    called: str,
    said: dict[str, Any],
    cause: Cause | None,
    sentence: str,
) -> None:
    engine.containers = [inspected("caller", address="10.108.0.3", **caller), inspected("webapp")]
    engine.said = {ME: said}
    found, text = examine(admit("caller", called))
    assert found is cause
    assert sentence in text


def test_each_cause_is_shown_by_a_fault_or_a_case_and_each_fault_is_a_cause() -> None:
    """A page labs/faults/08-NN-CAUSE.md is run, with what the doctor says, by the pages' tests."""
    faults = {Cause(path.stem.split("-", 2)[2]) for path in FAULTS.glob("08-*.md")}
    cases = {case[2] for case in ON_A_URL} | {case[3] for case in ON_A_CALLER}
    assert faults | cases == {REACHES, *Cause}


def test_each_sentence_is_a_causes() -> None:
    assert {word.partition("/")[0] for word in SENTENCES} == {cause.value for cause in Cause}


def test_a_name_of_several_elsewhere_is_not_guessed(engine: Engine) -> None:
    service = {"com.docker.compose.service": "webapp"}
    engine.containers = [
        CALLER,
        inspected("a", labels=service, network="a-net"),
        inspected("b", labels=service, network="b-net"),
    ]
    engine.said = {ME: LOST}
    cause, text = examine(admit("caller", "webapp"))
    assert cause is Cause.NO_COMMON_NETWORK
    assert "webapp is a name of a and b, and caller shares a network with none of them" in text


def test_an_address_of_nobody_in_the_own_range_is_stale_unless_the_host_has_it_elsewhere(
    engine: Engine,
) -> None:
    engine.containers = [CALLER, inspected("webapp")]
    engine.networks = {"my-net": {"IPAM": {"Config": [{"Subnet": "10.108.0.0/24"}]}}}
    routes = [["eth0", "0.0.0.0/0"], [f"br-{'1' * 12}", "10.108.0.0/24"]]
    engine.said = {
        ME: {"addresses": ["10.108.0.9"], "connect": {"10.108.0.9": "no answer"}},
        "host": {"routes": routes},
    }
    cause, text = examine(admit("caller", "10.108.0.9:8000"))
    assert cause is Cause.STALE_ADDRESS
    assert "10.108.0.9 is no container's now" in text
    assert text.endswith("so call webapp by name.")
    routes.append(["wg0", "10.108.0.0/16"])
    cause, text = examine(admit("caller", "10.108.0.9:8000"))
    assert cause is Cause.OVERLAPPING_SUBNET
    assert "beyond the host's wg0" in text


def test_a_container_in_another_ones_network_has_its_networks(engine: Engine) -> None:
    sidecar = inspected("sidecar", mode="container:" + "caller" * 8)
    sidecar["NetworkSettings"]["Networks"] = {}
    engine.containers = [CALLER, sidecar]
    assert admit("sidecar", "x").caller.networks == {"my-net": "10.108.0.3"}


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


@pytest.mark.parametrize(
    "text", ["", ":80", "web app", "webapp:x", "ftp://webapp/", "a:99999", "http://[::1"]
)
def test_what_cannot_be_called(text: str) -> None:
    with pytest.raises(UsageError, match="expected NAME, NAME:PORT or http") as raised:
        Target.read(text)
    assert str(raised.value).startswith(f"name '{text}': ")


@pytest.mark.parametrize(
    ("name", "called", "message"),
    [
        ("nobody", "x", "there is no container 'nobody': expected one of caller, webapp"),
        ("caller", None, r"caller has no CLIENT_URL .* expected ./lab doctor caller NAME"),
    ],
)
def test_bad_arguments(engine: Engine, name: str, called: str | None, message: str) -> None:
    engine.containers = [CALLER, inspected("webapp")]
    with pytest.raises(UsageError, match=message):
        admit(name, called)


def test_a_health_check_that_lags_is_told(engine: Engine) -> None:
    sick = {"Health": {"Status": "unhealthy"}}
    engine.containers = [inspected("caller", state=sick), inspected("webapp")]
    engine.said = {ME: CONNECTED | {"status": 200}}
    lags = "caller reaches webapp:8000. Its health check will say so at its next look."
    assert examine(admit("caller", "http://webapp:8000/")) == (None, lags)


def test_client_url_and_the_only_port_are_taken(engine: Engine) -> None:
    engine.containers = [
        inspected("caller", env=["CLIENT_URL=http://webapp:1/"]),
        inspected("webapp"),
    ]
    assert admit("caller", None).target.text == "http://webapp:1/"
    assert admit("caller", "webapp").target.port == 8000
    assert admit("callercall", "webapp").caller.name == "caller"


def test_without_an_image_for_the_helper_it_says_which(engine: Engine) -> None:
    engine.containers, engine.images = [CALLER], set()
    with pytest.raises(docker.EngineError, match="expected one of the images two-bridges-client"):
        examine(admit("caller", "x"))


def test_lines_and_json_say_the_same(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.containers = [CALLER, inspected("webapp")]
    engine.said = {ME: REFUSED, YOU: {}}
    monkeypatch.setattr(docker, "take_signals", lambda: None)
    assert lab(["doctor", "caller", "http://webapp:8000/"]) == 1
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lab(["doctor", "caller", "http://webapp:8000/", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    steps = {one["step"]: one["seen"] for one in told.pop("steps")}
    assert steps | {"cause": told["cause"], "verdict": told["verdict"]} == lines
    assert (told["container"], told["reaches"]) == ("caller", False)
    assert lines["look-up"] == "webapp is 10.108.0.2"
