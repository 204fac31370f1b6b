"""What is measured lives here: made on the engine under one label, and removed by it."""

import contextlib
import copy
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from labkit import docker

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "bench"
LABEL = "two-bridges=bench"
NAME = "two-bridges-bench"
LIMIT = 600.0  # seconds for one command, or until something answers
# As in compose.yaml.
HARDENED = (
    "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges",
    "--memory=192m", "--pids-limit=128",
)  # fmt: skip
SOURCES = ("compose.yaml", "Dockerfile", ".dockerignore", "requirements.txt", "webapp", "client")


def say(text: str) -> None:
    """Tell the reader what is measured now."""
    print(f"- {text}", file=sys.stderr, flush=True)


def run(*words: str) -> str:
    """The output of `docker WORDS`, which a signal may break off: remove_all() looks again."""
    return docker.run(*words, limit=LIMIT, breakable=True)


def remove_all() -> None:
    """Remove all that carries the label; again, as the engine may yet make what was broken off."""
    quiet = 0
    for _ in range(40):
        found = [
            (kind, ids)
            for kind, every in (("container", "--all"), ("network", "--no-trunc"), ("image", "-a"))
            if (ids := _labelled(kind, every))
        ]
        for kind, ids in found:
            docker.attempt(kind, "rm", *["--force"] * (kind != "network"), *ids, limit=LIMIT)
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            return
        time.sleep(0.25)


def _labelled(kind: str, every: str) -> list[str]:
    listed = docker.attempt(kind, "ls", "--quiet", every, "--filter", f"label={LABEL}")
    return list(dict.fromkeys(listed.stdout.split()))


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for CONDITION; EngineError names WHAT did not come in LIMIT seconds."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise docker.EngineError(f"{what}: not within {LIMIT:.0f} s")
        time.sleep(0.01)


def seconds(act: Callable[[], object]) -> float:
    """How long ACT takes."""
    start = time.monotonic()
    act()
    return time.monotonic() - start


def succeeds(*words: str) -> bool:
    """Whether `docker WORDS` ends with 0."""
    return docker.attempt(*words).returncode == 0


@contextlib.contextmanager
def running(*argv: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """ARGV at work beside us, and the file of what it prints; at the end SIGTERM, and a wait."""
    with tempfile.NamedTemporaryFile(prefix=NAME) as out:
        with docker.held():
            process = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield process, Path(out.name)
        finally:
            with docker.held():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait(LIMIT)


@contextlib.contextmanager
def network() -> Iterator[None]:
    """A bridge for serve(); gone at the end, with the containers on it."""
    run("network", "create", "--driver", "bridge", "--label", LABEL, NAME)
    yield
    remove()
    run("network", "rm", NAME)


def serve(name: str, image: str, *words: str) -> str:
    """Start a container of IMAGE that runs WORDS, hardened as the pair; return its address."""
    made = ("--label", LABEL, "--network", NAME, "--name", f"{NAME}-{name}")
    run("run", "--detach", *made, "--network-alias", name, *HARDENED, image, *words)
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run("inspect", "--format", form, f"{NAME}-{name}")


def inside(name: str, *words: str) -> str:
    """What WORDS print in a container of serve()."""
    return run("exec", f"{NAME}-{name}", *words)


def remove() -> None:
    """Remove what serve() has started."""
    if found := _labelled("container", "--all"):
        run("rm", "--force", *found)


def memory(*containers: str) -> list[float]:
    """The MiB that each of them holds, as `docker stats` counts: no file that can be dropped."""
    told = run("stats", "--no-stream", "--format", "{{.MemUsage}}", *containers).splitlines()
    units = {"B": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}
    found = [re.match(r"([\d.]+)(\w+) /", line) for line in told]
    return [float(one[1]) * units[one[2]] for one in found if one]


def build(target: str, image: str) -> str:
    """Build a target of bench/Dockerfile on the sample's IMAGE; return its name."""
    words = ("--quiet", "--label", LABEL, "--build-arg", f"IMAGE={image}", "--target", target)
    run("build", *words, "--tag", f"{NAME}-{target}", str(HERE))
    return f"{NAME}-{target}"


class Project:
    """A Compose project of its own, of a copy of the sample that may be edited."""

    def __init__(
        self,
        name: str,
        folder: Path,
        sources: tuple[str, ...] = SOURCES,
        over: tuple[str, ...] = ("compose.yaml",),
    ) -> None:
        self.name, self.folder = f"{NAME}-{name}", Path(tempfile.mkdtemp(dir=folder))
        self.answer = "ok"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        for source in map(ROOT.joinpath, sources):
            if source.is_dir():
                skipped = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.folder / source.name, ignore=skipped)
            else:
                shutil.copy(source, self.folder)
        self.files = [self.folder / "compose.yaml", *(HERE / more for more in over)]
        (self.folder / ".env").write_text(f"WEBAPP_PORT={self.port}\n")

    def over(self, name: str) -> "Project":
        """The same project with one file more of bench/ laid over it."""
        other = copy.copy(self)
        other.files = [*self.files, HERE / name]
        return other

    def words(self, *words: str) -> tuple[str, ...]:
        """The command `docker WORDS` is: Compose, for this project."""
        files = (word for file in self.files for word in ("--file", str(file)))
        where = ("--project-directory", str(self.folder), "--project-name", self.name)
        return ("compose", "--parallel", "8", *files, *where, *words)

    def compose(self, *words: str) -> str:
        """Run it to its end."""
        return run(*self.words(*words))

    def down(self) -> None:
        """Remove its containers and its network at once."""
        self.compose("down", "--remove-orphans", "--timeout", "0")

    def edit(self, answer: str) -> None:
        """Edit one line of webapp, so that /healthz answers with another word."""
        old, self.answer = f'"status": "{self.answer}"', answer
        for file in (self.folder / "webapp").glob("*.py"):
            if old in (text := file.read_text("utf-8")):
                file.write_text(text.replace(old, f'"status": "{answer}"'), "utf-8")

    def answers(self) -> bool:
        """Whether /healthz answers, on the port of this machine, as webapp was last edited."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            url = f"http://127.0.0.1:{self.port}/healthz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return f'"{self.answer}"' in answer.read().decode()
        return False
