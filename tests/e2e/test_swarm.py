"""deploy/swarm/stack.yaml: compose.yaml with what several machines need, and nothing else changed.

A rule takes what Compose makes of both files and yields what is wrong; broken copies fail it. What
Swarm itself makes of the stack is asked of a real one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.pages.things import missing
from tests.e2e.test_nodes import alone

ROOT = Path(__file__).parents[2]
STACK = ROOT / "deploy" / "swarm" / "stack.yaml"
NODES = ROOT / "scripts" / "nodes.sh"
SOCKET = "unix:///var/lib/two-bridges-nodes/node1/docker.sock"

# What may differ, by service; each has its reason in the file.
CHANGED = {
    "webapp": {"ports", "develop", "volumes", "environment", "stop_grace_period", "deploy"},
    "client": {"depends_on", "develop", "volumes", "environment", "healthcheck", "deploy"},
}

Config = dict[str, Any]


def config(*files: Path, form: str = "json", **env: str) -> str:
    """What Compose makes of compose.yaml and FILES, without the settings of who runs the test."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WEBAPP_", "CLIENT_"))}
    argv = ["docker", "compose", "--project-directory", str(ROOT), "--env-file", "/dev/null"]
    for path in (ROOT / "compose.yaml", *files):
        argv += ["--file", str(path)]
    return subprocess.run(
        [*argv, "config", "--format", form],
        env=clean | env, text=True, capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def wrong(base: Config, stack: Config) -> Iterator[str]:
    """What a stack should not have, or should have, seen from compose.yaml."""
    for name, may in CHANGED.items():
        ours, theirs = base["services"][name], stack["services"][name]
        changed = {key for key in ours | theirs if ours.get(key) != theirs.get(key)}
        if changed != may:
            yield f"{name}: differs in {sorted(changed ^ may)}"
        for key in ("ports", "develop", "depends_on"):
            if key in theirs:
                yield f"{name}: {key}, which Swarm does not take, or not as it stands"
        tmpfs = [v["target"] for v in theirs.get("volumes", []) if v["type"] == "tmpfs"]
        if tmpfs != ours["tmpfs"]:
            yield f"{name}: {ours['tmpfs']} in memory in compose.yaml, {tmpfs} here"
        if theirs["deploy"]["resources"]["limits"] != ours["deploy"]["resources"]["limits"]:
            yield f"{name}: other limits"
        known = ours["environment"]
        if theirs["environment"].keys() != known.keys():
            yield f"{name}: other variables"
        if not theirs["deploy"].get("placement"):
            yield f"{name}: no word on where it may run"
    webapp = stack["services"]["webapp"]
    for which, action in ("update", "rollback"), ("rollback", "pause"):
        how = webapp["deploy"].get(f"{which}_config", {})
        if (how.get("order"), how.get("failure_action")) != ("start-first", action):
            yield f"{which}: not new before old, or no {action} where it fails"
    if webapp["deploy"].get("replicas", 1) < 2:
        yield "one replica, which no other stands in for"
    drain = webapp["environment"]["WEBAPP_DRAIN_SECONDS"] or "0.5"
    if seconds(webapp.get("stop_grace_period", "10s")) < graceful_timeout(drain) + 5:
        yield "Swarm kills before gunicorn's own limit is over"
    for name, network in stack["networks"].items():
        if network["driver"] != "overlay" or name not in base["networks"]:
            yield f"{name}: not one network of all nodes"


def graceful_timeout(drain: str) -> int:
    """What gunicorn_conf makes of this drain, in a process as it reads the environment."""
    code = "from webapp import gunicorn_conf as c; print(c.graceful_timeout); c.on_exit(None)"
    env = os.environ | {"WEBAPP_DRAIN_SECONDS": drain}
    argv = [sys.executable, "-c", code]
    return int(subprocess.check_output(argv, cwd=ROOT, env=env, text=True))


BASE = json.loads(config())


def test_the_stack_is_compose_with_what_it_says() -> None:
    assert list(wrong(BASE, json.loads(config(STACK)))) == []


MUTANTS = {
    "ports published on every node": ("    ports: !reset null\n", ""),
    "develop kept": ("    develop: !reset null\n", ""),
    "depends_on kept": ("    depends_on: !reset null\n", ""),
    "no /tmp": ("    volumes: *tmp\n", ""),
    "another /tmp": ("target: /tmp", "target: /var/tmp"),
    "more memory": ("        reservations:", "        limits: {memory: 1G}\n        reservations:"),
    "writable": ("    stop_grace_period:", "    read_only: false\n    stop_grace_period:"),
    "a variable of its own": ("- CLIENT_RETRIES=", "- CLIENT_TRIES=1\n      - CLIENT_RETRIES="),
    "old before new": ("order: start-first", "order: stop-first"),
    "a bad version stays": ("failure_action: rollback", "failure_action: continue"),
    "one replica": ("replicas: 3", "replicas: 1"),
    "killed while draining": ("stop_grace_period: 20s", "stop_grace_period: 10s"),
    "a bridge": ("driver: overlay", "driver: bridge"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_stack_is_found(name: str, tmp_path: Path) -> None:
    old, new = MUTANTS[name]
    text = STACK.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "stack.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert list(wrong(BASE, json.loads(config(broken))))


def swarm(*words: str, **kwargs: Any) -> str:
    done = subprocess.run(
        ["docker", "-H", SOCKET, *words],
        text=True, capture_output=True, timeout=60, check=False, **kwargs,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def manager() -> Iterator[None]:
    if lacks := missing("nodes"):
        pytest.skip(lacks)
    with alone():
        try:
            subprocess.run([NODES, "up"], check=True, capture_output=True, timeout=90)
            swarm("swarm", "init", "--advertise-addr", "10.109.0.1")
            yield
        finally:
            subprocess.run([NODES, "down"], check=True, capture_output=True, timeout=90)


def deploy(**env: str) -> tuple[str, dict[str, Config]]:
    """What a Swarm says to the stack, and what it makes of it, by service."""
    lines = config(STACK, form="yaml", **env).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("name:"))
    said = swarm("stack", "deploy", "--resolve-image=never", "--compose-file", "-", "s", input=text)
    found = {name: json.loads(swarm("service", "inspect", f"s_{name}"))[0] for name in CHANGED}
    swarm("stack", "rm", "s")
    return said, {name: one["Spec"] for name, one in found.items()}


@pytest.mark.usefixtures("manager")
def test_swarm_makes_of_it_what_compose_says() -> None:
    said, specs = deploy()
    ignored = [line for line in said.splitlines() if line.startswith("Ignoring")]
    assert ignored == ["Ignoring unsupported options: build, restart, security_opt"]
    for name, spec in specs.items():
        ours, task = BASE["services"][name], spec["TaskTemplate"]
        container, limits = task["ContainerSpec"], ours["deploy"]["resources"]["limits"]
        assert container["Image"].partition(":")[0] == ours["image"]
        assert container["ReadOnly"] is True
        assert container["CapabilityDrop"] == ours["cap_drop"]
        assert container["Mounts"] == [{"Type": "tmpfs", "Target": t} for t in ours["tmpfs"]]
        assert task["Resources"]["Limits"] == {
            "MemoryBytes": int(limits["memory"]), "Pids": limits["pids"],
        }  # fmt: skip
        assert task["LogDriver"] == {
            "Name": ours["logging"]["driver"], "Options": ours["logging"]["options"],
        }  # fmt: skip
        assert [net["Aliases"] for net in task["Networks"]] == [[name]]
    webapp = specs["webapp"]
    assert webapp["Mode"] == {"Replicated": {"Replicas": 3}}
    assert webapp["EndpointSpec"] == {"Mode": "dnsrr"}
    update = webapp["UpdateConfig"]
    assert (update["Order"], update["FailureAction"]) == ("start-first", "rollback")


@pytest.mark.usefixtures("manager")
def test_the_virtual_address_is_a_setting_away() -> None:
    _, specs = deploy(WEBAPP_ENDPOINT_MODE="vip")
    assert specs["webapp"]["EndpointSpec"] == {"Mode": "vip"}
