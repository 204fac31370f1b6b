import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.name
import pytest
from dns.resolver import NXDOMAIN, Resolver
from flask.testing import FlaskClient

from webapp import identity, names
from webapp.app import create_app
from webapp.identity import which_bridge

LO = {"name": "lo", "mac": "00:00:00:00:00:00", "addresses": ["127.0.0.1/8", "::1/128"]}
ETH0 = {
    "name": "eth0",
    "mac": "02:42:ac:12:00:02",
    "addresses": ["172.18.0.2/16", "fe80::42:acff:fe12:2/64"],
}
DOCKER0 = {"name": "docker0", "mac": "02:42:00:00:00:01", "addresses": ["172.17.0.1/16"]}
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
{default}
"""
VIA = ROUTES.format(default="eth0\t00000000\t010012AC\t0003\t0")


class FakeResolver(Resolver):
    """Knows 172.18.0.3 only, and counts the questions."""

    def __init__(self, *nameservers: str) -> None:
        super().__init__(configure=False)
        self.nameservers = nameservers
        self.asked: list[str] = []

    def resolve_address(self, ipaddr: str, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(ipaddr)
        if ipaddr != "172.18.0.3":
            raise NXDOMAIN
        return [dns.name.from_text("client.two-bridges")]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    identity.describe.cache_clear()
    identity.look_around.cache_clear()


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeResolver:
    """A container on a user-defined bridge; more can be set on its resolver."""
    (tmp_path / "dockerenv").touch()
    (tmp_path / "route").write_text(VIA)
    resolver = FakeResolver("127.0.0.11")
    monkeypatch.setattr(identity, "DOCKER_MARK", tmp_path / "dockerenv")
    monkeypatch.setattr(identity, "ROUTES", tmp_path / "route")
    monkeypatch.setattr(identity, "interfaces", lambda: [LO, ETH0])
    monkeypatch.setattr(names, "system_resolver", lambda: resolver)
    return resolver


@pytest.fixture
def client() -> FlaskClient:
    return create_app({}).test_client()


def call(client: FlaskClient, address: str = "172.18.0.3", accept: str = "*/*") -> Any:
    return client.get("/", headers={"Accept": accept}, environ_base={"REMOTE_ADDR": address})


@pytest.mark.parametrize(
    ("nameserver", "found", "in_docker", "kind", "why"),
    [
        ("127.0.0.11", [LO, ETH0], True, "user-defined", "The resolver is 127.0.0.11"),
        ("127.0.0.11", [LO], True, "user-defined", "The resolver is 127.0.0.11"),
        ("192.0.2.53", [LO, ETH0], True, "default", "The resolver is 192.0.2.53, as on the host"),
        (None, [LO, ETH0], True, "default", "The resolver is none, as on the host"),
        ("192.0.2.53", [LO, ETH0, DOCKER0], True, "none", "the host's own network"),
        ("192.0.2.53", [LO], True, "none", "There is no interface but loopback."),
        ("192.0.2.53", [LO, ETH0], False, "none", "not a Docker container"),
    ],
    ids=[
        "user-defined",
        "internal",
        "default",
        "no server",
        "host network",
        "no network",
        "no container",
    ],
)
def test_the_resolver_tells_the_bridge(
    monkeypatch: pytest.MonkeyPatch,
    nameserver: str | None,
    found: list[dict[str, Any]],
    in_docker: bool,
    kind: str,
    why: str,
) -> None:
    monkeypatch.setattr(identity, "DOCKER_MARK", Path("/" if in_docker else "/nowhere"))
    monkeypatch.setattr(identity, "interfaces", lambda: found)
    resolver = FakeResolver(*([nameserver] if nameserver else []))
    monkeypatch.setattr(names, "system_resolver", lambda: resolver)
    here, _ = identity.look_around(0)
    assert here["bridge"]["kind"] == kind
    assert why in here["bridge"]["why"]
    assert which_bridge(here) == here["bridge"]


@pytest.mark.parametrize(
    ("default", "gateway"),
    [
        ("eth0\t00000000\t010012AC\t0003\t0", "172.18.0.1"),
        ("eth0\t00000000\t00000000\t0001\t0", None),
        ("eth0\t000013AC\t00000000\t0001\t0", None),
    ],
    ids=["a gateway", "a default route without one", "no default route"],
)
def test_the_gateway_is_read_from_the_route_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, default: str, gateway: str | None
) -> None:
    (tmp_path / "route").write_text(ROUTES.format(default=default))
    monkeypatch.setattr(identity, "ROUTES", tmp_path / "route")
    assert identity.default_gateway() == gateway


def test_the_interfaces_are_those_of_the_kernel() -> None:
    found = {interface["name"]: interface for interface in identity.interfaces()}
    assert "127.0.0.1/8" in found["lo"]["addresses"]
    for name, interface in found.items():
        assert interface["mac"] == Path(f"/sys/class/net/{name}/address").read_text().strip()


CALLERS = {
    "neighbour": ("172.18.0.3", "user-defined", "client.two-bridges", None),
    "stranger": ("172.18.0.9", "user-defined", None, "Docker's resolver knows no name for it"),
    "host": ("172.18.0.1", "user-defined", None, "from the host, through the published port"),
    "itself": ("127.0.0.1", "default", None, "from inside this container"),
    "neighbour, default bridge": (
        "172.17.0.3",
        "default",
        None,
        "no name: this bridge has no resolver that knows containers",
    ),
    "itself, no container": ("127.0.0.1", "none", None, "from inside this machine"),
    "another machine": ("192.0.2.7", "none", None, None),
}


@pytest.mark.parametrize(("address", "kind", "name", "note"), CALLERS.values(), ids=CALLERS)
def test_who_calls(address: str, kind: str, name: str | None, note: str | None) -> None:
    resolver = FakeResolver("127.0.0.11")
    here = {"gateway": "172.18.0.1", "bridge": {"kind": kind}}
    caller = identity.who_calls(address, here, lambda ip: names.brief(ip, resolver))
    assert caller == {"address": address, "name": name, "note": note}
    # The host's resolver is never asked about a private address.
    assert resolver.asked == ([address] if address in ("172.18.0.3", "172.18.0.9") else [])


def test_json(client: FlaskClient, container: FakeResolver) -> None:
    container.search = [dns.name.from_text("lan.")]
    assert container.search
    response = call(client)
    assert response.text.startswith('{\n  "hostname": ')
    bridge = response.json["bridge"]
    assert list(response.json.items()) == [
        ("hostname", socket.gethostname()),
        ("addresses", ["172.18.0.2"]),
        ("interfaces", [LO, ETH0]),
        ("gateway", "172.18.0.1"),
        ("resolver", {"nameservers": ["127.0.0.11"], "search": ["lan"]}),
        ("bridge", bridge),
        ("caller", {"address": "172.18.0.3", "name": "client.two-bridges", "note": None}),
    ]
    assert bridge["kind"] == "user-defined"


def test_page(client: FlaskClient, container: FakeResolver) -> None:
    page = call(client, accept="text/html").text
    for text in (
        "On a user-defined bridge",
        "The resolver is 127.0.0.11",
        "172.18.0.3",
        "<caption>Network interfaces</caption>",
        "172.18.0.2/16",
    ):
        assert text in page


def test_it_is_read_once_a_second(
    client: FlaskClient, container: FakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.2
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert call(client).json["addresses"] == ["172.18.0.2"]
    monkeypatch.setattr(identity, "interfaces", lambda: [LO, ETH0, DOCKER0])
    now = 1000.9
    assert call(client).json["addresses"] == ["172.18.0.2"]
    stranger = call(client, "172.18.0.9").json
    assert stranger["caller"]["address"] == "172.18.0.9"
    assert stranger["addresses"] == ["172.18.0.2"]
    assert container.asked == ["172.18.0.3", "172.18.0.9"]
    now = 1001.0
    assert call(client).json["addresses"] == ["172.18.0.2", "172.17.0.1"]
    assert container.asked == ["172.18.0.3", "172.18.0.9", "172.18.0.3"]
