"""labs/*.sh: the story that each tells, and that nothing of it stays."""

import signal
from collections.abc import Callable

import pytest

from tests.support.engine import cut_off, docker, run

DEFAULT, OWN = "labs/default-bridge.sh", "labs/user-defined-bridge.sh"
PREFIX = {DEFAULT: "default", OWN: "own"}


def there(prefix: str) -> set[str]:
    names = docker("ps", "--all", "--format", "{{.Names}}").stdout.split()
    networks = docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    return {f"{prefix}-webapp", f"{prefix}-client", f"{prefix}-bridge"} & {*names, *networks}


def test_on_the_default_bridge_the_name_fails_and_the_address_works() -> None:
    out = run(DEFAULT).stdout
    by_name, by_address = out.split("exit code 6")
    assert "FAILED" in by_name
    assert " 200 " in by_address
    assert "$ docker run --rm" in by_address
    assert there("default") == set()


def test_on_a_bridge_of_your_own_the_name_works() -> None:
    out = run(OWN).stdout
    assert "nameserver 127.0.0.11" in out
    assert "own-webapp -> " in out
    assert " 200 " in out
    assert there("own") == set()


@pytest.mark.parametrize(
    ("script", "moment"),
    [
        (DEFAULT, "$ docker compose"),
        (DEFAULT, "$ docker run --detach"),
        (DEFAULT, lambda: "default-webapp" in there("default")),
        (DEFAULT, "$ docker run --rm"),
        (OWN, lambda: "own-bridge" in there("own")),
        (OWN, "$ docker exec"),
    ],
    ids=["build", "run", "running", "client", "network", "exec"],
)
def test_cut_off_it_leaves_nothing(script: str, moment: str | Callable[[], bool]) -> None:
    assert cut_off([script], moment, signal.SIGTERM) == 128 + signal.SIGTERM
    assert there(PREFIX[script]) == set()


@pytest.mark.parametrize("script", PREFIX)
def test_a_container_of_that_name_is_not_touched(script: str, start: Callable[..., str]) -> None:
    name = f"{PREFIX[script]}-webapp"
    mine = start("--name", name, "alpine", "sleep", "600")
    done = run(script, check=False)
    assert done.returncode == 3
    assert f"a container named {name} is already there" in done.stderr
    assert docker("inspect", mine, "--format", "{{.State.Running}}").stdout.strip() == "true"
