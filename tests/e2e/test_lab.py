"""`./lab` as a newcomer types it, and as one mistypes it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest
from conftest import ROOT, docker, fresh_name, run


@pytest.fixture
def project():
    """A project name of the test's own for ./lab up, with the pair removed afterwards."""
    name = fresh_name()
    yield name
    docker("compose", "--project-name", name, "down", "--remove-orphans", "--timeout", "2")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def objects(project):
    label = ["--filter", f"label=com.docker.compose.project={project}", "--quiet"]
    return (
        docker("ps", "--all", *label).stdout.split()
        + docker("network", "ls", *label).stdout.split()
    )


def test_up_twice_and_down_twice(project):
    env = {"COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    first = run("./lab", "up", **env)
    assert f"http://127.0.0.1:{env['WEBAPP_PORT']}/" in first.stdout
    assert "webapp -> " in first.stdout
    with urllib.request.urlopen(f"http://127.0.0.1:{env['WEBAPP_PORT']}/") as page:
        assert json.load(page)["bridge"]["kind"] == "user-defined"
    containers = objects(project)
    run("./lab", "up", **env)
    assert objects(project) == containers
    run("./lab", "down", **env)
    assert objects(project) == []
    run("./lab", "down", **env)


def test_a_taken_port_is_one_line_with_the_cure(project):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = run("./lab", "up", check=False, COMPOSE_PROJECT_NAME=project, WEBAPP_PORT=port)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(f"lab: port {port} on 127.0.0.1 is taken")
    assert "WEBAPP_PORT=" in done.stderr
    assert objects(project) == []


def cut_off_up(env, step, seconds, number):
    """Start ./lab up, wait for the line of a step and some seconds more, send the signal."""
    with subprocess.Popen(
        ["./lab", "up"], cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(f"- {step}"):
                break
        time.sleep(seconds)
        process.send_signal(number)
        process.stdout.read()
    return process.returncode


@pytest.mark.parametrize(
    ("step", "seconds"),
    [("looking", 0), ("building", 0.3), ("starting", 0), ("starting", 0.4), ("starting", 1.2)],
)
def test_up_cut_off_leaves_nothing(project, step, seconds):
    env = {"COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    assert cut_off_up(env, step, seconds, signal.SIGINT) == 130
    assert objects(project) == []


def test_up_cut_off_keeps_a_pair_that_ran_before(project):
    env = {"COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    run("./lab", "up", **env)
    before = objects(project)
    assert len(before) == 3
    assert cut_off_up(env, "starting", 0, signal.SIGTERM) == 143
    assert objects(project) == before


def test_the_labs_give_a_running_pair_back_also_when_cut_off(project):
    port = free_port()
    run("./lab", "up", COMPOSE_PROJECT_NAME=project, WEBAPP_PORT=port)
    labs = ["./lab", "test", "labs", "-k", "test_the_directive_stands_once"]
    before = objects(project)
    for end in (None, signal.SIGTERM):
        with subprocess.Popen(
            labs, cwd=ROOT, text=True, stdout=subprocess.PIPE,
            env={**os.environ, "COMPOSE_PROJECT_NAME": project},
        ) as process:  # fmt: skip
            assert process.stdout
            assert any(told.startswith("- removing the pair") for told in process.stdout)
            if end:
                process.send_signal(end)
            process.stdout.read()
        assert process.returncode == (128 + end if end else 0)
        assert len(objects(project)) == 3
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
    assert not set(before) & set(objects(project))


def test_ctrl_c_in_a_terminal(project):
    env = {**os.environ, "COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve("./lab", ["./lab", "up"], env)
    time.sleep(2)
    os.write(terminal, b"\x03")
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130, shown.decode()
    assert objects(project) == []


def test_no_engine_at_docker_host_is_one_line():
    done = run("./lab", "up", check=False, DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.returncode == 3
    assert "unix:///nowhere/docker.sock does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_no_permission_on_the_socket_is_one_line():
    # Not pytest's own folder: that is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT, folder, ignore=shutil.ignore_patterns(".lab", ".git"), dirs_exist_ok=True
        )
        run("chown", "--recursive", "65534", folder)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "./lab", "up"],
            cwd=folder, text=True, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("lab: no permission on the Docker socket")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("have", "floor", "enough"),
    [
        ("26.1.5+dfsg1", "26.1", True), ("28.5.2", "26.1", True), ("26.0.2", "26.1", False),
        ("20.10.24+dfsg1", "26.1", False), ("2.26.1-4", "2.26", True), ("v2.40.3", "2.26", True),
        ("1.29.2", "2.26", False), ("5.0.0", "2.26", True), ("dev", "26.1", False),
        ("3.9.6", "3.11", False), ("3.11.2", "3.11", True),
    ],
)  # fmt: skip
def test_versions_are_compared_as_numbers(have, floor, enough):
    source = 'eval "$(sed -n "/^at_least()/,/^}/p" lab)"; at_least "$1" "$2"'
    done = run("bash", "-c", source, "-", have, floor, check=False)
    assert (done.returncode == 0) is enough


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["frobnicate"], "unknown command 'frobnicate'"),
        (["up", "now"], "unexpected argument 'now'"),
        (["test", "everything"], "unexpected argument 'everything'"),
    ],
)
def test_bad_words_exit_2(words, text):
    done = run("./lab", *words, check=False)
    assert done.returncode == 2
    assert text in done.stderr


@pytest.mark.parametrize("command", ["up", "down", "compare", "test", "doctor", "help"])
def test_each_command_explains_itself(command):
    done = run("./lab", command, "-h")
    assert done.stdout.split()[0] == command


def test_doctor_names_the_engine_and_each_stand_in():
    done = run("./lab", "doctor")
    assert "Docker Engine" in done.stdout
    for image in ("python:3.13-slim", "alpine"):
        label = docker(
            "image", "inspect", image, "--format", '{{index .Config.Labels "two-bridges.stand-in"}}'
        ).stdout.strip()
        line = next(one for one in done.stdout.splitlines() if f" {image}: " in one)
        assert line.endswith(f"stand-in: {label}" if label else "here")


def test_progress_is_never_silent_for_more_than_two_seconds(project):
    env = {**os.environ, "COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    longest, last = 0.0, time.monotonic()
    with subprocess.Popen(
        ["./lab", "up"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        while process.stdout.readline():
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()
    assert process.returncode == 0
    assert longest < 2.2


def test_down_ends_beside_a_container_that_compose_did_not_start(project, start):
    """Such a container inherits the project's label from an image that Compose has built."""
    env = {"COMPOSE_PROJECT_NAME": project, "WEBAPP_PORT": free_port()}
    run("./lab", "up", **env)
    label = f"com.docker.compose.project={project}"
    mine = start("--label", label, "two-bridges-client", "--count", "0")
    run("./lab", "down", timeout=30, **env)
    assert objects(project) == [mine[:12]]
