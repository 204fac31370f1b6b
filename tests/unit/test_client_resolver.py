"""The verdict on the network, from what a container can see of itself."""

import socket
from pathlib import Path

import pytest

from client import resolver

EMBEDDED = b"search lan\nnameserver 127.0.0.11\noptions edns0 ndots:0\n"
HOSTS_OWN = b"# copied from the host\nnameserver 192.168.65.7\nnameserver 8.8.8.8\n"
SERVERS = ("192.168.65.7", "8.8.8.8")


@pytest.mark.parametrize(
    ("resolv_conf", "in_docker", "interfaces", "servers", "where"),
    [
        (EMBEDDED, True, "lo eth0", ("127.0.0.11",), resolver.USER_DEFINED),
        (HOSTS_OWN, True, "lo eth0", SERVERS, resolver.DEFAULT),
        (HOSTS_OWN, True, "lo", SERVERS, resolver.NO_NETWORK),
        (HOSTS_OWN, True, "lo docker0", SERVERS, resolver.NO_BRIDGE),
        (HOSTS_OWN, False, "lo eth0", SERVERS, resolver.NO_BRIDGE),
        (None, True, "lo eth0", (), resolver.DEFAULT),
        (b"nameserver\nnameserver\n;nameserver 1.1.1.1", False, "", (), resolver.NO_BRIDGE),
        (b"\xff\nnameserver \x1b[31m\n", False, "", ("\x1b[31m",), resolver.NO_BRIDGE),
    ],
    ids=[
        "user-defined",
        "default",
        "no-network",
        "host-network",
        "no-container",
        "unreadable",
        "no-address",
        "hostile",
    ],
)
def test_the_network_follows_from_the_resolver_and_the_interfaces(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resolv_conf: bytes | None,
    in_docker: bool,
    interfaces: str,
    servers: tuple[str, ...],
    where: tuple[str, str, str],
) -> None:
    monkeypatch.setattr(resolver, "RESOLV_CONF", tmp_path / "resolv.conf")
    monkeypatch.setattr(resolver, "DOCKERENV", tmp_path / ".dockerenv")
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(interfaces.split(), 1)))
    if resolv_conf is not None:
        (tmp_path / "resolv.conf").write_bytes(resolv_conf)
    if in_docker:
        (tmp_path / ".dockerenv").touch()
    assert resolver.look() == resolver.Resolver(servers, *where)


def test_it_looks_at_this_very_machine() -> None:
    assert resolver.look().bridge in ("user-defined", "default", "none")


def test_a_pod_is_on_no_docker_bridge_though_docker_may_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "DOCKERENV", tmp_path)
    monkeypatch.setattr(resolver, "IN_POD", True)
    assert resolver.look().bridge == "none"


def test_without_a_network_the_cure_is_one() -> None:
    _, meaning, cure = resolver.NO_NETWORK
    assert "no network" in meaning
    assert "--network" in cure
