"""Each exit code of the client, provoked for real in containers."""

from __future__ import annotations

import json

import pytest
from conftest import docker


def call(network, *words):
    done = docker(
        "run", "--rm", "--label", "two-bridges=test", "--network", network, "two-bridges-client",
        *words, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "step"),
    [
        (["http://webapp:8000/"], 0, "ask"),
        (["http://no-such-name:8000/"], 6, "resolve"),
        (["http://webapp:8001/"], 7, "connect"),
        (["http://webapp:8000/status/503"], 22, "ask"),
        (["http://webapp:8000/nowhere"], 22, "ask"),
        (["--read-timeout", "0.5", "http://webapp:8000/delay/3"], 28, "ask"),
    ],
    ids=["answered", "unknown-name", "refused-port", "error-status", "not-found", "slow-answer"],
)
def test_exit_code_and_step(pair, words, code, step):
    returned, out, _ = call(pair.network, "--format", "json", *words)
    line = json.loads(out.splitlines()[0])
    assert (returned, line["code"], line["step"]) == (code, code, step)
    assert line["ok"] is (code == 0)


def test_a_blackholed_address_times_out(pair):
    """The engine drops packets from one bridge to another without a word."""
    address = pair.inspect("webapp")["NetworkSettings"]["Networks"][pair.network]["IPAddress"]
    returned, out, _ = call(
        "bridge", "--format", "json", "--connect-timeout", "1", f"http://{address}:8000/"
    )
    line = json.loads(out.splitlines()[0])
    assert (returned, line["code"], line["step"]) == (28, 28, "connect")


def test_an_address_that_no_one_has_is_unreachable(networks):
    network = networks("--subnet", "10.213.7.0/24")
    returned, out, _ = call(
        network, "--format", "json", "--connect-timeout", "10", "http://10.213.7.99:8000/"
    )
    line = json.loads(out.splitlines()[0])
    assert (returned, line["code"], line["step"]) == (7, 7, "connect")


@pytest.mark.parametrize(
    "words",
    [["--count", "x"], ["--no-such-option"], ["webapp:8000"], ["http://webapp:99999/"]],
    ids=["count", "option", "no-scheme", "port"],
)
def test_bad_arguments_exit_2_and_name_what_was_wrong(words):
    returned, out, err = call("bridge", *words)
    assert returned == 2
    assert out == ""
    assert words[-1].lstrip("-") in err
    assert len(err.splitlines()) <= 2


def test_on_the_default_bridge_the_line_says_what_and_why_and_what_to_do():
    returned, out, _ = call("bridge", "http://webapp:8000/")
    assert returned == 6
    line = out.splitlines()[0]
    for word in ("resolve", "default bridge", "docker network create"):
        assert word in line
