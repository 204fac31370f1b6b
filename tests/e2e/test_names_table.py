"""The table of lab 07: which of the names that Compose adds resolve from where.

The page is the only source: its names.yaml is started, every name in its table is looked up from
every column, and what is found must be the table, cell by cell.
"""

import re
from collections.abc import Iterable, Iterator

import pytest

from labkit.pages.parse import Fence, load
from tests.support.engine import LABEL, ROOT, docker, fresh_name, run

PAGE = load(ROOT / "labs" / "07-many-networks.md")
PROJECT = "lab07"  # on the page
KINDS = {
    "of the service",
    "of the container: project, service, number",
    "`container_name`",
    "what `container_name` replaces",
    "`hostname`",
    "an alias",
    "the container's short id",
    "one of these and the network",
    "project and service",
}
NETWORKS = {
    "Same network": "{}_left",
    "Other network of the project": "{}_right",
    "Default bridge, with `web` connected to it too": "bridge",
    "Host": "host",
}
# A line for each name: the name, then its addresses.
LOOK_UP = 'for name; do echo "$name" $(getent ahostsv4 "$name" | cut -d " " -f 1 | sort -u); done'


def table() -> dict[str, dict[str, str]]:
    """The page's table, by kind of name; each row by the names of the columns."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.lines
        if line.startswith("|") and line.count("|") == len(NETWORKS) + 3
    ]
    head, _, *body = rows
    return {row[0]: dict(zip(head, row, strict=True)) for row in body}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's project under a name of the test's own, `web` on the default bridge as well."""
    name = fresh_name()
    [fence] = [one for one in PAGE.actions if isinstance(one, Fence) and one.name == "names.yaml"]
    file = tmp_path_factory.mktemp("names") / "names.yaml"
    file.write_text("\n".join(fence.source).replace(PROJECT, name), encoding="utf-8")
    compose = ("docker", "compose", "--project-name", name, "--file", str(file))
    try:
        run(*compose, "up", "--detach")
        docker("network", "connect", "bridge", f"{name}-web-1")
        yield name
    finally:
        run(*compose, "down", "--timeout", "0")


def addresses(container: str) -> set[str]:
    look = "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}"
    return set(docker("container", "inspect", "--format", look, container).stdout.split())


def look_up(network: str, names: Iterable[str]) -> dict[str, set[str]]:
    """The addresses of each name, asked from a new container on NETWORK."""
    words = (*LABEL, "--network", network, "python:3.13-slim")
    done = docker("run", "--rm", *words, "sh", "-c", LOOK_UP, "-", "localhost", *names)
    found = {name: set(rest) for name, *rest in map(str.split, done.stdout.splitlines())}
    assert found["localhost"] == {"127.0.0.1"}, "nothing resolves at all"
    return found


def test_the_table_holds(project: str) -> None:
    written = table()
    assert set(written) == KINDS
    short_id = docker("ps", "--quiet", "--filter", f"name=^{project}-web-1$").stdout.strip()
    names = {
        kind: re.sub(r"^[0-9a-f]{12}$", short_id, row["For example"].strip("`")).replace(
            PROJECT, project
        )
        for kind, row in written.items()
    }
    web, box = addresses(f"{project}-web-1"), addresses(f"{project}-the-box")
    computed = {
        kind: {"The name": kind, "For example": written[kind]["For example"]} for kind in written
    }
    for column, network in NETWORKS.items():
        found = look_up(network.format(project), names.values())
        for kind, name in names.items():
            # What somebody else answers is no name of this container's.
            hit = found[name] & (box if "box" in name else web)
            computed[kind][column] = "yes" if hit else "no"
    assert computed == written
