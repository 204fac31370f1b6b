import socket
from pathlib import Path

import pytest
from dns.resolver import Resolver

from webapp import identity, names
from webapp.app import create_app
from webapp.identity import Bridge, Interface, default_gateway, global_addresses, which_bridge
from webapp.settings import Settings

LO = Interface("lo", "00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"])
ETH0 = Interface("eth0", "02:42:ac:12:00:02", ["172.18.0.2/16", "fe80::42:acff:fe12:2/64"])
DOCKER0 = Interface("docker0", "02:42:00:00:00:01", ["172.17.0.1/16"])
USER_DEFINED, DEFAULT, NONE = (Bridge(kind, "") for kind in ("user-defined", "default", "none"))

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
{default}
"""


def resolver(*nameservers):
    result = Resolver(configure=False)
    result.nameservers = nameservers
    return result


@pytest.fixture
def app():
    return create_app(Settings())


@pytest.fixture
def in_container(monkeypatch, tmp_path):
    """A container on a user-defined bridge, whose resolver knows the client by name."""
    mark, routes = tmp_path / "dockerenv", tmp_path / "route"
    mark.touch()
    routes.write_text(ROUTES.format(default="eth0\t00000000\t010012AC\t0003\t0"))
    monkeypatch.setattr(identity, "DOCKER_MARK", mark)
    monkeypatch.setattr(identity.default_gateway, "__defaults__", (routes,))
    monkeypatch.setattr(identity, "interfaces", lambda: [LO, ETH0])
    monkeypatch.setattr(names, "system_resolver", lambda: resolver("127.0.0.11"))
    monkeypatch.setattr(names, "reverse", lambda *_: "client.two-bridges")


@pytest.mark.parametrize(
    ("nameserver", "found", "in_docker", "kind", "why"),
    [
        ("127.0.0.11", [LO, ETH0], True, "user-defined", "The resolver is 127.0.0.11"),
        ("127.0.0.11", [LO], True, "user-defined", "The resolver is 127.0.0.11"),
        ("192.0.2.53", [LO, ETH0], True, "default", "The resolver is 192.0.2.53, as on the host"),
        ("192.0.2.53", [LO, ETH0, DOCKER0], True, "none", "the host's own network"),
        ("192.0.2.53", [LO], True, "none", "no interface but loopback"),
        ("192.0.2.53", [LO, ETH0], False, "none", "not a Docker container"),
    ],
    ids=["user-defined", "internal", "default", "host network", "no network", "no container"],
)
def test_the_resolver_tells_the_bridge(nameserver, found, in_docker, kind, why):
    bridge = which_bridge(resolver(nameserver), found, in_docker=in_docker)
    assert bridge.kind == kind
    assert why in bridge.why


def test_a_container_without_a_nameserver_is_on_the_default_bridge():
    bridge = which_bridge(resolver(), [LO, ETH0], in_docker=True)
    assert bridge.kind == "default"
    assert "The resolver is none" in bridge.why


@pytest.mark.parametrize(
    ("default", "gateway"),
    [
        ("eth0\t00000000\t010012AC\t0003\t0", "172.18.0.1"),
        ("eth0\t00000000\t00000000\t0001\t0", None),
        ("", None),
    ],
    ids=["a gateway", "a default route without one", "no default route"],
)
def test_the_gateway_is_read_from_the_route_table(tmp_path, default, gateway):
    routes = tmp_path / "route"
    routes.write_text(ROUTES.format(default=default))
    assert default_gateway(routes) == gateway


def test_no_route_table_no_gateway(tmp_path):
    assert default_gateway(tmp_path / "missing") is None


def test_global_addresses_are_those_that_others_reach():
    assert global_addresses([LO, ETH0, DOCKER0]) == ["172.18.0.2", "172.17.0.1"]


def test_the_interfaces_are_those_of_the_kernel():
    found = {interface.name: interface for interface in identity.interfaces()}
    assert found.keys() == {path.name for path in Path("/sys/class/net").iterdir() if path.is_dir()}
    assert "127.0.0.1/8" in found["lo"].addresses
    for name, interface in found.items():
        assert interface.mac == Path(f"/sys/class/net/{name}/address").read_text().strip()


@pytest.mark.parametrize(
    ("address", "bridge", "name", "note"),
    [
        ("172.18.0.3", USER_DEFINED, "client.two-bridges", None),
        ("172.18.0.9", USER_DEFINED, None, "Docker's resolver knows no name for it"),
        ("172.18.0.1", USER_DEFINED, None, "from the host, through the published port"),
        ("127.0.0.1", USER_DEFINED, None, "from inside this container"),
        ("127.0.0.1", DEFAULT, None, "from inside this container"),
        ("172.17.0.3", DEFAULT, None, "no name: this bridge has no resolver that knows containers"),
        ("127.0.0.1", NONE, None, "from inside this machine"),
        ("192.0.2.7", NONE, None, None),
    ],
    ids=[
        "neighbour",
        "stranger",
        "host",
        "itself",
        "itself, default bridge",
        "neighbour, default bridge",
        "itself, no container",
        "another machine",
    ],
)
def test_who_calls(app, monkeypatch, address, bridge, name, note):
    asked = []

    def reverse(address, *_):
        asked.append(address)
        return {"172.18.0.3": "client.two-bridges"}.get(address)

    monkeypatch.setattr(names, "reverse", reverse)
    with app.app_context():
        caller = identity.who_calls(address, "172.18.0.1", bridge, resolver("127.0.0.11"))
    assert caller == identity.Caller(address, name, note)
    # The host's resolver is never asked about a private address.
    assert asked == ([address] if address in ("172.18.0.3", "172.18.0.9") else [])


def test_json(app, in_container):
    response = app.test_client().get("/", environ_base={"REMOTE_ADDR": "172.18.0.3"})
    assert list(response.json) == [
        "hostname",
        "addresses",
        "interfaces",
        "gateway",
        "resolver",
        "bridge",
        "caller",
    ]
    assert response.json | {"bridge": response.json["bridge"]["kind"]} == {
        "hostname": socket.gethostname(),
        "addresses": ["172.18.0.2"],
        "interfaces": [
            {"name": "lo", "mac": LO.mac, "addresses": LO.addresses},
            {"name": "eth0", "mac": ETH0.mac, "addresses": ETH0.addresses},
        ],
        "gateway": "172.18.0.1",
        "resolver": {"nameservers": ["127.0.0.11"], "search": []},
        "bridge": "user-defined",
        "caller": {"address": "172.18.0.3", "name": "client.two-bridges", "note": None},
    }


def test_page(app, in_container):
    page = (
        app.test_client()
        .get("/", headers={"Accept": "text/html"}, environ_base={"REMOTE_ADDR": "172.18.0.3"})
        .text
    )
    for text in (
        "On a user-defined bridge",
        "The resolver is 127.0.0.11",
        "client.two-bridges",
        "<caption>Network interfaces</caption>",
        "172.18.0.2/16",
    ):
        assert text in page


def test_a_name_from_the_network_is_text_on_the_page(app, in_container, monkeypatch):
    monkeypatch.setattr(names, "reverse", lambda *_: "<b>client")
    page = app.test_client().get(
        "/", headers={"Accept": "text/html"}, environ_base={"REMOTE_ADDR": "172.18.0.3"}
    )
    assert "&lt;b&gt;client" in page.text
    assert "<b>client" not in page.text


def test_without_a_free_slot_the_caller_stays_nameless(app, in_container):
    for _ in range(2):
        app.extensions["slots"].acquire()
    response = app.test_client().get("/", environ_base={"REMOTE_ADDR": "172.18.0.3"})
    assert response.status_code == 200
    assert response.json["caller"]["name"] is None
