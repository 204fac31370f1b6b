"""What the doctor's helper reads in a namespace, from files and sockets of the test's own."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from labkit.doctor import probe

needs_little_endian = pytest.mark.skipif(sys.byteorder == "big", reason="tables of x86 and arm")


@pytest.mark.parametrize(
    ("text", "servers", "search", "ndots"),
    [
        ("nameserver 127.0.0.11\nsearch corp.test b.test\noptions edns0 ndots:0\n",
         ["127.0.0.11"], ["corp.test", "b.test"], 0),
        ("# nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver ::2\n", ["10.0.0.1", "::2"], [], 1),
        ("domain corp.test\noptions ndots:x\n", [], ["corp.test"], 1),
    ],
)  # fmt: skip
def test_resolver(
    tmp_path: Path, text: str, servers: list[str], search: list[str], ndots: int
) -> None:
    (tmp_path / "conf").write_text(text)
    found = probe.resolver(tmp_path / "conf")
    assert found == {"servers": servers, "search": search, "ndots": ndots}


def test_hosts(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.0.0.9 WebApp shop # webapp2\n::1 localhost\n")
    assert probe.in_hosts("webapp", hosts) == ["10.0.0.9"]
    assert probe.in_hosts("localhost", hosts) == ["127.0.0.1", "::1"]
    assert probe.in_hosts("webapp2", hosts) == []


@needs_little_endian
def test_listening(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st\n"
    (tmp_path / "tcp").write_text(
        head
        + "   0: 0100007F:1F40 00000000:0000 0A\n"
        + "   1: 0200006C:1F40 0300006C:C350 01\n"  # a connection
        + "   2: 00000000:0050 00000000:0000 0A\n"
    )
    (tmp_path / "tcp6").write_text(head + f"   0: {'0' * 24}01000000:1F41 {'0' * 32}:0000 0A\n")
    assert probe.listening(tmp_path) == [("127.0.0.1", 8000), ("0.0.0.0", 80), ("::1", 8001)]
    (tmp_path / "tcp6").unlink()  # a kernel without IPv6
    assert len(probe.listening(tmp_path)) == 2


@needs_little_endian
def test_routes(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0\n"
        "wg0 00006C0A 00000000 0001 0 0 0 0000FFFF 0 0 0\n"
    )
    assert probe.routes(tmp_path / "route") == [("eth0", "0.0.0.0/0"), ("wg0", "10.108.0.0/16")]


def test_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert probe.connect("127.0.0.1", port) == "connected"
    assert probe.connect("127.0.0.1", port) == "Connection refused"


def test_what_speaks_no_http_has_no_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert probe.status("127.0.0.1", server.getsockname()[1], "/", "x", timeout=0.2) is None


def test_a_dns_server_answers_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        connect = socket.socket.connect
        monkeypatch.setattr(
            socket.socket,
            "connect",
            lambda self, to: connect(self, (to[0], server.getsockname()[1])),
        )
        assert not probe.answers("127.0.0.1", "shop.corp.test", timeout=0.1)
        asked, _ = server.recvfrom(512)
        assert asked[12:] == b"\4shop\4corp\4test\0\0\1\0\1"

        def answer() -> None:
            question, caller = server.recvfrom(512)
            server.sendto(question[:2] + b"\x81\x83", caller)

        threading.Thread(target=answer).start()
        assert probe.answers("127.0.0.1", "shop.corp.test", timeout=5)


def test_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "127.0.0.1" in probe.look_up("localhost")[0]

    def silent(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    assert probe.look_up("x") == ([], "Temporary failure in name resolution")


def test_a_whole_name_is_asked_for_where_there_is_a_search_domain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = {"webapp": ["10.0.0.53"], "webapp.": ["10.0.0.2"]}
    monkeypatch.setattr(probe, "look_up", lambda host: (where[host], ""))
    monkeypatch.setattr(probe, "in_hosts", lambda _: [])
    conf = {"servers": ["127.0.0.11"], "search": ["corp.test"], "ndots": 1}
    monkeypatch.setattr(probe, "resolver", lambda: conf)
    assert probe.probe({"host": "webapp"})["whole_name"] == ["10.0.0.2"]
    conf["search"] = []
    assert "whole_name" not in probe.probe({"host": "webapp"})
