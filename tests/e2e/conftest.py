"""What the end-to-end tests share: a real engine, and the pair on it under names of the tests' own.

There is no skip for a missing engine: `./lab test e2e` sets one up; without it, all of this fails.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# A terminated run must clean up as an interrupted one does.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def run(*words: str, check: bool = True, timeout: float = 90, **env: str) -> Any:
    """Run a command in the repository; fail the test with its output when it fails."""
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **env},
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def docker(*words: str, check: bool = True, timeout: float = 60) -> Any:
    return run("docker", *words, check=check, timeout=timeout)


ASK = """
import json, sys, requests
method, url, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
answer = requests.request(method, url, headers=headers, data=sys.argv[4] or None, timeout=20)
print(json.dumps([answer.status_code, dict(answer.headers), answer.text]))
"""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Pair:
    """The two services of compose.yaml, as one Compose project."""

    project: str
    env: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ("compose.yaml",)

    def compose(self, *words: str, check: bool = True, timeout: float = 120) -> Any:
        files = [word for name in self.files for word in ("--file", name)]
        return run(
            "docker", "compose", *files, "--project-name", self.project, *words,
            check=check, timeout=timeout, **{"WEBAPP_PORT": "0", **self.env},
        )  # fmt: skip

    def container(self, service: str) -> str:
        return str(self.compose("ps", "--all", "--quiet", service).stdout.strip())

    def inspect(self, service: str) -> Any:
        return json.loads(docker("inspect", self.container(service)).stdout)[0]

    def logs(self, service: str) -> list[str]:
        """What a service wrote, by line. Compose's own logs command adds terminal codes."""
        return str(docker("logs", self.container(service)).stdout).splitlines()

    @property
    def network(self) -> str:
        return f"{self.project}_pair"

    def ask(
        self, path: str, method: str = "GET", body: str = "", host: str = "webapp", **headers: str
    ) -> Answer:
        """Ask webapp by its name, from the client's container, across the bridge."""
        done = docker(
            "exec", self.container("client"), "python", "-c", ASK,
            method, f"http://{host}:8000{path}", json.dumps(headers), body,
        )  # fmt: skip
        return Answer(*json.loads(done.stdout))


def fresh_name() -> str:
    return f"tb-e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session", autouse=True)
def untagged_images() -> Iterator[None]:
    """Remove the images that a build for a test's own project has left without a name.

    Compose labels an image with the project, so each project's is another one of the same name.
    """
    yield
    docker("compose", "build", "--quiet")
    label = "com.docker.compose.project"
    listing = ("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", f"label={label}")
    for image in docker(*listing).stdout.split():
        form = f'{{{{index .Config.Labels "{label}"}}}}'
        project = docker("image", "inspect", image, "--format", form, check=False).stdout
        if project.startswith("tb-e2e-"):
            docker("image", "rm", image, check=False)  # the other worker may have been faster


@pytest.fixture(scope="session")
def make_pair() -> Iterator[Callable[..., Pair]]:
    """Pairs that are removed at the end, each a project of its own; not yet started."""
    made: list[Pair] = []

    def make(files: tuple[str, ...] = ("compose.yaml",), **env: str) -> Pair:
        pair = Pair(fresh_name(), env, files)
        made.append(pair)
        return pair

    yield make
    for pair in made:
        pair.compose("down", "--remove-orphans", "--timeout", "5")


@pytest.fixture(scope="session")
def pair(make_pair: Callable[..., Pair]) -> Pair:
    """The pair as `docker compose up --wait` starts it, with the fault routes on."""
    pair = make_pair(WEBAPP_FAULTS="on", CLIENT_FORMAT="json")
    pair.compose("up", "--detach", "--wait")
    return pair


@pytest.fixture
def networks() -> Iterator[Callable[..., str]]:
    """Makes networks of the test's own, and removes them with the containers on them."""
    made: list[str] = []

    def make(*options: str) -> str:
        name = fresh_name()
        docker("network", "create", "--label", "two-bridges=test", *options, name)
        made.append(name)
        return name

    yield make
    for name in made:
        on_it = docker("ps", "--all", "--quiet", "--filter", f"network={name}").stdout.split()
        if on_it:
            docker("rm", "--force", *on_it)
        docker("network", "rm", name)


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Starts containers detached and removes them afterwards; returns the container's id."""
    made: list[str] = []

    def start(*words: str) -> str:
        name = docker("run", "--detach", "--label", "two-bridges=test", *words).stdout.strip()
        made.append(name)
        return str(name)

    yield start
    if made:
        docker("rm", "--force", *made)
