"""Who can reach the webapp, and who cannot."""

from __future__ import annotations

import pytest
from conftest import docker


def client(network, url):
    return docker(
        "run", "--rm", "--label", "two-bridges=test", "--network", network, "two-bridges-client",
        "--connect-timeout", "2", url, check=False,
    ).returncode  # fmt: skip


@pytest.fixture
def address(pair):
    return pair.inspect("webapp")["NetworkSettings"]["Networks"][pair.network]["IPAddress"]


def test_a_container_on_the_same_network_reaches_it(pair, address):
    assert client(pair.network, "http://webapp:8000/") == 0
    assert client(pair.network, f"http://{address}:8000/") == 0


def test_a_container_on_another_network_does_not(pair, address, networks):
    other = networks()
    assert client(other, "http://webapp:8000/") == 6
    assert client(other, f"http://{address}:8000/") == 28


def test_a_container_on_the_default_bridge_does_not(pair, address):
    assert client("bridge", f"http://{address}:8000/") == 28
