"""deploy/kubernetes without a cluster: what must stand where, its schema, who may call whom.

The first is a table of equalities, which cannot miss; what is computed is also tried on broken
copies.
"""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from labkit.pages.parse import Fence, load
from tests.support.pair import ALIVE, COMPOSE, EXAMPLE, GRACEFUL_TIMEOUT, ROOT, USER

FOLDER = ROOT / "deploy" / "kubernetes"
PAGE = load(ROOT / "labs" / "10-from-docker-names-to-kubernetes-names.md")
FLOOR = (1, 27)  # the first where the spread can look at one revision only (matchLabelKeys)
NAME, PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"
ABSENT = None  # no value in a manifest is null

Object = dict[str, Any]
Objects = list[Object]


def render() -> Objects:
    """What `kubectl kustomize` makes of our folder: the objects, each in the namespace."""
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    objects: Objects = []
    for name in kustomization["resources"]:
        for found in yaml.safe_load_all((FOLDER / name).read_text()):
            if found["kind"] != "Namespace":
                found["metadata"]["namespace"] = kustomization["namespace"]
            objects.append(found)
    # YAML's aliases are shared parts: now each its own.
    return list(json.loads(json.dumps(objects)))


OBJECTS = render()


def of_kind(objects: Objects, kind: str) -> dict[str, Object]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def at(objects: Objects, path: str) -> Any:
    """What stands at PATH, which begins with kind and name; ABSENT where nothing does."""
    kind, name, *keys = path.split()
    place: Any = of_kind(objects, kind)[name]
    for key in keys:
        place = place[int(key)] if isinstance(place, list) else place.get(key, ABSENT)
        if place is ABSENT:
            break
    return place


def versions() -> list[str]:
    known = kubernetes_validate.utils.all_versions()
    return [v for v in dict.fromkeys(known) if tuple(map(int, v.split(".")[:2])) >= FLOOR]


# --- what must stand where ---

WEBAPP, CLIENT = "Deployment webapp spec", "Deployment client spec"
SERVICE, SCALER = "Service webapp", "HorizontalPodAutoscaler webapp"
POD = "template spec"
BOX = "template spec containers 0"


def selecting(name: str) -> Object:
    return {"matchLabels": {NAME: name}}


def of_every_pod(name: str) -> dict[str, Any]:
    """The least that it needs to run, Pod Security's `restricted`, and else what Compose gives."""
    service = COMPOSE[name]
    # Compose counts in powers of two: its M is Mi here.
    memory = service["deploy"]["resources"]["limits"]["memory"] + "i"
    known = [entry.partition("=") for entry in service["environment"]]
    user, group = map(int, USER.split(":"))
    labels = at(OBJECTS, f"Deployment {name} metadata labels")
    return {
        "selector": selecting(name),
        "template metadata labels": labels | {NAME: name},
        f"{POD} securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        f"{POD} automountServiceAccountToken": False,
        f"{POD} enableServiceLinks": False,  # they would be variables in our settings' names
        **{f"{POD} {key}": ABSENT for key in ("hostNetwork", "hostPID", "hostIPC")},
        f"{POD} initContainers": ABSENT,
        f"{POD} volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}],
        f"{BOX} volumeMounts": [{"name": "tmp", "mountPath": path} for path in service["tmpfs"]],
        f"{BOX} securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": service["cap_drop"]},
        },
        f"{BOX} image": service["image"],
        f"{BOX} imagePullPolicy": "IfNotPresent",  # it was loaded into the node
        f"{BOX} env": [{"name": n, "value": v} for n, _, v in known if v] or ABSENT,
        f"{BOX} resources limits": {"memory": memory},  # and none of CPU
        f"{BOX} resources requests memory": memory,  # placed only where its memory is free
    }


def http(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "http"}}


def command(*words: str) -> Object:
    # The default of 1 s is less than a Python takes to start on a busy node.
    return {"exec": {"command": list(words)}, "timeoutSeconds": 5}


PORT = urlsplit(EXAMPLE["CLIENT_URL"]).port
PORTS = [{"name": "http", "port": PORT, "targetPort": "http"}]
SPREAD = {
    "maxSkew": 1,
    "whenUnsatisfiable": "ScheduleAnyway",  # else a cluster of one node runs one pod only
    "labelSelector": selecting("webapp"),
    "matchLabelKeys": ["pod-template-hash"],
}
EXPECTED = {
    **{f"{WEBAPP} {path}": value for path, value in of_every_pod("webapp").items()},
    **{f"{CLIENT} {path}": value for path, value in of_every_pod("client").items()},
    f"{WEBAPP} {BOX} ports": [{"name": "http", "containerPort": PORT}],
    f"{CLIENT} {BOX} ports": ABSENT,
    # Alive asks the process alone. Ready asks whether to send it work; of the client, whether its
    # last call was answered.
    f"{WEBAPP} {BOX} startupProbe": http("/healthz") | {"periodSeconds": 1, "failureThreshold": 30},
    f"{WEBAPP} {BOX} livenessProbe": http("/healthz") | {"periodSeconds": 10, "timeoutSeconds": 3},
    f"{WEBAPP} {BOX} readinessProbe": http("/healthz") | {"periodSeconds": 5, "timeoutSeconds": 3},
    f"{CLIENT} {BOX} startupProbe": command("sh", "-c", ALIVE)
    | {"periodSeconds": 2, "failureThreshold": 30},
    f"{CLIENT} {BOX} livenessProbe": command("sh", "-c", ALIVE)
    | {"periodSeconds": 20, "failureThreshold": 3},
    f"{CLIENT} {BOX} readinessProbe": command("python", "-m", "client", "--check")
    | {"periodSeconds": 5},
    # Until every node has heard that the pod stops, calls still come, and are answered.
    f"{WEBAPP} {BOX} lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
    f"{WEBAPP} replicas": ABSENT,  # the autoscaler counts them
    # With its type, or every `kubectl apply` would change it (kubectl's $retainKeys).
    f"{WEBAPP} strategy": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    },
    f"{WEBAPP} {POD} topologySpreadConstraints": [
        SPREAD | {"topologyKey": key}
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ],
    f"{SCALER} spec scaleTargetRef": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "webapp",
    },
    f"{SCALER} spec minReplicas": 2,
    # A drained node may take one pod: not all, and not none.
    "PodDisruptionBudget webapp spec": {"maxUnavailable": 1, "selector": selecting("webapp")},
    f"{SERVICE} spec": {"selector": {NAME: "webapp"}, "ports": PORTS},
    "Service webapp-headless spec": {
        "clusterIP": "None",
        "selector": {NAME: "webapp"},
        "ports": PORTS,
    },
    "Namespace two-bridges metadata labels": {
        PART_OF: "two-bridges",
        **{f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")},
    },
}


@pytest.mark.parametrize("path", EXPECTED)
def test_it_is_as_expected(path: str) -> None:
    assert at(OBJECTS, path) == EXPECTED[path]


def test_every_pod_has_one_container_and_asks_for_cpu() -> None:
    for name, deployment in of_kind(OBJECTS, "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["name"] == name
        assert "cpu" in container["resources"]["requests"], "nothing to scale or to place by"


def test_every_object_says_what_it_belongs_to() -> None:
    for found in OBJECTS:
        assert found["metadata"]["labels"][PART_OF] == "two-bridges", found


def test_gunicorn_has_ended_before_kubernetes_kills() -> None:
    told = at(OBJECTS, f"{WEBAPP} {BOX} lifecycle preStop exec command 1")
    grace = at(OBJECTS, f"{WEBAPP} {POD} terminationGracePeriodSeconds")
    assert grace >= int(told) + GRACEFUL_TIMEOUT + 5


@pytest.mark.parametrize(("code", "alive"), [(0, True), (7, True), (1, False)])
def test_the_client_is_alive_unless_it_hangs(tmp_path: Path, code: int, alive: bool) -> None:
    """Status 1 of --check is "no call, or none lately"; that webapp failed is not its fault."""
    (tmp_path / "python").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "python").chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert (subprocess.run(["sh", "-c", ALIVE], env=env, check=False).returncode == 0) is alive


# --- the schema ---


def schema(objects: Objects) -> Iterator[str]:
    """Every Kubernetes version that the validator knows, from our floor up, accepts every key."""
    for version in versions():
        for found in objects:
            try:
                kubernetes_validate.validate(found, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{version}: {found['kind']} {found['metadata']['name']}: {error.message}"


# --- who may call whom ---


@dataclass(frozen=True)
class Pod:
    """A pod as a NetworkPolicy sees it."""

    namespace: str
    labels: dict[str, str] = field(hash=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.labels.get(NAME) or self.labels.get('k8s-app')}"


HERE = "two-bridges"
DNS = Pod("kube-system", {"k8s-app": "kube-dns"})
STRANGERS = [
    Pod(HERE, {NAME: "stranger"}),
    Pod("elsewhere", {NAME: "stranger"}),
    Pod("elsewhere", {NAME: "client"}),  # the right label in the wrong namespace
    Pod("kube-system", {NAME: "stranger"}),
]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "a selector that this test cannot compute"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def is_peer(peer: Object, pod: Pod, policy_namespace: str) -> bool:
    if "ipBlock" in peer:
        return True  # the worst: any pod may have that address
    if "namespaceSelector" in peer:
        in_namespace = selects(
            peer["namespaceSelector"], {"kubernetes.io/metadata.name": pod.namespace}
        )
    else:
        in_namespace = pod.namespace == policy_namespace
    return in_namespace and selects(peer.get("podSelector", {}), pod.labels)


def lets(rule: Object, peers: str, other: Pod, port: tuple[str, int], namespace: str) -> bool:
    """Whether one rule admits OTHER on the port; a rule without peers, or ports, means all."""
    to_port = not rule.get("ports") or any(
        (p.get("protocol", "TCP"), p.get("port", port[1])) == port for p in rule["ports"]
    )
    found = rule.get(peers)
    return to_port and (not found or any(is_peer(p, other, namespace) for p in found))


def passes(policies: Objects, way: str, pod: Pod, other: Pod, port: tuple[str, int]) -> bool:
    """Whether POD's own policies let traffic through, WAY being Ingress or Egress."""
    rules: Objects = []
    isolated = False
    for policy in policies:
        spec, namespace = policy["spec"], policy["metadata"]["namespace"]
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
        if namespace == pod.namespace and way in types and selects(spec["podSelector"], pod.labels):
            isolated = True
            rules += [rule | {"in": namespace} for rule in spec.get(way.lower()) or []]
    peers = "from" if way == "Ingress" else "to"
    return not isolated or any(lets(rule, peers, other, port, rule["in"]) for rule in rules)


def let_through(
    objects: Objects, way: str, more: Sequence[Pod] = ()
) -> set[tuple[str, str, str, int]]:
    """Every call, from whom to whom and on which port, that our pods' policies let in, or out."""
    policies = list(of_kind(objects, "NetworkPolicy").values())
    deployments = of_kind(objects, "Deployment").values()
    ours = [Pod(HERE, one["spec"]["template"]["metadata"]["labels"]) for one in deployments]
    return {
        (str(source), str(target), *port)
        for source, target in permutations([*ours, *STRANGERS, DNS, *more], 2)
        for pod, other in [(target, source) if way == "Ingress" else (source, target)]
        for port in (("TCP", 8000), ("TCP", 22), ("TCP", 53), ("UDP", 53))
        if pod.namespace == HERE and passes(policies, way, pod, other, port)
    }


def calls(objects: Objects) -> Iterator[str]:
    """The client calls webapp, all of ours ask the DNS, and that is all: each side on its own."""
    call = {(f"{HERE}/client", f"{HERE}/webapp", "TCP", 8000)}
    dns = {
        (f"{HERE}/{name}", str(DNS), protocol, 53)
        for name in ("webapp", "client", "stranger")
        for protocol in ("TCP", "UDP")
    }
    for way, expected in (("Ingress", call), ("Egress", call | dns)):
        found = let_through(objects, way)
        yield from (f"{way} must not be let through: {one}" for one in sorted(found - expected))
        yield from (f"{way} must be let through: {one}" for one in sorted(expected - found))


@pytest.mark.parametrize("rule", [schema, calls])
def test_nothing_is_wrong(rule: Callable[[Objects], Iterator[str]]) -> None:
    assert list(rule(OBJECTS)) == []


def test_several_versions_are_validated() -> None:
    assert len(versions()) >= 10


@pytest.fixture(scope="module")
def rendered() -> Objects:
    """What kubectl itself makes of the folder; CI has one, so there nothing is left out."""
    if not shutil.which("kubectl") and os.environ.get("CI") != "true":
        pytest.skip("no kubectl here: rendered by this file alone")
    out = subprocess.check_output(["kubectl", "kustomize", str(FOLDER)], text=True)
    return list(yaml.safe_load_all(out))


def test_kubectl_renders_the_same(rendered: Objects) -> None:
    assert sorted(rendered, key=str) == sorted(OBJECTS, key=str)


# --- the page ---


def test_the_page_shows_what_apply_makes(rendered: Objects) -> None:
    def line(found: Object) -> str:
        group, slash, _ = found["apiVersion"].partition("/")
        kind = found["kind"].lower() + (f".{group}" if slash else "")
        return f"{kind}/{found['metadata']['name']} created"

    (apply,) = [c for b in PAGE.blocks for c in b.commands if c.text.startswith("kubectl apply")]
    # In whatever order: kubectl 1.20, which Debian 12 has, takes the two Services the other way.
    assert sorted(apply.expected) == sorted(line(found) for found in rendered)


def test_the_page_names_the_versions() -> None:
    first, last = (v.rpartition(".")[0] for v in (versions()[0], versions()[-1]))
    assert f"the schemas of Kubernetes {first} to {last}" in "\n".join(PAGE.lines)


def test_the_solution_lets_in_one_pod_more() -> None:
    (fence,) = [p for p in PAGE.parts if isinstance(p, Fence) and p.source[0].startswith("apiV")]
    policy = yaml.safe_load("\n".join(fence.source))
    monitoring = Pod("monitoring", {NAME: "prometheus"})
    others = [Pod("monitoring", {NAME: "stranger"}), Pod("elsewhere", monitoring.labels)]
    more = let_through([*OBJECTS, policy], "Ingress", [monitoring, *others])
    assert list(schema([policy])) == []
    assert more - let_through(OBJECTS, "Ingress", []) == {
        ("monitoring/prometheus", f"{HERE}/webapp", "TCP", 8000)
    }


# --- broken manifests ---

REMOVED = object()
INGRESS = "NetworkPolicy webapp-from-client spec ingress 0"
FROM = f"{INGRESS} from 0"


def broken(path: str, value: Any) -> Objects:
    """The objects with VALUE at PATH."""
    objects = copy.deepcopy(OBJECTS)
    way, _, key = path.rpartition(" ")
    place = at(objects, way)
    if value is REMOVED:
        del place[key]
    else:
        place[int(key) if isinstance(place, list) else key] = value
    assert objects != OBJECTS
    return objects


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (f"{WEBAPP} {BOX} redinessProbe", {}, "'redinessProbe'"),
        (f"{SERVICE} spec replicas", 2, "'replicas'"),
        (f"{SERVICE} spec ports 0 port", "8000", "'8000' is not"),
        (f"{CLIENT} {BOX} env 0 value", 0, "0 is not"),
        (f"{SCALER} spec maxReplicas", REMOVED, "'maxReplicas' is a"),
    ],
)
def test_every_version_refuses_a_broken_manifest(path: str, value: Any, says: str) -> None:
    told = list(schema([found for found in broken(path, value) if found not in OBJECTS]))
    assert [line.split(":")[0] for line in told if says in line] == versions()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (f"{INGRESS} from", REMOVED, "elsewhere/stranger"),
        (FROM, {"ipBlock": {"cidr": "0.0.0.0/0"}}, "elsewhere/stranger"),
        (f"{FROM} namespaceSelector", {}, "elsewhere/client"),
        (f"{FROM} podSelector", {}, "two-bridges/stranger"),
        (f"{FROM} podSelector matchLabels {NAME}", "app", "must be let"),
        (f"{INGRESS} ports", REMOVED, "'TCP', 22"),
        (f"{INGRESS} ports 0 port", 80, "must be let"),
        ("NetworkPolicy nobody spec policyTypes", ["Egress"], "Ingress must not"),
        ("NetworkPolicy client-to-webapp spec egress 0", {}, "Egress must not"),
        ("NetworkPolicy everyone-to-dns spec egress", [], "kube-dns"),
        ("NetworkPolicy everyone-to-dns spec egress 0 to", REMOVED, "kube-system/stranger"),
    ],
)
def test_a_broken_policy_lets_through_too_much_or_too_little(
    path: str, value: Any, says: str
) -> None:
    assert any(says in line for line in calls(broken(path, value)))
