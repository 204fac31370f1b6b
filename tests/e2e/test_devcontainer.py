"""The dev container as its service makes it: what devcontainer.json says is what runs here.

Only with --thorough, as it installs an engine, which takes a minute. It is given the base images.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import ROOT, docker, fresh_name

FOLDER = ROOT / ".devcontainer"
SAYS: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))
# Of the specification's keys (containers.dev), those that this test knows to carry out.
CARRIED_OUT = {
    "name", "build", "privileged", "runArgs", "mounts", "forwardPorts", "postStartCommand",
}  # fmt: skip
AWAY = shutil.ignore_patterns(".git", ".lab", ".*_cache", "__pycache__")


def slow(*words: str) -> str:
    """A command that may fetch packages; its output."""
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def container(tmp_path: Path) -> Iterator[str]:
    """A container made as devcontainer.json says, with a copy of the checkout in it."""
    name = fresh_name()
    workspace = tmp_path / "two-bridges"
    shutil.copytree(ROOT, workspace, ignore=AWAY)
    slow("docker", "build", "--tag", name, "--file", str(FOLDER / SAYS["build"]["dockerfile"]),
         str(FOLDER))  # fmt: skip
    mounts = [mount.replace("${devcontainerId}", name) for mount in SAYS["mounts"]]
    words = [f"--mount={mount}" for mount in mounts] + SAYS["runArgs"]
    words += ["--privileged"] * SAYS["privileged"]
    try:
        docker("run", "--detach", "--name", name, "--label", "two-bridges=test", *words,
               "--volume", f"{workspace}:/workspace", "--workdir", "/workspace",
               name, "sleep", "infinity")  # fmt: skip
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, check=False)
        for mount in mounts:
            docker("volume", "rm", mount.split(",")[0].removeprefix("source="), check=False)
        docker("image", "rm", name, check=False)


@pytest.fixture(autouse=True)
def thorough(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--thorough"):
        pytest.skip("only with --thorough")


@pytest.mark.timeout(900)
def test_the_pair_answers_in_it(container: str) -> None:
    assert set(SAYS) <= CARRIED_OUT
    slow("docker", "exec", container, "scripts/engine.sh", "start")
    save = "docker save python:3.13-slim alpine | docker exec --interactive $0 docker load"
    slow("bash", "-o", "pipefail", "-c", save, container)
    told = slow("docker", "exec", container, "sh", "-c", SAYS["postStartCommand"])
    (port,) = SAYS["forwardPorts"]
    assert f"the pair is up: http://127.0.0.1:{port}/" in told
    # Again, as when the container is stopped and started: its engine is then to be started too.
    docker("restart", "--time", "20", container)
    assert "the pair is up" in slow(
        "docker", "exec", container, "sh", "-c", SAYS["postStartCommand"]
    )
