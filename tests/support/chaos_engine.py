"""An engine of the test's own, whose dockerd can be ended and started again."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.engine import ROOT, docker, run
from tests.support.until import until

IMAGES = ("alpine", "two-bridges-webapp", "two-bridges-client")


@contextmanager
def engine(name: str, options: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """An engine with the pair's images, as scripts/engines.sh starts it: its address, a restart."""
    host = f"unix:///var/lib/two-bridges-engines/{name}/run/docker.sock"
    argv = [str(ROOT / "scripts" / "engines.sh"), name, "sleep", "infinity"]
    env = {**os.environ, "LAB_DOCKERD_OPTIONS": options}
    again: list[subprocess.Popen[bytes]] = []

    def answers() -> bool:
        return docker("-H", host, "version", check=False).returncode == 0

    def restart() -> None:
        again.append(end_and_start(name))
        until(answers)

    with subprocess.Popen(argv, env=env) as process:
        try:
            until(lambda: answers() or process.poll() is not None)
            run("bash", "-ec", f"docker save {' '.join(IMAGES)} | docker -H {host} load")
            yield host, restart
        finally:
            process.terminate()
            for one in again:
                one.wait()


def end_and_start(name: str) -> subprocess.Popen[bytes]:
    """End an engine's dockerd, and start another like it in the same namespaces."""
    pids = run("ip", "netns", "pids", f"tb-{name}").stdout.split()
    (old,) = (pid for pid in pids if Path(f"/proc/{pid}/comm").read_text() == "dockerd\n")

    def words(file: str) -> list[str]:
        return Path(f"/proc/{old}/{file}").read_text().split("\0")[:-1]

    def stat() -> list[str]:  # state, parent, ... (proc_pid_stat(5))
        return Path(f"/proc/{old}/stat").read_text().rpartition(")")[2].split()

    shell, command = stat()[1], words("cmdline")
    env = dict(word.split("=", 1) for word in words("environ"))
    # With dockerd the shell would end, and with that, the first in there, all containers too.
    os.kill(int(shell), signal.SIGSTOP)
    os.kill(int(old), signal.SIGTERM)
    until(lambda: stat()[0] == "Z")
    into = ("nsenter", f"--target={shell}", "--net", "--mount", "--uts", "--pid", "--wd=/")
    with Path(f"/var/lib/two-bridges-engines/{name}/log").open("ab") as log:
        return subprocess.Popen((*into, *command), env=env, stdout=log, stderr=log)
