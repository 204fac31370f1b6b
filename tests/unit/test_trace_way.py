"""labkit.trace without an engine: what the reader's words mean, and what is refused."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from labkit import UsageError, trace
from labkit.inspect import Container
from labkit.trace.way import make_plan, read_probe

A, B = "10.6.1.2", "10.6.1.3"


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        ("ping", ("ping", 0, "")),
        ("tcp:65535", ("tcp", 65535, "")),
        ("dns:a-b.example", ("dns", 53, "a-b.example")),
    ],
)
def test_a_probe(text: str, probe: tuple[str, int, str]) -> None:
    assert read_probe(text) == probe


@pytest.mark.parametrize(
    "text",
    ["", "ping:1", "tcp", "tcp:0", "tcp:080", "tcp:65536", "tcp:http", "dns:", "dns:a..b",
     "dns:a b", f"dns:{'x' * 64}", "udp:53"],
)  # fmt: skip
def test_no_probe(text: str) -> None:
    with pytest.raises(UsageError, match=f"probe '{text}': expected ping"):
        read_probe(text)


def container(name: str, networks: dict[str, str], **more: Any) -> Container:
    """A running container; its id is its name, made long."""
    told = {"state": {"Status": "running"}, "published": {}, "pid": 9, **more}
    return Container(
        name=name, id=(name * 64)[:64], mode="", networks=networks, names={}, service=None,
        exposed=set(), environ={}, dns=(), restarts=0, **told,
    )  # fmt: skip


KNOWN = [
    container("a", {"n": A, "host": ""}, published={8080: 80}),
    container("b", {"m": "10.7.1.3", "n": B}, pid=8),
    container("lone", {"none": ""}),
    container("paused", {"n": "10.6.1.9"}, published={8081: 80}, state={"Status": "paused"}),
    container("ended", {"n": ""}, state={"Status": "exited"}, pid=0),
]


@pytest.mark.parametrize("word", ["b", "b" * 12, "b" * 64])
def test_a_container_by_its_name_and_both_ids(word: str) -> None:
    plan = make_plan("a", word, "tcp:81", KNOWN)
    assert (plan.sender, plan.sender_pid, plan.target, plan.address) == ("a", 9, word, B)
    assert (plan.holder, plan.holder_pid, plan.inner, plan.inner_port) == ("b", 8, [B], 81)
    assert (plan.kind, plan.port, plan.name) == ("tcp", 81, "")


def test_the_address_is_one_on_a_network_that_both_are_on() -> None:
    assert make_plan("a", "b", "ping", KNOWN).address == B
    assert make_plan("host", "b", "ping", KNOWN).address == "10.7.1.3"


def test_a_port_that_the_host_publishes_is_somebody_s() -> None:
    plan = make_plan("host", "127.0.0.1", "tcp:8080", KNOWN)
    assert (plan.sender, plan.sender_pid) == ("host", 0)
    assert (plan.holder, plan.inner, plan.inner_port) == ("a", [A], 80)
    plan = make_plan("host", "127.0.0.1", "tcp:8081", KNOWN)
    assert (plan.holder, plan.inner, plan.inner_port) == ("", [], 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x", "a"), "FROM 'x': expected host or a container that is there"),
        (("a", "x"), "TO 'x': expected an IPv4 address or a container that is there"),
        (("a", "10.0.0.256"), "TO '10.0.0.256': expected an IPv4 address"),
        (("a", "a"), "FROM and TO are both a: expected two different ones"),
        (("a", A), "FROM and TO are both a: expected two different ones"),
        (("host", "lone"), "TO lone has no address: expected one on a bridge"),
        (("a", "ended"), "ended is exited: expected a running container"),
        (("ended", "a"), "ended is exited: expected a running container"),
    ],
)
def test_wrong_ends(words: tuple[str, str], said: str) -> None:
    with pytest.raises(UsageError) as wrong:
        make_plan(*words, "ping", KNOWN)
    assert str(wrong.value).startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--probe", "tcp:0"], "probe 'tcp:0': expected ping, tcp:PORT (1 to 65535)"),
        (["--pcap", "there"], "--pcap there: expected a new directory, in one that is there"),
        (["--svg", "there"], "--svg there: expected a file, in a directory that is there"),
        (["--svg", "no-such/x"], "--svg no-such/x: expected a file, in a directory"),
        (["--pcap", "no-such/x"], "--pcap no-such/x: expected a new directory, in one"),
    ],
)
def test_what_is_wrong_is_said_before_the_engine_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "there").mkdir()
    parser = ArgumentParser()
    trace.configure(parser)
    with pytest.raises(UsageError) as wrong:
        trace.main(parser.parse_args(["host", "127.0.0.1", *words]))
    assert str(wrong.value).startswith(said)
