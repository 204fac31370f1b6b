"""`./lab nodes`: three engines that answer each other, and that leave nothing, however they end."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine import LIMIT, ROOT, run
from tests.support.nodes import (
    DIR,
    LINKS,
    NAMESPACES,
    SCRIPT,
    alone,
    engine,
    needed,
    nodes,
    there,
)  # fmt: skip
from tests.support.until import until

NOTHING: list[str] = []

pytestmark = needed


@pytest.fixture(autouse=True, scope="module")
def turn() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture(autouse=True)
def left(turn: object) -> Iterator[None]:
    assert there() == NOTHING, "nodes are there already: ./lab nodes down removes them"
    yield
    nodes("down")


def test_they_answer_each_other_and_go_with_all_that_they_hold() -> None:
    up = nodes("up")
    assert (up.returncode, up.stderr) == (0, "")
    lines = [f"node{n}  10.109.0.{n}  swarm inactive" for n in (1, 2, 3)]
    assert up.stdout.splitlines() == lines
    assert [engine(n, "info", "--format", "{{.Name}}").stdout for n in (1, 2, 3)] == [
        "node1\n", "node2\n", "node3\n",
    ]  # fmt: skip
    again = nodes("up")
    assert (again.returncode, "./lab nodes down removes it" in again.stderr) == (3, True)

    saved = subprocess.check_output(["docker", "save", "alpine:latest"], timeout=LIMIT)
    load = ["docker", "-H", f"unix://{DIR}/node1/docker.sock", "load", "--quiet"]
    subprocess.run(load, input=saved, check=True, capture_output=True, timeout=LIMIT)
    ping = engine(1, "run", "--rm", "--network", "host", "alpine", "ping", "-c", "1", "10.109.0.2")
    assert ping.returncode == 0, ping.stdout
    out = engine(1, "run", "--rm", "--network", "host", "alpine", "ping", "-c", "1", "192.0.2.1")
    assert "Network is unreachable" in out.stderr
    assert engine(1, "run", "--detach", "alpine", "sleep", "600").returncode == 0

    pids = subprocess.check_output(["ip", "netns", "pids", "tb-node2"], text=True).split()
    subprocess.run(["kill", "-KILL", *pids], capture_output=True)  # one may take others along
    status = nodes("status")
    assert (status.returncode, status.stdout.splitlines()[1]) == (1, "node2  10.109.0.2  no answer")

    down = nodes("down")
    assert (down.returncode, down.stderr) == (0, "")
    assert there() == NOTHING
    assert nodes("status").returncode == 1


MOMENTS: dict[str, Callable[[], object]] = {
    "claimed": DIR.exists,
    "the second is plugged": (LINKS / "tb-node2").exists,
    "the first is started": (DIR / "node1" / "log").exists,
    "the first listens": (DIR / "node1" / "docker.sock").exists,
    "the third is started": (DIR / "node3" / "log").exists,
}


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [SCRIPT, "up"], text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


# A terminal sends Ctrl-C to all of the group, `kill` ends the script alone.
@pytest.mark.parametrize(
    ("moment", "send", "number"),
    [
        ("claimed", os.killpg, signal.SIGINT),
        ("the second is plugged", os.kill, signal.SIGTERM),
        ("the first is started", os.kill, signal.SIGTERM),
        ("the first listens", os.killpg, signal.SIGINT),
        ("the third is started", os.kill, signal.SIGTERM),
    ],
)
def test_interrupted_it_leaves_nothing(
    moment: str, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    up = start()
    until(MOMENTS[moment])
    send(up.pid, number)
    _, said = up.communicate(timeout=LIMIT)
    assert (up.returncode, said[-17:]) == (128 + number, "lab: interrupted\n")
    assert there() == NOTHING


@pytest.mark.parametrize("moment", ["the second is plugged", "the third is started"])
def test_down_mends_what_a_killed_up_has_left(moment: str) -> None:
    up = start()
    until(MOMENTS[moment])
    up.kill()
    up.communicate(timeout=LIMIT)
    assert DIR.exists()
    down = nodes("down")
    assert (down.returncode, down.stderr) == (0, "")
    assert there() == NOTHING


def test_an_engine_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    fake = tmp_path / "dockerd"
    fake.write_text("#!/bin/sh\necho no space left for me\nexit 1\n")
    fake.chmod(0o755)
    up = nodes("up", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert up.returncode == 1
    assert "    no space left for me\n" in up.stderr
    assert "the engine of node1 does not answer: expected it within 30 s" in up.stderr
    assert there() == NOTHING


def test_what_others_made_is_left_alone() -> None:
    for name in ("tb-node2", "tb-nodes-other"):
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        up = nodes("up")
        assert (up.returncode, "tb-node2 is already there, and not the lab's" in up.stderr) == (
            3, True,
        )  # fmt: skip
        assert nodes("down").stdout == "no nodes: nothing to remove\n"
        assert (NAMESPACES / "tb-node2").exists()
        subprocess.run(["ip", "netns", "del", "tb-node2"], check=True)
        assert nodes("up").returncode == 0
        assert nodes("down").returncode == 0
        assert (NAMESPACES / "tb-nodes-other").exists()
    finally:
        for name in ("tb-node2", "tb-nodes-other"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def test_only_root_may() -> None:
    # Not pytest's own folder: that is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "scripts", folder, dirs_exist_ok=True)
        run("chown", "--recursive", "65534", folder)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "./nodes.sh", "up"]
        done = subprocess.run(argv, text=True, capture_output=True, cwd=folder)
    assert (done.returncode, done.stderr) == (
        3, "lab: nodes: only root can start engines: sudo ./lab nodes up\n",
    )  # fmt: skip


def test_a_machine_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    for name in ("bash", "env", "uname", "id", "dirname", "docker", "ip", "nsenter", "unshare"):
        where = subprocess.check_output(["which", name], text=True).strip()
        (tmp_path / name).symlink_to(where)
    done = nodes("up", env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "not on the PATH: dockerd iptables (Debian: " in done.stderr


@pytest.mark.parametrize("args", [(), ("start",), ("up", "4")])
def test_other_arguments_are_refused(args: tuple[str, ...]) -> None:
    done = nodes(*args)
    assert done.returncode == 2
    assert f"'{args[-1] if args else ''}': expected" in done.stderr
