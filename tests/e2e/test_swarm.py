"""deploy/swarm/stack.yaml: compose.yaml with what several machines need, and nothing else changed.

The rules take what Compose makes of both files and yield what is wrong; broken copies fail them.
What Swarm itself makes of the stack is asked of a real one.
"""

import copy
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engine import run
from tests.support.nodes import alone, engine, needed, nodes
from tests.support.pair import ALIVE, GRACEFUL_TIMEOUT

# What may differ, by service; each has its reason in the file.
CHANGED = {
    "webapp": {"ports", "develop", "tmpfs", "volumes", "stop_grace_period", "deploy"},
    "client": {"depends_on", "develop", "tmpfs", "volumes", "environment", "healthcheck", "deploy"},
}

Config = dict[str, Any]


def config(*files: str, form: str = "json", **env: str) -> str:
    """What Compose makes of compose.yaml and FILES, without the settings of who runs the test."""
    unset = {name: "" for name in os.environ if name.startswith(("WEB", "CLIENT_"))}
    argv = ["docker", "compose", "--project-directory", ".", "--env-file", "/dev/null"]
    for path in ("compose.yaml", *files):
        argv += ["--file", path]
    return run(*argv, "config", "--format", form, env=unset | env).stdout


def wrong(base: Config, stack: Config) -> Iterator[str]:
    """What a stack should not have, or should have, seen from compose.yaml."""
    for name, may in CHANGED.items():
        ours, theirs = base["services"][name], stack["services"][name]
        changed = {key for key in ours | theirs if ours.get(key) != theirs.get(key)}
        if changed != may:
            yield f"{name}: differs in {sorted(changed ^ may)}"
        for key in ("ports", "develop", "depends_on", "tmpfs"):
            if key in theirs:
                yield f"{name}: {key}, which Swarm does not take, or not as it stands"
        tmpfs = [v["target"] for v in theirs.get("volumes", []) if v["type"] == "tmpfs"]
        if tmpfs != ours["tmpfs"]:
            yield f"{name}: {ours['tmpfs']} in memory in compose.yaml, {tmpfs} here"
        if theirs["deploy"]["resources"]["limits"] != ours["deploy"]["resources"]["limits"]:
            yield f"{name}: other limits"
        if theirs["environment"].keys() != ours["environment"].keys():
            yield f"{name}: other variables"
        if not theirs["deploy"].get("placement"):
            yield f"{name}: no word on where it may run"
    webapp, client = stack["services"]["webapp"], stack["services"]["client"]
    for which, action in ("update", "rollback"), ("rollback", "pause"):
        how = webapp["deploy"].get(f"{which}_config", {})
        if (how.get("order"), how.get("failure_action")) != ("start-first", action):
            yield f"{which}: not new before old, or no {action} where it fails"
    if webapp["deploy"].get("replicas", 1) < 2:
        yield "one replica, which no other stands in for"
    if float(webapp.get("stop_grace_period", "10s").removesuffix("s")) <= GRACEFUL_TIMEOUT:
        yield "Swarm kills before gunicorn's own limit is over"
    if client["healthcheck"]["test"] != ["CMD-SHELL", ALIVE.replace("$", "$$")]:
        yield "the client is replaced for another reason than that it hangs"
    for name, network in stack["networks"].items():
        if network["driver"] != "overlay" or name not in base["networks"]:
            yield f"{name}: not one network of all nodes"


@pytest.fixture(scope="module")
def base() -> Config:
    return dict(json.loads(config()))


@pytest.fixture(scope="module")
def stack() -> Config:
    return dict(json.loads(config("deploy/swarm/stack.yaml")))


def test_the_stack_is_compose_with_what_it_says(base: Config, stack: Config) -> None:
    assert list(wrong(base, stack)) == []


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("webapp ports", [{"target": 8000}], "webapp: ports"),
        ("webapp develop", {}, "webapp: develop"),
        ("client depends_on", {}, "client: depends_on"),
        ("client tmpfs", ["/tmp"], "client: tmpfs"),
        ("webapp volumes", [], "in memory"),
        ("client volumes", [{"type": "tmpfs", "target": "/var/tmp"}], "in memory"),
        ("webapp deploy resources limits memory", "1", "other limits"),
        ("webapp read_only", False, "differs in ['read_only']"),
        ("client environment CLIENT_TRIES", "1", "other variables"),
        ("client deploy placement", {}, "may run"),
        ("webapp deploy update_config order", "stop-first", "update"),
        ("webapp deploy update_config failure_action", "continue", "update"),
        ("webapp deploy rollback_config failure_action", "rollback", "rollback"),
        ("webapp deploy replicas", 1, "one replica"),
        ("webapp stop_grace_period", "5s", "kills"),
        ("client healthcheck test", ["CMD", "python", "-m", "client", "--check"], "hangs"),
    ],
)
def test_a_broken_stack_is_found(
    base: Config, stack: Config, place: str, value: object, says: str
) -> None:
    broken = copy.deepcopy(stack)
    *way, key = place.split()
    there = broken["services"]
    for step in way:
        there = there[step]
    there[key] = value
    assert any(says in line for line in wrong(base, broken))


def test_a_bridge_is_no_network_of_all_nodes(base: Config, stack: Config) -> None:
    broken = stack | {"networks": base["networks"]}
    assert "pair: not one network of all nodes" in list(wrong(base, broken))


def swarm(*words: str, stdin: str = "") -> str:
    done = engine(1, *words, check=True, stdin=stdin)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def manager() -> Iterator[None]:
    with alone():
        try:
            nodes("up", check=True)
            swarm("swarm", "init", "--advertise-addr", "10.109.0.1")
            yield
        finally:
            nodes("down", check=True)


def deploy(**env: str) -> tuple[str, dict[str, Config]]:
    """What a Swarm says to the stack, and what it makes of it, by service."""
    lines = config("deploy/swarm/stack.yaml", form="yaml", **env).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("name:"))
    argv = ("stack", "deploy", "--resolve-image=never", "--compose-file", "-", "s")
    said = swarm(*argv, stdin=text)
    found = {name: json.loads(swarm("service", "inspect", f"s_{name}"))[0] for name in CHANGED}
    return said, {name: one["Spec"] for name, one in found.items()}


@needed
@pytest.mark.usefixtures("manager")
def test_swarm_makes_of_it_what_compose_says(base: Config) -> None:
    said, specs = deploy()
    ignored = [line for line in said.splitlines() if line.startswith("Ignoring")]
    assert ignored == ["Ignoring unsupported options: build, restart, security_opt"]
    for name, spec in specs.items():
        ours, task = base["services"][name], spec["TaskTemplate"]
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
    # The virtual address is a setting away.
    _, specs = deploy(WEBAPP_ENDPOINT_MODE="vip")
    assert specs["webapp"]["EndpointSpec"] == {"Mode": "vip"}
