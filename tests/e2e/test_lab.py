"""`./lab` as a newcomer types it, and cut off."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.support.engine import ROOT, cut_off, docker, fresh_name, run

UP, DOWN = ["./lab", "up"], ["./lab", "down"]
SERVICES = ("webapp", "client")
Env = dict[str, str]


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def new_project() -> Iterator[Env]:
    """The environment of a project of the tests' own, with the pair removed afterwards."""
    env = {"COMPOSE_PROJECT_NAME": fresh_name(), "WEBAPP_PORT": free_port()}
    yield env
    run("docker", "compose", "down", "--remove-orphans", "--timeout", "0", env=env)


project = pytest.fixture(new_project)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Env]:
    """A pair that `./lab up` has started, and that each test leaves running.

    Its images have names of their own: Compose labels an image with the project, so a build for
    another test's would be another image, and `up` would make the containers anew.
    """
    for env in new_project():
        images = {service: f"{env['COMPOSE_PROJECT_NAME']}-{service}" for service in SERVICES}
        more = tmp_path_factory.mktemp("compose") / "images.yaml"
        more.write_text(json.dumps({"services": {s: {"image": i} for s, i in images.items()}}))
        env["COMPOSE_FILE"] = f"compose.yaml:{more}"
        told = run(*UP, env=env).stdout
        assert f"http://127.0.0.1:{env['WEBAPP_PORT']}/" in told
        assert "webapp -> " in told
        yield env
        run(*DOWN, env=env)
        docker("image", "rm", *images.values())


def objects(env: Env) -> list[str]:
    """What Compose itself made: containers of other tests have the label too, from the image."""
    label = ("--filter", f"label=com.docker.compose.project={env['COMPOSE_PROJECT_NAME']}")
    made = ("--filter", "label=com.docker.compose.oneoff=False")
    containers = docker("ps", "--all", "--quiet", *label, *made).stdout.split()
    return containers + docker("network", "ls", "--quiet", *label).stdout.split()


def answers(env: Env) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{env['WEBAPP_PORT']}/") as page:
        return bool(json.load(page)["bridge"]["kind"] == "user-defined")


def test_up_again_changes_nothing_even_cut_off(running: Env) -> None:
    before = objects(running)
    assert len(before) == 3
    run(*UP, env=running)
    assert objects(running) == before
    assert cut_off(UP, "- starting", signal.SIGTERM, running) == 143
    assert objects(running) == before
    assert answers(running)


# labs:
def test_the_labs_give_a_running_pair_back_also_when_cut_off(running: Env) -> None:
    before = objects(running)
    labs = ["./lab", "test", "labs", "--collect-only", "--quiet"]
    run(*labs, env=running)
    assert not set(before) & set(objects(running)), "they have not removed it"
    assert answers(running)
    assert cut_off(labs, "- removing the pair", signal.SIGTERM, running) == 143
    assert len(objects(running)) == 3
    assert answers(running)


# :labs
def test_down_names_who_else_is_on_the_network(project: Env, start: Callable[..., str]) -> None:
    """Such a container inherits the project's label from an image that Compose has built."""
    name = project["COMPOSE_PROJECT_NAME"]
    network, outsider = f"{name}_pair", f"{name}-outsider"
    run(*UP, env=project)
    words = ("--name", outsider, "--label", f"com.docker.compose.project={name}")
    mine = start(*words, "--network", network, "two-bridges-client", "--count", "0")
    assert cut_off(DOWN, "- removing the pair", signal.SIGINT, project) == 130
    done = run(*DOWN, check=False, env=project)
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert f"docker network disconnect {network} {outsider}" in told
    docker("network", "disconnect", network, outsider)
    run(*DOWN, env=project)
    assert objects(project) == []
    assert docker("inspect", mine, "--format", "{{.State.Running}}").stdout == "true\n"
    run(*DOWN, env=project)


def test_a_taken_port_is_one_line_with_the_cure(project: Env) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(project["WEBAPP_PORT"])))
        holder.listen()
        done = run(*UP, check=False, env=project)
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"lab: port {project['WEBAPP_PORT']} on 127.0.0.1 is taken")
    assert "WEBAPP_PORT=" in last
    assert objects(project) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("- looking", signal.SIGINT),
        ("- building", signal.SIGTERM),
        (1, signal.SIGHUP),
        (3, signal.SIGINT),
    ],
    ids=["looking", "building", "network", "containers"],
)
def test_up_cut_off_leaves_nothing(project: Env, moment: str | int, number: int) -> None:
    """Also with so many networks and containers made."""
    when = moment if isinstance(moment, str) else lambda: len(objects(project)) >= moment
    assert cut_off(UP, when, number, project) == 128 + number
    assert objects(project) == []


def test_ctrl_c_in_a_terminal(project: Env) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve("./lab", UP, os.environ | project)
    shown, pressed = b"", False
    while True:
        try:
            shown += (chunk := os.read(terminal, 4096))
        except OSError:
            break
        if not chunk:
            break
        if b"- starting" in shown and not pressed:
            pressed = bool(os.write(terminal, b"\x03"))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130, shown.decode()
    assert objects(project) == []


def test_no_engine_at_docker_host_is_one_line() -> None:
    done = run(*UP, check=False, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.returncode == 3
    assert "unix:///nowhere/docker.sock does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_no_permission_on_the_socket_is_one_line() -> None:
    # Not pytest's own folder: that is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "lab", folder)
        shutil.copytree(ROOT / "scripts", f"{folder}/scripts")
        run("chown", "--recursive", "65534", folder)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "./lab", "up"],
            cwd=folder, text=True, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("lab: no permission on the Docker socket")
    assert len(done.stderr.splitlines()) == 1


def test_doctor_names_the_engine_and_each_stand_in() -> None:
    told = run("./lab", "doctor").stdout
    assert "Docker Engine" in told
    for image in ("python:3.13-slim", "alpine"):
        label = docker(
            "image", "inspect", image, "--format", '{{index .Config.Labels "two-bridges.stand-in"}}'
        ).stdout.strip()
        line = next(one for one in told.splitlines() if f" {image}: " in one)
        assert line.endswith(f"stand-in {label}" if label else "here")
