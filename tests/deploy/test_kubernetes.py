"""deploy/kubernetes without a cluster: its schema, and rules of our own; broken copies fail them.

A rule takes every object and returns what is wrong, so that the same rules judge the manifests as
they are and the mutants at the end of this file.
"""

import copy
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from client.settings import load as load_client
from client.state import record
from client.trouble import Code
from labkit.pages.parse import Fence, load
from webapp.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
PAGE = load(ROOT / "labs" / "10-from-docker-names-to-kubernetes-names.md")
FLOOR = (1, 27)  # the first where the spread can look at one revision only (matchLabelKeys)
NAME, PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"

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
    return json.loads(json.dumps(objects))  # YAML's aliases are shared parts: now each its own


OBJECTS = render()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def of_kind(objects: Objects, kind: str) -> dict[str, Object]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def one(objects: Objects, kind: str, name: str) -> Any:
    return of_kind(objects, kind)[name]


def pods(objects: Objects) -> dict[str, Object]:
    """The pod template of each Deployment."""
    return {n: o["spec"]["template"] for n, o in of_kind(objects, "Deployment").items()}


def container(template: Object) -> Object:
    (only,) = template["spec"]["containers"]
    return only


def environment(template: Object) -> dict[str, str]:
    return {e["name"]: e["value"] for e in container(template).get("env", [])}


def name_of(template: Object) -> str:
    return template["metadata"]["labels"][NAME]


def versions() -> list[str]:
    known = kubernetes_validate.utils.all_versions()
    return [v for v in dict.fromkeys(known) if tuple(map(int, v.split(".")[:2])) >= FLOOR]


# --- rules ---


def schema(objects: Objects) -> Iterator[str]:
    """Every Kubernetes version that the validator knows, from our floor up, accepts every key."""
    for version in versions():
        for found in objects:
            try:
                kubernetes_validate.validate(found, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{version}: {found['kind']} {found['metadata']['name']}: {error.message}"


def restricted(objects: Objects) -> Iterator[str]:
    """Every demand of the Pod Security level `restricted`, and the namespace that enforces it."""
    for name, template in pods(objects).items():
        spec, one_of_it = template["spec"], container(template)
        pod, own = spec.get("securityContext", {}), one_of_it.get("securityContext", {})
        both = pod | own
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield f"{name}: may run as root"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: no seccomp profile"
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: may gain privileges"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: keeps capabilities"
        if {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec):
            yield f"{name}: shares the host's namespaces, or has containers not looked at here"
        if any("hostPort" in port for port in one_of_it.get("ports", [])):
            yield f"{name}: takes a port of the host"
        if any(set(volume) != {"name", "emptyDir"} for volume in spec.get("volumes", [])):
            yield f"{name}: a volume that is not an emptyDir"
    labels = one(objects, "Namespace", "two-bridges")["metadata"].get("labels", {})
    for mode in ("enforce", "warn"):
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"the namespace does not {mode} restricted"


def least(objects: Objects) -> Iterator[str]:
    """Beyond `restricted`: what the image needs and no more, as in compose.yaml."""
    (user,) = re.findall(r"^USER (\d+:\d+)$", (ROOT / "Dockerfile").read_text(), re.M)
    for name, template in pods(objects).items():
        spec, own = template["spec"], container(template).get("securityContext", {})
        pod = spec.get("securityContext", {})
        if f"{pod.get('runAsUser')}:{pod.get('runAsGroup')}" != user:
            yield f"{name}: not the image's user {user}"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: a root file system that can be written to"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: carries a token for the cluster's API"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name}: gets variables in the names of our settings"
        in_memory = [v["name"] for v in spec["volumes"] if v["emptyDir"].get("medium") == "Memory"]
        mounts = container(template)["volumeMounts"]
        if {m["mountPath"] for m in mounts if m["name"] in in_memory} != set(
            COMPOSE[name]["tmpfs"]
        ):
            yield f"{name}: not the directories in memory that Compose has"


def same_as_compose(objects: Objects) -> Iterator[str]:
    """Images, settings, memory and port: the same as in compose.yaml, and settings that hold."""
    for name, template in pods(objects).items():
        service, ours = COMPOSE[name], container(template)
        if ours["image"].partition(":")[0] != service["image"]:
            yield f"{name}: another image than Compose's"
        if ours.get("imagePullPolicy") != "IfNotPresent":
            yield f"{name}: an image that was loaded into the node would be pulled"
        known = {n: v for n, _, v in (e.partition("=") for e in service["environment"])}
        env = environment(template)
        if not set(env) <= set(known):
            yield f"{name}: settings that Compose does not know: {set(env) - set(known)}"
        if any(env.get(n) != value for n, value in known.items() if value):
            yield f"{name}: another value than Compose's"
        # Compose counts in powers of two: its M is Mi here.
        memory = service["deploy"]["resources"]["limits"]["memory"] + "i"
        resources = ours.get("resources", {})
        if resources.get("limits") != {"memory": memory}:
            yield f"{name}: expected a limit of {memory} memory, and none of CPU"
        if resources.get("requests", {}).get("memory") != memory:
            yield f"{name}: may be placed where its memory is not free"
        if "cpu" not in resources.get("requests", {}):
            yield f"{name}: no CPU request, so nothing to scale or to place by"
    webapp, client = pods(objects)["webapp"], pods(objects)["client"]
    settings = Settings.from_environ(environment(webapp))
    (port,) = container(webapp)["ports"]
    if port["containerPort"] != settings.port:
        yield "webapp: listens on another port"
    called = load_client([], environment(client), io.StringIO())
    assert called is not None
    service_port = one(objects, "Service", "webapp")["spec"]["ports"][0]["port"]
    if called.url != f"http://webapp:{service_port}/":
        yield "client: calls another name or port than the Service's"


def probes(objects: Objects) -> Iterator[str]:
    """Alive asks the process alone, ready asks whether to send it work; all of them have time."""
    calls = {"command": ["sh", "-c", "python -m client --check; test $? -ne 1"]}
    expected = {
        "webapp": {
            "startupProbe": {"path": "/healthz", "port": "http"},
            "livenessProbe": {"path": "/healthz", "port": "http"},
            "readinessProbe": {"path": "/readyz", "port": "http"},
        },
        "client": {
            "startupProbe": calls,
            "livenessProbe": calls,
            "readinessProbe": {"command": ["python", "-m", "client", "--check"]},
        },
    }
    for name, template in pods(objects).items():
        for kind, wanted in expected[name].items():
            probe = container(template).get(kind, {})
            if probe.get("httpGet", probe.get("exec")) != wanted:
                yield f"{name}: {kind} does not ask {wanted}"
            # The default of 1 s is less than a Python takes to start on a busy node.
            if "exec" in probe and probe.get("timeoutSeconds", 1) < 5:
                yield f"{name}: {kind} has too little time"
        startup = container(template).get("startupProbe", {})
        if startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3) < 30:
            yield f"{name}: a slow start is taken for a dead one"


def stopping(objects: Objects) -> Iterator[str]:
    """gunicorn's own limit, drain included, is over before Kubernetes kills."""
    template = pods(objects)["webapp"]
    settings = Settings.from_environ(environment(template))
    if settings.drain_seconds < 5:
        yield "webapp: may stop before every node has heard that it does"
    grace = template["spec"].get("terminationGracePeriodSeconds", 30)
    if grace < graceful_timeout(settings.drain_seconds) + 5:
        yield "webapp: is killed before it has finished"


def graceful_timeout(drain: float) -> int:
    """What gunicorn_conf makes of this drain; in a process, as it reads the environment."""
    code = "from webapp import gunicorn_conf as c; print(c.graceful_timeout); c.on_exit(None)"
    env = os.environ | {"WEBAPP_DRAIN_SECONDS": str(drain)}
    return int(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=env))


def wiring(objects: Objects) -> Iterator[str]:
    """Every selector selects the pods that it is for, and every object says what it belongs to."""
    for name, deployment in of_kind(objects, "Deployment").items():
        if deployment["spec"]["selector"] != {"matchLabels": {NAME: name}}:
            yield f"{name}: the Deployment selects other pods"
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        if labels != deployment["metadata"]["labels"] or labels[NAME] != name:
            yield f"{name}: the pods have other labels than their Deployment"
    ports = [{"name": "http", "port": 8000, "targetPort": "http"}]
    services = of_kind(objects, "Service")
    for name, service in services.items():
        if service["spec"]["selector"] != {NAME: "webapp"} or service["spec"]["ports"] != ports:
            yield f"Service {name}: not webapp's pods and port"
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"Service {name}: published"
    if {n: s["spec"].get("clusterIP") for n, s in services.items()} != {
        "webapp": None,
        "webapp-headless": "None",
    }:
        yield "expected one Service with an address and one without"
    for found in objects:
        if found["metadata"].get("labels", {}).get(PART_OF) != "two-bridges":
            yield f"{found['kind']} {found['metadata']['name']}: no label {PART_OF}"


def several(objects: Objects) -> Iterator[str]:
    """Two pods or more, apart from each other, and at most one of them away."""
    deployment, autoscaler = (
        one(objects, kind, "webapp")["spec"] for kind in ("Deployment", "HorizontalPodAutoscaler")
    )
    if "replicas" in deployment:
        yield "the Deployment and its autoscaler both count the replicas"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "webapp"}
    if autoscaler["scaleTargetRef"] != target:
        yield "the autoscaler scales something else"
    if autoscaler.get("minReplicas", 1) < 2:
        yield "a single replica"
    if deployment.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
        yield "an update takes a pod away before the next is ready"
    budget = one(objects, "PodDisruptionBudget", "webapp")["spec"]
    if budget != {"maxUnavailable": 1, "selector": {"matchLabels": {NAME: "webapp"}}}:
        yield "a drained node may take more than one pod, or none"
    spread = deployment["template"]["spec"].get("topologySpreadConstraints", [])
    if [s["topologyKey"] for s in spread] != [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]:
        yield "not spread over nodes and zones"
    for constraint in spread:
        if constraint["labelSelector"] != {"matchLabels": {NAME: "webapp"}}:
            yield "the spread counts other pods"
        if constraint["whenUnsatisfiable"] != "ScheduleAnyway":
            yield "a second pod could not start on a cluster of one node"


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
    return selector.get("matchLabels", {}).items() <= labels.items()


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
    ours = [Pod(HERE, template["metadata"]["labels"]) for template in pods(objects).values()]
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


RULES = [schema, restricted, least, same_as_compose, probes, stopping, wiring, several, calls]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_manifests(rule: Callable[[Objects], Iterator[str]]) -> None:
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


@pytest.mark.parametrize(
    ("last_call", "next_within", "alive"),
    [(Code.ANSWERED, 5, True), (Code.CONNECT, 5, True), (Code.CONNECT, -60, False)],
    ids=["answered", "webapp refused", "long ago"],
)
def test_the_client_is_alive_as_long_as_it_calls(
    tmp_path: Path, last_call: Code, next_within: float, alive: bool
) -> None:
    record(tmp_path / "state", last_call, "", next_within)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "CLIENT_STATE": str(tmp_path / "state")}
    command = container(pods(OBJECTS)["client"])["livenessProbe"]["exec"]["command"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
    assert (done.returncode == 0) is alive


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
WEBAPP, CLIENT = "Deployment webapp spec", "Deployment client spec"
SERVICE, SCALER = "Service webapp", "HorizontalPodAutoscaler webapp"
INGRESS = "NetworkPolicy webapp-from-client spec ingress 0"
POD = "template spec"
BOX = "template spec containers 0"
GUARD = f"{BOX} securityContext"
SPREAD = f"{WEBAPP} {POD} topologySpreadConstraints"


@dataclass(frozen=True)
class Mutant:
    """One thing wrong: VALUE at PATH, which begins with kind and name; the rule tells with SAYS."""

    rule: Callable[[Objects], Iterator[str]]
    says: str
    path: str
    value: Any = REMOVED

    def objects(self) -> Objects:
        objects = copy.deepcopy(OBJECTS)
        kind, name, *keys = self.path.split()
        place = one(objects, kind, name)
        steps = [int(key) if key.isdigit() else key for key in keys]
        for step in steps[:-1]:
            place = place[step]
        if self.value is REMOVED:
            del place[steps[-1]]
        else:
            place[steps[-1]] = self.value
        assert objects != OBJECTS
        return objects


EXEC_CHECK = ["python", "-m", "client", "--check"]
MUTANTS = {
    "misspelt key": Mutant(schema, "'redinessProbe'", f"{WEBAPP} {BOX} redinessProbe", {}),
    "key of another kind": Mutant(schema, "'replicas'", f"{SERVICE} spec replicas", 2),
    "wrong type": Mutant(schema, "'8000' is not", f"{SERVICE} spec ports 0 port", "8000"),
    "number for a text": Mutant(schema, "0 is not", f"{CLIENT} {BOX} env 0 value", 0),
    "required key missing": Mutant(schema, "'maxReplicas' is a", f"{SCALER} spec maxReplicas"),
    "root": Mutant(restricted, "root", f"{WEBAPP} {POD} securityContext runAsNonRoot"),
    "user 0": Mutant(restricted, "root", f"{CLIENT} {POD} securityContext runAsUser", 0),
    "user 0 inside": Mutant(restricted, "root", f"{CLIENT} {GUARD} runAsUser", 0),
    "no seccomp": Mutant(restricted, "seccomp", f"{CLIENT} {POD} securityContext seccompProfile"),
    "privileged": Mutant(restricted, "privileges", f"{WEBAPP} {GUARD} privileged", True),
    "escalation": Mutant(restricted, "privileges", f"{WEBAPP} {GUARD} allowPrivilegeEscalation"),
    "capability": Mutant(restricted, "capab", f"{WEBAPP} {GUARD} capabilities add", ["NET_RAW"]),
    "no drop": Mutant(restricted, "capab", f"{WEBAPP} {GUARD} capabilities drop", []),
    "host's network": Mutant(restricted, "the host's", f"{CLIENT} {POD} hostNetwork", True),
    "host's port": Mutant(restricted, "port of", f"{WEBAPP} {BOX} ports 0 hostPort", 80),
    "host's files": Mutant(
        restricted, "emptyDir", f"{WEBAPP} {POD} volumes 0 hostPath", {"path": "/"}
    ),
    "pods of any kind": Mutant(
        restricted,
        "does not enforce",
        "Namespace two-bridges metadata labels pod-security.kubernetes.io/enforce",
        "privileged",
    ),
    "another user": Mutant(least, "user", f"{WEBAPP} {POD} securityContext runAsUser", 1000),
    "writable root": Mutant(least, "written", f"{WEBAPP} {GUARD} readOnlyRootFilesystem", False),
    "token": Mutant(least, "token", f"{CLIENT} {POD} automountServiceAccountToken"),
    "service links": Mutant(least, "variables", f"{WEBAPP} {POD} enableServiceLinks"),
    "no /tmp": Mutant(least, "in memory", f"{CLIENT} {BOX} volumeMounts 0 mountPath", "/var"),
    "/tmp on disk": Mutant(least, "in memory", f"{CLIENT} {POD} volumes 0 emptyDir medium"),
    "another image": Mutant(same_as_compose, "another image", f"{CLIENT} {BOX} image", "x"),
    "pull always": Mutant(same_as_compose, "pulled", f"{WEBAPP} {BOX} imagePullPolicy"),
    "unknown setting": Mutant(same_as_compose, "{'X'}", f"{WEBAPP} {BOX} env 0 name", "X"),
    "calls once": Mutant(same_as_compose, "another value", f"{CLIENT} {BOX} env 0 value", "1"),
    "192 million": Mutant(
        same_as_compose, "limit of", f"{WEBAPP} {BOX} resources limits memory", "192M"
    ),
    "no limits": Mutant(same_as_compose, "limit of", f"{CLIENT} {BOX} resources limits"),
    "CPU limit": Mutant(same_as_compose, "none of", f"{CLIENT} {BOX} resources limits cpu", "1"),
    "too little requested": Mutant(
        same_as_compose, "not free", f"{CLIENT} {BOX} resources requests memory", "1Mi"
    ),
    "no CPU request": Mutant(same_as_compose, "no CPU", f"{WEBAPP} {BOX} resources requests cpu"),
    "another port": Mutant(same_as_compose, "listens", f"{WEBAPP} {BOX} ports 0 containerPort", 80),
    "service on 80": Mutant(same_as_compose, "calls another", f"{SERVICE} spec ports 0 port", 80),
    "no startup probe": Mutant(probes, "startupProbe", f"{WEBAPP} {BOX} startupProbe"),
    "no liveness probe": Mutant(probes, "livenessProbe", f"{CLIENT} {BOX} livenessProbe"),
    "no readiness probe": Mutant(probes, "readinessProbe", f"{WEBAPP} {BOX} readinessProbe"),
    "alive if ready": Mutant(
        probes, "livenessProbe", f"{WEBAPP} {BOX} livenessProbe httpGet path", "/readyz"
    ),
    "restarted for webapp": Mutant(
        probes, "livenessProbe", f"{CLIENT} {BOX} livenessProbe exec command", EXEC_CHECK
    ),
    "probe in a hurry": Mutant(
        probes, "too little time", f"{CLIENT} {BOX} readinessProbe timeoutSeconds"
    ),
    "no time to start": Mutant(
        probes, "slow start", f"{WEBAPP} {BOX} startupProbe failureThreshold"
    ),
    "killed early": Mutant(stopping, "killed", f"{WEBAPP} {POD} terminationGracePeriodSeconds", 15),
    "longer drain": Mutant(stopping, "killed", f"{WEBAPP} {BOX} env 0 value", "10"),
    "no drain": Mutant(stopping, "heard", f"{WEBAPP} {BOX} env 0 value", "0.5"),
    "service of others": Mutant(wiring, "not webapp's", f"{SERVICE} spec selector {NAME}", "app"),
    "wrong target": Mutant(wiring, "not webapp's", f"{SERVICE} spec ports 0 targetPort", 80),
    "published": Mutant(wiring, "published", f"{SERVICE} spec type", "LoadBalancer"),
    "not headless": Mutant(wiring, "one without", "Service webapp-headless spec clusterIP"),
    "headless": Mutant(wiring, "one without", f"{SERVICE} spec clusterIP", "None"),
    "pods of others": Mutant(wiring, "selects", f"{CLIENT} selector matchLabels {NAME}", "app"),
    "pods misnamed": Mutant(
        wiring, "other labels", f"{CLIENT} template metadata labels {NAME}", "app"
    ),
    "no label": Mutant(wiring, PART_OF, f"{SERVICE} metadata labels {PART_OF}"),
    "two that count": Mutant(several, "both count", f"{WEBAPP} replicas", 3),
    "scales another": Mutant(several, "else", f"{SCALER} spec scaleTargetRef name", "client"),
    "one replica": Mutant(several, "single", f"{SCALER} spec minReplicas"),
    "update with a gap": Mutant(
        several, "takes a pod away", f"{WEBAPP} strategy rollingUpdate maxUnavailable", 1
    ),
    "drained at once": Mutant(
        several, "drained", "PodDisruptionBudget webapp spec maxUnavailable", "100%"
    ),
    "not spread": Mutant(several, "not spread", SPREAD, []),
    "spread of others": Mutant(
        several, "other pods", f"{SPREAD} 0 labelSelector matchLabels {NAME}", "app"
    ),
    "second pod pending": Mutant(
        several, "one node", f"{SPREAD} 1 whenUnsatisfiable", "DoNotSchedule"
    ),
    "open to all": Mutant(calls, "elsewhere/stranger", f"{INGRESS} from"),
    "open to addresses": Mutant(
        calls, "elsewhere/stranger", f"{INGRESS} from 0", {"ipBlock": {"cidr": "0.0.0.0/0"}}
    ),
    "any namespace's client": Mutant(
        calls, "elsewhere/client", f"{INGRESS} from 0 namespaceSelector", {}
    ),
    "anyone in the namespace": Mutant(
        calls, "two-bridges/stranger", f"{INGRESS} from 0 podSelector", {}
    ),
    "every port": Mutant(calls, "'TCP', 22", f"{INGRESS} ports"),
    "wrong port": Mutant(calls, "must be let", f"{INGRESS} ports 0 port", 80),
    "wrong caller": Mutant(
        calls, "must be let", f"{INGRESS} from 0 podSelector matchLabels {NAME}", "app"
    ),
    "ingress not denied": Mutant(
        calls, "Ingress must not", "NetworkPolicy nobody spec policyTypes", ["Egress"]
    ),
    "egress not denied": Mutant(
        calls, "Egress must not", "NetworkPolicy client-to-webapp spec egress 0", {}
    ),
    "no DNS": Mutant(calls, "kube-dns", "NetworkPolicy everyone-to-dns spec egress", []),
    "DNS of anybody": Mutant(
        calls, "kube-system/stranger", "NetworkPolicy everyone-to-dns spec egress 0 to"
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_broken_manifest_fails(mutant: Mutant) -> None:
    objects = mutant.objects()
    if mutant.rule is schema:
        objects = [found for found in objects if found not in OBJECTS]
    told = [line for line in mutant.rule(objects) if mutant.says in line]
    assert told
    if mutant.rule is schema:
        assert [line.split(":")[0] for line in told] == versions()


def test_every_rule_has_its_mutants() -> None:
    assert {mutant.rule for mutant in MUTANTS.values()} == set(RULES)
