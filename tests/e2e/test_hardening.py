"""The security checklist: what the containers may do, and what is and is not in their images."""

import json
import re
import shutil
import tarfile
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.support.engine import ROOT, Pair, docker, fresh_name, run

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
SPECIAL = """
import os, stat
for root, folders, files in os.walk("/"):
    if root.split("/")[1] in ("proc", "sys", "dev"):
        folders.clear()
        continue
    for path in (os.path.join(root, name) for name in files):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            print(path)
"""
INSTALLED = """
import importlib.metadata
for one in importlib.metadata.distributions(path=["/opt/venv/lib/python3.13/site-packages"]):
    print(f"{one.metadata['name'].lower().replace('_', '-')}=={one.version}")
"""
# Where people leave one in a checkout.
SECRETS = (".env", ".env.production", ".git/config", "webapp/.env", "client/.env", "id_ed25519")


@services
def test_not_root_and_no_capabilities(pair: Pair, service: str) -> None:
    status = docker("exec", pair.container(service), "cat", "/proc/1/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert set(fields["Uid"].split()) == {"10001"}
    assert set(fields["Gid"].split()) == {"10001"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2", "Docker's filter of system calls is off"


@services
def test_nothing_of_the_host_is_inside(pair: Pair, service: str) -> None:
    container = pair.inspect(service)
    host = container["HostConfig"]
    assert (host["Privileged"], host["Devices"] or [], host["CapAdd"]) == (False, [], None)
    assert container["Mounts"] == []
    assert "host" not in [
        host[f"{space}Mode"] for space in ("Pid", "Ipc", "UTS", "Network", "Userns")
    ]


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
    assert host["PidsLimit"] == 128
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "1m"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize(("service", "other"), [("webapp", "client"), ("client", "webapp")])
def test_no_installer_compiler_curl_tests_or_code_of_the_other(
    pair: Pair, service: str, other: str
) -> None:
    tools = "apt apt-get dpkg apk pip pip3 uv gcc cc make curl wget nc git"
    modules = f"pip ensurepip setuptools tests labkit {other}"
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


@services
def test_no_file_lends_the_rights_of_its_owner(pair: Pair, service: str) -> None:
    assert pair.python(service, "-c", SPECIAL, user="0") == ""


@services
def test_what_is_installed_is_what_is_locked(pair: Pair, service: str) -> None:
    lock = (ROOT / "requirements.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+==[^ ]+) (?!.*sys_platform == 'win32')", lock, re.M))
    assert set(pair.python(service, "-c", INSTALLED).split()) == locked


@services
def test_every_port_is_published_on_loopback_only(pair: Pair, service: str) -> None:
    published = pair.inspect(service)["NetworkSettings"]["Ports"]
    at = {end["HostIp"] for ends in published.values() for end in ends or []}
    assert at == ({"127.0.0.1"} if service == "webapp" else set())


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/static/style.css"])
def test_response_headers(pair: Pair, path: str, kind: str) -> None:
    request = urllib.request.Request(pair.url + path, headers={"Accept": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            headers = response.headers
    except HTTPError as error:
        headers = error.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] == "gunicorn"  # and no version


@pytest.fixture(scope="module")
def checkout_with_secrets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What a build takes, with a secret wherever people leave one; and the secret."""
    here, secret = tmp_path_factory.mktemp("checkout"), uuid.uuid4().hex
    for name in ("webapp", "client"):
        shutil.copytree(ROOT / name, here / name)
    for name in ("Dockerfile", ".dockerignore", "requirements.txt"):
        shutil.copy(ROOT / name, here)
    for name in SECRETS:
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(f"SECRET={secret}\n")
    return here, secret


@services
def test_no_secret_of_the_checkout_is_in_a_layer(
    checkout_with_secrets: tuple[Path, str], service: str, tmp_path: Path
) -> None:
    here, secret = checkout_with_secrets
    image, saved = fresh_name(), tmp_path / "image.tar"
    try:
        run("docker", "build", "--quiet", "--target", service, "--tag", image, str(here))
        docker("save", "--output", str(saved), image)
    finally:
        docker("image", "rm", "--force", image, check=False)
    names = list(inside(saved, secret))
    assert f"app/{service}/__init__.py" in names
    assert [name for name in names if Path(name).name in {Path(one).name for one in SECRETS}] == []


def inside(saved: Path, secret: str) -> Iterator[str]:
    """The files of an image's layers, none of which holds SECRET."""
    with tarfile.open(saved) as image:
        for blob in image.getmembers():
            if not (raw := image.extractfile(blob)):
                continue
            try:
                with tarfile.open(fileobj=raw) as layer:
                    for file in layer:
                        if (
                            file.isfile()
                            and (content := layer.extractfile(file))
                            and file.size < 1 << 20
                        ):
                            assert secret.encode() not in content.read(), file.name
                        yield file.name
            except tarfile.ReadError:  # a manifest, a configuration
                raw.seek(0)
                assert secret.encode() not in raw.read(), blob.name
