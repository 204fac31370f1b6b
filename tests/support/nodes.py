"""`./lab nodes` for the tests: one user of the fixed names at a time, and what could be left."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.engine import ROOT, Done, run

SCRIPT = str(ROOT / "scripts" / "nodes.sh")
DIR = Path("/var/lib/two-bridges-nodes")
LINKS, NAMESPACES = Path("/sys/class/net"), Path("/run/netns")


def nodes(*args: str, check: bool = False, env: Mapping[str, str] | None = None) -> Done:
    return run(SCRIPT, *args, check=check, env=env)


# In CI nothing that a machine can have is left out: there it fails, and says why.
needed = pytest.mark.skipif(
    os.environ.get("CI") != "true" and nodes("able").returncode != 0,
    reason="this is no machine for three engines: Linux, root, dockerd, ip and iptables",
)


@contextmanager
def alone() -> Iterator[None]:
    """Nodes have fixed names, and other files' tests run at the same time: wait for one's turn."""
    with (Path(tempfile.gettempdir()) / "two-bridges-test-nodes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def engine(n: int, *words: str, check: bool = False, stdin: str = "") -> Done:
    """A docker command to the engine of node N."""
    argv = ("docker", "-H", f"unix://{DIR}/node{n}/docker.sock", *words)
    return run(*argv, check=check, stdin=stdin)


def remains(prefix: str, directory: Path, cgroup: str) -> list[str]:
    """What engines consist of whose networks begin with PREFIX, and so could leave."""
    found = [str(path) for path in (directory,) if path.exists()]
    found += [str(p) for place in (LINKS, NAMESPACES) for p in place.glob(f"{prefix}*")]
    found += [path for path, _, _ in os.walk("/sys/fs/cgroup") if cgroup in Path(path).parts]
    rules = subprocess.check_output(["iptables-save"], text=True).splitlines()
    found += [rule for rule in rules if cgroup in rule or f" {prefix} " in rule]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(directory) in command:
            found.append(command)
    return found


def there() -> list[str]:
    """What nodes consist of, and so could leave."""
    return remains("tb-node", DIR, "two-bridges-nodes")
