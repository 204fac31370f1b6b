"""`./lab compare` on both outcomes, asked wrongly, cut off. Here only: two refuse each other."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from test_readme import HELD, steady

from conftest import ROOT, docker, run


def left_behind():
    label = ["--filter", "label=two-bridges=compare", "--quiet"]
    return (
        docker("ps", "--all", *label).stdout.split()
        + docker("network", "ls", *label).stdout.split()
    )


def test_the_table_is_the_readmes_and_exit_0():
    done = run("./lab", "compare")
    rows = {line[:18].strip(): line for line in done.stdout.splitlines()}
    assert rows["name look-up"].split()[2] == "fails"
    assert rows["client's exit code"].split()[-2:] == ["6", "0"]
    assert rows["ping by address"].split()[3:] == ["answers", "answers"]
    assert steady(done.stdout) == steady(HELD[2])
    assert left_behind() == []


def test_json_has_both_bridges():
    told = json.loads(run("./lab", "compare", "--json").stdout)
    default, own = told["default_bridge"], told["user_defined_bridge"]
    assert told["as_expected"] is True
    assert (default["lookup"], default["exit_by_name"], default["http_by_address"]) == (
        None,
        6,
        200,
    )
    assert (own["lookup"], own["exit_by_name"], own["http_by_name"]) == (own["webapp"], 0, 200)
    assert own["resolver"] == "127.0.0.11"


def test_a_broken_bridge_is_exit_1_and_says_what_broke(networks):
    broken = networks("--opt", "com.docker.network.bridge.enable_icc=false")
    done = run("./lab", "compare", "--network", broken, check=False)
    assert done.returncode == 1
    assert "user-defined bridge: no HTTP by name (exit 28)" in done.stdout
    assert "user-defined bridge: no ping by address" in done.stdout
    assert left_behind() == []
    assert docker("network", "inspect", broken).returncode == 0


def test_a_bridge_that_has_no_names_is_exit_1():
    done = run("./lab", "compare", "--network", "bridge", check=False)
    assert done.returncode == 1
    assert "user-defined bridge: no HTTP by name (exit 6)" in done.stdout


@pytest.mark.parametrize("words", [["--network", "no-such-net"], ["--network", "host"], ["--nope"]])
def test_bad_arguments_exit_2(words):
    done = run("./lab", "compare", *words, check=False)
    assert done.returncode == 2
    assert words[-1] in done.stderr


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("- looking", 0),
        ("- the pair", 0),
        ("- the pair", 0.8),
        ("- the same pair", 0),
        ("- the same pair", 0.8),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_cut_off_at_any_moment_it_leaves_nothing(line, seconds, number):
    with subprocess.Popen(
        ["./lab", "compare"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert any(told.startswith(line) for told in process.stderr)
        time.sleep(seconds)
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode == 128 + number
    assert left_behind() == []
