"""`./lab nodes`: three engines that answer each other, and that leave nothing, however they end."""

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit.pages.things import missing

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "nodes.sh"
DIR = Path("/var/lib/two-bridges-nodes")
LINKS, NAMESPACES = Path("/sys/class/net"), Path("/run/netns")
NOTHING: list[str] = []

pytestmark = pytest.mark.skipif(missing("nodes") is not None, reason=str(missing("nodes")))


def nodes(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *args],
        env=os.environ | env, text=True, capture_output=True, timeout=90, check=False,
    )  # fmt: skip


def engine(n: int, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["docker", "-H", f"unix://{DIR}/node{n}/docker.sock", *words]
    return subprocess.run(argv, text=True, capture_output=True, timeout=60, check=False)


def there() -> list[str]:
    """What nodes consist of, and so could leave."""
    ours = (DIR.parent.glob(DIR.name), LINKS.glob("tb-node*"), NAMESPACES.glob("tb-node*"))
    found = [str(path) for paths in ours for path in paths]
    found += [path for path, _, _ in os.walk("/sys/fs/cgroup") if "two-bridges-nodes" in path]
    rules = subprocess.check_output(["iptables", "-w", "-S", "FORWARD"], text=True)
    found += [rule for rule in rules.splitlines() if "two-bridges-nodes" in rule]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(DIR) in command:
            found.append(command)
    return found


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.002)


@contextmanager
def alone() -> Iterator[None]:
    """Nodes have fixed names, and other files' tests run at the same time: wait for one's turn."""
    with (Path(tempfile.gettempdir()) / "two-bridges-test-nodes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True, scope="module")
def turn() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture(autouse=True)
def left(turn: None) -> Iterator[None]:
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

    saved = subprocess.check_output(["docker", "save", "alpine:latest"], timeout=60)
    load = ["docker", "-H", f"unix://{DIR}/node1/docker.sock", "load", "--quiet"]
    subprocess.run(load, input=saved, check=True, capture_output=True, timeout=60)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_it_leaves_nothing(number: signal.Signals, moment: str) -> None:
    up = start()
    wait_for(MOMENTS[moment])
    # A terminal sends Ctrl-C to all of the group, `kill` ends the script alone.
    (os.killpg if number == signal.SIGINT else os.kill)(up.pid, number)
    _, said = up.communicate(timeout=60)
    assert (up.returncode, said[-17:]) == (128 + number, "lab: interrupted\n")
    assert there() == NOTHING


@pytest.mark.parametrize("moment", MOMENTS)
def test_down_mends_what_a_killed_up_has_left(moment: str) -> None:
    up = start()
    wait_for(MOMENTS[moment])
    up.kill()
    up.communicate(timeout=60)
    assert DIR.exists()
    down = nodes("down")
    assert (down.returncode, down.stderr) == (0, "")
    assert there() == NOTHING


def test_an_engine_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    fake = tmp_path / "dockerd"
    fake.write_text("#!/bin/sh\necho no space left for me\nexit 1\n")
    fake.chmod(0o755)
    up = nodes("up", PATH=f"{tmp_path}:{os.environ['PATH']}")
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


def test_only_root_may(tmp_path: Path) -> None:
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-s", "up"]
    done = subprocess.run(argv, input=SCRIPT.read_text(), text=True, capture_output=True, cwd="/")
    assert (done.returncode, done.stderr) == (
        3, "lab: nodes: only root can start engines: sudo ./lab nodes up\n",
    )  # fmt: skip


def test_a_machine_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    for name in ("bash", "env", "uname", "id", "docker", "ip", "nsenter", "unshare"):
        where = subprocess.check_output(["which", name], text=True).strip()
        (tmp_path / name).symlink_to(where)
    done = nodes("up", PATH=str(tmp_path))
    assert done.returncode == 3
    assert "not on the PATH: dockerd iptables (Debian: " in done.stderr


@pytest.mark.parametrize("args", [(), ("start",), ("up", "4")])
def test_other_arguments_are_refused(args: tuple[str, ...]) -> None:
    done = nodes(*args)
    assert done.returncode == 2
    assert f"'{args[-1] if args else ''}': expected" in done.stderr
