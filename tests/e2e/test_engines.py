"""An engine of another version beside the host's: what it is, and that nothing of it stays."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine import ROOT, Done, cut_off, docker, run
from tests.support.nodes import LINKS, NAMESPACES, remains
from tests.support.until import until

NAME = "newest-9"  # none that `./lab test --engine` uses
SCRIPT = str(ROOT / "scripts" / "engines.sh")
DIR = Path("/var/lib/two-bridges-engines") / NAME
SOCKET = f"unix://{DIR}/run/docker.sock"
NOTHING: list[str] = []


def engine(*args: str, script: str = SCRIPT, env: dict[str, str] | None = None) -> Done:
    return run(script, *args, check=False, env=env)


def there() -> list[str]:
    return remains(f"tb-{NAME}", DIR, f"two-bridges-engine-{NAME}")


@pytest.fixture(autouse=True)
def left() -> Iterator[None]:
    assert there() == NOTHING, "an engine of this name is there already"
    yield
    assert there() == NOTHING


@pytest.fixture
def copy(tmp_path: Path) -> str:
    """The script in a checkout that has fetched no engine yet."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return str(tmp_path / "scripts" / "engines.sh")


def test_it_has_names_addresses_and_files_of_its_own() -> None:
    script = """
        docker network create --label two-bridges=test same-name >/dev/null
        docker run --rm --name same-name --network same-name alpine ip -4 addr show eth0
        docker info --format '{{.ID}}'
        ls /sys/class/net
        touch .lab/made-inside
        exit 7
    """
    done = engine(NAME, "bash", "-ec", script)
    assert done.returncode == 7, done.stderr
    assert "inet 172." in done.stdout
    host = docker("info", "--format", "{{.ID}}").stdout
    assert host not in done.stdout.splitlines(keepends=True)
    assert f"tb-{NAME}" not in done.stdout.splitlines()
    assert docker("network", "ls", "--quiet", "--filter", "name=same-name").stdout == ""
    (ROOT / ".lab" / "made-inside").unlink()


@pytest.mark.long
def test_up_again_keeps_the_containers_on_the_image_store_of_engine_29() -> None:
    """There a build's attestations, which carry its time, would be a part of the image's digest."""
    script = """
        docker info --format '{{.DriverStatus}}' | grep containerd
        for _ in 1 2; do
            ./lab up >/dev/null
            docker compose ps --quiet | sort
        done
    """
    env = {"LAB_DOCKERD_OPTIONS": "--feature containerd-snapshotter=true"}
    done = engine(NAME, "bash", "-ec", script, env=env)
    assert done.returncode == 0, done.stderr
    first, second, *again = done.stdout.splitlines()[-4:]
    assert [first, second] == again


@pytest.mark.long
def test_a_second_of_its_name_is_refused_and_a_killed_one_is_mended() -> None:
    argv = [SCRIPT, NAME, "docker", "run", "--rm", "alpine", "sleep", "600"]
    with subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL) as first:
        try:
            until(lambda: docker("-H", SOCKET, "ps", "--quiet", check=False).stdout)
            again = engine(NAME, "true")
            assert again.returncode == 3
            assert f"the engine {NAME} runs already" in again.stderr
        finally:
            first.kill()
    assert there() != NOTHING
    done = engine(NAME, "true")
    assert (done.returncode, done.stderr) == (0, "")


def running() -> object:
    return docker("-H", SOCKET, "ps", "--quiet", check=False).stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ((NAMESPACES / f"tb-{NAME}").exists, signal.SIGTERM),
        ((LINKS / f"tb-{NAME}").exists, signal.SIGINT),
        ((DIR / "log").exists, signal.SIGHUP),
        ((DIR / "log.load").exists, signal.SIGTERM),
        (running, signal.SIGINT),
    ],
    ids=["network", "link", "engine", "images", "command"],
)
def test_cut_off_it_leaves_nothing(moment: Callable[[], object], number: int) -> None:
    argv = [SCRIPT, NAME, "docker", "run", "--rm", "--init", "alpine", "sleep", "600"]
    assert cut_off(argv, moment, number) == 128 + number


@pytest.mark.long
def test_the_command_ends_by_itself_before_its_engine_does(tmp_path: Path) -> None:
    """So that a page of labs which is cut off takes back what it has written into the checkout."""
    told = tmp_path / "told"
    script = f"trap 'docker ps && touch {told}; exit 1' TERM; echo now; sleep 600 & wait"
    assert cut_off([SCRIPT, NAME, "bash", "-c", script], "now", signal.SIGTERM) == 143
    assert told.exists()


def test_cut_off_while_it_fetches_it_leaves_nothing(copy: str) -> None:
    root = Path(copy).parents[1]
    code = cut_off(
        [copy, NAME, "true"], lambda: list(root.glob(".lab/engines/*/debs")), signal.SIGTERM
    )
    assert code == 143
    assert list(root.glob(".lab/engines/*")) == []


def test_without_a_mirror_it_says_so(copy: str) -> None:
    done = engine(NAME, "true", script=copy, env={"LAB_DEBIAN_MIRROR": "http://127.0.0.1:9/none"})
    assert done.returncode == 3
    assert "from http://127.0.0.1:9/none: expected a mirror in reach" in done.stderr
    assert list(Path(copy).parents[1].glob(".lab/engines/*")) == []


def test_on_a_full_disk_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "df").write_text("#!/bin/sh\necho; echo / 9 9 1024 99% /\n")
    (tmp_path / "df").chmod(0o755)
    done = engine(NAME, "true", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (done.returncode, "the disk is full: 1 MB free" in done.stderr) == (3, True)


def test_what_others_made_is_left_alone() -> None:
    run("ip", "netns", "add", f"tb-{NAME}")
    try:
        done = engine(NAME, "true")
        assert (done.returncode, "and not the lab's" in done.stderr) == (3, True)
        assert (NAMESPACES / f"tb-{NAME}").exists()
    finally:
        run("ip", "netns", "del", f"tb-{NAME}")


@pytest.mark.parametrize("args", [(), ("28.5",), ("newest-1",), (NAME,)])
def test_other_arguments_are_refused(args: tuple[str, ...]) -> None:
    done = engine(*args)
    assert (done.returncode, "expected" in done.stderr) == (2, True)


def test_other_names_are_refused_by_the_lab() -> None:
    done = run("./lab", "test", "--engine", "28.5", "unit", check=False)
    assert (done.returncode, "'28.5': expected floor or newest" in done.stderr) == (2, True)


def test_only_root_may() -> None:
    done = run("unshare", "--map-user=65534", SCRIPT, NAME, "true", check=False)
    assert (done.returncode, "only root can start an engine" in done.stderr) == (3, True)
