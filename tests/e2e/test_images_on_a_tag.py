"""What ci.yml does on a tag: its own script, with Buildx printing what it would build and push."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.engine import ROOT

JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
SCRIPT = next(step["run"] for step in JOBS["images"]["steps"] if "bake" in step.get("run", ""))
DOCKER = """#!/bin/sh
case "$1" in
  login) shift; echo "$*" "$(cat)" ;;
  buildx) exec "$REAL" "$@" --print 2>/dev/null ;;
esac
"""


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    stub = folder / "docker"
    stub.write_text(DOCKER)
    stub.chmod(0o755)
    env |= {"REAL": shutil.which("docker") or "", "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", SCRIPT],
        cwd=ROOT, env=os.environ | env, text=True, capture_output=True, check=False,
    )  # fmt: skip


def fields(told: str | dict[str, str]) -> dict[str, str]:
    """An attestation or output: the newest Buildx prints an object, the floor `NAME=VALUE,…`."""
    return dict(one.split("=") for one in told.split(",")) if isinstance(told, str) else told


def test_both_images_for_both_architectures_with_what_is_in_them(tmp_path: Path) -> None:
    where = {"REGISTRY": "registry.example/me", "GITHUB_REF_NAME": "v1.2.3"}
    done = run(tmp_path, **where, REGISTRY_USER="me", REGISTRY_TOKEN="secret")
    assert done.returncode == 0, done.stderr
    login, _, plan = done.stdout.partition("\n")
    assert login == "--username me --password-stdin registry.example secret"
    targets: dict[str, Any] = json.loads(plan)["target"]
    assert sorted(targets) == ["client", "webapp"]
    for name, target in targets.items():
        assert target["tags"] == [f"registry.example/me/two-bridges-{name}:1.2.3"]
        assert target["args"] == {"VERSION": "1.2.3"}
        assert target["platforms"] == ["linux/amd64", "linux/arm64"]
        told = {one["type"]: one for one in map(fields, target["attest"])}
        assert (sorted(told), told["provenance"]["mode"]) == (["provenance", "sbom"], "max")
        assert fields(target["output"][0])["push"] == "true"


def test_without_a_registry_it_says_what_is_to_be_set(tmp_path: Path) -> None:
    done = run(tmp_path, GITHUB_REF_NAME="v1.2.3", REGISTRY="")
    assert done.returncode != 0
    assert "expected a repository variable REGISTRY, HOST/OWNER" in done.stderr
