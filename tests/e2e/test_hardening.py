"""What the containers of compose.yaml may do, and what is not in their images."""

import json

import pytest

from tests.support.engine import Pair, docker

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
FOUND = """
import importlib.util, shutil, sys
print([tool for tool in sys.argv[1].split() if shutil.which(tool)]
      + [module for module in sys.argv[2].split() if importlib.util.find_spec(module)])
"""


@services
def test_not_root_and_no_capabilities(pair: Pair, service: str) -> None:
    status = docker("exec", pair.container(service), "cat", "/proc/1/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert set(fields["Uid"].split()) == {"10001"}
    assert set(fields["Gid"].split()) == {"10001"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1"


@services
@pytest.mark.parametrize("user", ["10001", "0"], ids=["own-user", "root"])
def test_nothing_on_the_root_file_system_can_be_written(
    pair: Pair, service: str, user: str
) -> None:
    assert pair.python(service, "-c", WRITE_EVERYWHERE, user=user) == ""


@services
def test_limits_on_memory_processes_and_logs(pair: Pair, service: str) -> None:
    host = pair.inspect(service)["HostConfig"]
    assert host["Memory"] == 192 * 1024 * 1024
    assert host["PidsLimit"] == 64
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "1m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize(("service", "other"), [("webapp", "client"), ("client", "webapp")])
def test_no_installer_compiler_curl_tests_or_code_of_the_other(
    pair: Pair, service: str, other: str
) -> None:
    tools, modules = "pip pip3 gcc cc curl wget", f"pip ensurepip setuptools tests labkit {other}"
    assert pair.python(service, "-c", FOUND, tools, modules) == "[]\n"
    assert pair.python(service, "-c", FOUND, "python", service) == f"['python', '{service}']\n"


@services
def test_image_metadata(pair: Pair, service: str) -> None:
    config = pair.inspect(service)["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == f"two-bridges {service}"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["Healthcheck"]["Test"][:3] == ["CMD", "python", "-m"]


def test_the_images_share_all_but_the_layer_of_their_own_code() -> None:
    images = json.loads(
        docker("image", "inspect", "two-bridges-webapp", "two-bridges-client").stdout
    )
    webapp, client = (image["RootFS"]["Layers"] for image in images)
    assert webapp[:-1] == client[:-1]
    assert webapp[-1] != client[-1]
