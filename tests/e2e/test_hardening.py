"""What the containers of compose.yaml may do, and what is not in their images."""

from __future__ import annotations

import re

import pytest
from conftest import docker

services = pytest.mark.parametrize("service", ["webapp", "client"])

WRITE_EVERYWHERE = """
import os, sys
for root, folders, _ in os.walk("/"):
    if root.split("/")[1] in ("proc", "sys", "dev", "tmp"):
        folders.clear()
        continue
    try:
        path = os.path.join(root, "two-bridges-was-here")
        open(path, "w").close()
        print(path)
    except OSError:
        pass
"""


@services
def test_not_root_and_no_capabilities(pair, service):
    status = docker("exec", pair.container(service), "cat", "/proc/1/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert set(fields["Uid"].split()) == {"10001"}
    assert set(fields["Gid"].split()) == {"10001"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1"


@services
@pytest.mark.parametrize("user", ["10001", "0"], ids=["own-user", "root"])
def test_nothing_on_the_root_file_system_can_be_written(pair, service, user):
    done = docker("exec", "--user", user, pair.container(service), "python", "-c", WRITE_EVERYWHERE)
    assert done.stdout == ""


@services
def test_limits_on_memory_processes_and_logs(pair, service):
    host = pair.inspect(service)["HostConfig"]
    assert host["Memory"] == 192 * 1024 * 1024
    assert host["PidsLimit"] == 64
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "1m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


@services
def test_the_image_has_no_installer_compiler_or_curl(pair, service):
    tools = "pip pip3 gcc cc curl wget"
    found = docker(
        "exec", pair.container(service), "sh", "-c",
        f"for tool in {tools}; do command -v $tool; done; true",
    )  # fmt: skip
    assert found.stdout == ""
    for module in ("pip", "ensurepip", "setuptools"):
        done = docker(
            "exec", pair.container(service), "python", "-c", f"import {module}", check=False
        )
        assert "ModuleNotFoundError" in done.stderr, module


@pytest.mark.parametrize(
    ("service", "others"),
    [("webapp", ["requests", "client"]), ("client", ["flask", "gunicorn", "webapp"])],
)
def test_each_image_has_only_its_own_packages(pair, service, others):
    for module in others:
        done = docker(
            "exec", pair.container(service), "python", "-c", f"import {module}", check=False
        )
        assert "ModuleNotFoundError" in done.stderr, module


@services
def test_image_metadata(pair, service):
    config = pair.inspect(service)["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == f"two-bridges {service}"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["Healthcheck"]["Test"][:3] == ["CMD", "python", "-m"]


@services
def test_the_dependencies_are_a_layer_before_the_code(pair, service):
    image = pair.inspect(service)["Image"]
    steps = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    copies = re.findall(r"COPY (\S+)", steps)
    assert copies == [service, "/opt/venv"]  # newest first
