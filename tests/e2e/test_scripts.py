"""labs/*.sh: the story that each tells, and that nothing of it stays."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from conftest import ROOT, docker, run

SCRIPTS = {"labs/default-bridge.sh": "default", "labs/user-defined-bridge.sh": "own"}


def left_behind(prefix):
    names = docker("ps", "--all", "--format", "{{.Names}}").stdout.split()
    networks = docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    return {f"{prefix}-webapp", f"{prefix}-client", f"{prefix}-bridge"} & {*names, *networks}


def test_on_the_default_bridge_the_name_fails_and_the_address_works():
    out = run("labs/default-bridge.sh").stdout
    by_name, by_address = out.split("exit code 6")
    assert "FAILED" in by_name
    assert " 200 " in by_address
    assert "$ docker run --rm" in by_address
    assert left_behind("default") == set()


def test_on_a_bridge_of_your_own_the_name_works():
    out = run("labs/user-defined-bridge.sh").stdout
    assert "nameserver 127.0.0.11" in out
    assert "own-webapp -> " in out
    assert " 200 " in out
    assert left_behind("own") == set()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "line", ["docker compose", "docker run --detach", "docker exec", "docker run --rm"]
)
@pytest.mark.parametrize("seconds", [0, 0.2])
def test_cut_off_it_leaves_nothing(script, line, seconds):
    with subprocess.Popen([script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(told.startswith(f"$ {line}") for told in process.stdout)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 143
    assert left_behind(SCRIPTS[script]) == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_container_of_that_name_is_not_touched(script, start):
    name = f"{SCRIPTS[script]}-webapp"
    mine = start("--name", name, "alpine", "sleep", "60")
    done = run(script, check=False)
    assert done.returncode == 3
    assert f"a container named {name} is already there" in done.stderr
    assert docker("inspect", mine, "--format", "{{.State.Running}}").stdout.strip() == "true"
