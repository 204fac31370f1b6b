"""A page that needs a cluster: run where one answers, told as not executed where none does."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.pages.needs import PROBES, missing
from scripts.pages.parse import Page, PageError, find, load
from tests.labs.collect import LABS, ROOT, Pages, begin, step
from tests.labs.test_cli import CODE

# A cluster of one namespace, which is a file; it answers unless NO_CLUSTER says otherwise.
KUBECTL = """#!/bin/sh
cd "$(dirname "$0")" || exit
case "$1 $2" in
  "auth can-i") exit "${NO_CLUSTER:-0}" ;;
  "apply -k") touch namespace && echo "namespace/two-bridges created" ;;
  "get namespace") test -e namespace ;;
  "delete namespace") rm namespace && echo 'namespace "two-bridges" deleted' ;;
esac
"""
PAGE = """# 07 A page of the tests

<!-- lab: needs kubectl -->

```console
$ kubectl apply -k deploy
namespace/two-bridges created
$ true
```

## Clean up

```console
$ kubectl delete namespace two-bridges
namespace "two-bridges" deleted
```
"""


class Cluster:
    """A folder with the page, and with a kubectl that is first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.namespace = folder, folder / "bin" / "namespace"
        (folder / "bin").mkdir()
        (folder / "bin" / "kubectl").write_text(KUBECTL)
        (folder / "bin" / "kubectl").chmod(0o755)
        self.path = folder / "07-a-page.md"
        self.path.write_text(PAGE)

    def lab(self, *args: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(self.folder), *args],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    there = Cluster(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    missing.cache_clear()
    yield there
    missing.cache_clear()


@pytest.fixture
def nowhere(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("NO_CLUSTER", "1")
    return cluster


@pytest.mark.parametrize("path", find(LABS).values(), ids=lambda path: path.name[:2])
def test_a_page_says_how_many_of_its_commands_may_not_be_executed(path: Path) -> None:
    page = load(path)
    number = str(sum(len(block.commands) for block in page.blocks))
    said = re.findall(r"leave out the (\d+) commands", path.read_text(encoding="utf-8"))
    assert said == ([number] if page.needs else [])


def test_where_a_cluster_answers_the_page_runs_and_leaves_nothing(cluster: Cluster) -> None:
    code, out = cluster.lab("run", "07", "--yes")
    assert code == 0, out
    assert "namespace/two-bridges created" in out
    assert not cluster.namespace.exists()


def test_a_page_that_breaks_leaves_no_namespace(cluster: Cluster) -> None:
    cluster.path.write_text(PAGE.replace("$ true", "$ false"))
    code, out = cluster.lab("run", "07", "--yes")
    assert code == 1, out
    assert not cluster.namespace.exists()


def test_a_namespace_that_is_there_is_left_alone_until_the_page_is_named(cluster: Cluster) -> None:
    cluster.namespace.touch()
    code, out = cluster.lab("run", "07", "--yes")
    assert (code, "namespace two-bridges is already there" in out) == (3, True)
    assert cluster.lab("clean")[0] == 0
    assert cluster.namespace.exists()
    assert cluster.lab("clean", "07")[0] == 0
    assert not cluster.namespace.exists()


@pytest.mark.parametrize("args", [("run", "07", "--yes"), ("check", "07"), ("record", "07")])
def test_where_none_answers_the_lab_says_so(nowhere: Cluster, args: tuple[str, ...]) -> None:
    code, out = nowhere.lab(*args)
    assert (code, out.count("\n")) == (3, 1)
    assert out.startswith("lab: kubectl reaches no cluster")


def test_without_kubectl_too(nowhere: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert str(missing("kubectl")).startswith("kubectl reaches no cluster")
    assert missing(None) is None


@pytest.mark.parametrize(("ci", "left_out"), [("true", False), ("", True)])
def test_in_ci_three_nodes_are_not_left_out(
    ci: str, left_out: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = tmp_path / "nodes.sh"
    nothing.write_text("#!/bin/sh\nexit 3\n")
    nothing.chmod(0o755)
    monkeypatch.setitem(PROBES, "nodes", ((str(nothing), "able"), "not here"))
    monkeypatch.setenv("CI", ci)
    missing.cache_clear()
    assert (missing("nodes") == "not here") is left_out
    missing.cache_clear()


def played(pages: Pages, page: Page, act: Callable[[dict[str, Any]], None]) -> pytest.TestReport:
    """Let an item of PAGE that must be skipped act, and PAGES see its report."""
    item = SimpleNamespace(user_properties=[])
    with pytest.raises(pytest.skip.Exception, match="not executed: kubectl reaches no cluster"):
        act({"item": item})
    report = pytest.TestReport(
        f"{page.path}::x", ("", 0, ""), {}, "skipped", None, "call",
        user_properties=item.user_properties,
    )  # fmt: skip
    pages.pytest_runtest_logreport(report)
    return report


def test_the_tests_count_it_as_not_executed_and_say_so(nowhere: Cluster) -> None:
    pages, page = Pages(), load(nowhere.path)
    played(pages, page, lambda names: begin(names, page))
    assert pages.total()["not executed"] == pages.total()["on pages"] == 3
    assert pages.shortfall() == []
    lines: list[str] = []
    pages.pytest_terminal_summary(
        SimpleNamespace(section=lines.append, write_line=lambda line, **_: lines.append(line))
    )
    (told,) = [line for line in lines if "NOT EXECUTED" in line]
    assert told.startswith("3 commands NOT EXECUTED, all of ")
    assert told.endswith("kubectl reaches no cluster in which it may make a namespace")


def test_its_steps_are_skipped_too(nowhere: Cluster) -> None:
    page = load(nowhere.path)

    def both(names: dict[str, Any]) -> None:
        with pytest.raises(pytest.skip.Exception):
            begin(names, page)
        step(names, page.blocks[0])

    played(Pages(), page, both)


def test_a_page_without_the_directive_is_never_left_out(nowhere: Cluster) -> None:
    nowhere.path.write_text(PAGE.replace("<!-- lab: needs kubectl -->", ""))
    pages, page = Pages(), load(nowhere.path)
    pages.counts[str(page.path)].update(blocks=1)
    assert "3 commands were not executed" in pages.shortfall()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- lab: needs luck -->\n",
        "<!-- lab: needs -->\n",
        "<!-- lab: needs kubectl -->\n<!-- lab: needs kubectl -->\n",
        "```console\n$ a\n```\n<!-- lab: needs kubectl -->\n",
    ],
)
def test_the_directive_stands_once_before_any_fence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "07-a-page.md"
    path.write_text(text)
    with pytest.raises(
        PageError, match="needs: expected one of kubectl, nodes, once, before any fence"
    ):
        load(path)
