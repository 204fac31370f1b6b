"""A page that needs a cluster: run where one answers, told as not executed where none does."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labkit.pages.parse import Page, find, load
from labkit.pages.things import NEEDS, missing
from tests.support.lab import NO_ENGINE, Lab
from tests.support.pages import LABS, Pages, begin, step

# A cluster of one namespace, which is a file; it answers unless NO_CLUSTER says otherwise.
KUBECTL = """#!/bin/sh
cd "$(dirname "$0")" || exit
case "$*" in
  "auth can-i"*) exit "${NO_CLUSTER:-0}" ;;
  "apply -k"*) touch namespace && echo "namespace/two-bridges created" ;;
  *"get namespace"*) test ! -e namespace || echo namespace/two-bridges ;;
  *delete*namespace*) rm namespace && echo 'namespace "two-bridges" deleted' ;;
esac
"""
PAGE = """# 07 A page of the tests

<!-- lab: needs kubectl -->
<!-- lab: makes namespace two-bridges -->

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


@pytest.fixture
def cluster(tmp_path: Path) -> Lab:
    """A folder with the page, and with a kubectl that is first on the PATH."""
    lab = Lab(tmp_path, PAGE)
    lab.command("docker", NO_ENGINE)
    lab.command("kubectl", KUBECTL)
    return lab


@pytest.fixture
def nowhere(cluster: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    cluster.env["NO_CLUSTER"] = "1"
    monkeypatch.setenv("NO_CLUSTER", "1")
    monkeypatch.setenv("PATH", cluster.env["PATH"])
    missing.cache_clear()
    yield cluster
    missing.cache_clear()


def namespace(lab: Lab) -> Path:
    return lab.folder / "bin" / "namespace"


@pytest.mark.parametrize("path", find(LABS).values(), ids=lambda path: path.name[:5])
def test_a_page_says_how_many_of_its_commands_may_not_be_executed(path: Path) -> None:
    page = load(path)
    number = str(sum(len(block.commands) for block in page.blocks))
    said = re.findall(r"leave out the (\d+) commands", path.read_text(encoding="utf-8"))
    assert said == ([number] if page.needs else [])


@pytest.mark.parametrize(("was", "code"), [("$ true", 0), ("$ false", 1)])
def test_where_a_cluster_answers_the_page_runs_and_leaves_nothing(
    cluster: Lab, was: str, code: int
) -> None:
    cluster.change("$ true", was)
    got, out = cluster("run", "07", "--yes")
    assert (got, "namespace/two-bridges created" in out) == (code, True), out
    assert not namespace(cluster).exists()


def test_a_namespace_that_is_there_is_left_alone_until_the_page_is_named(cluster: Lab) -> None:
    namespace(cluster).touch()
    code, out = cluster("run", "07", "--yes")
    assert (code, "another lab: namespace two-bridges;" in out) == (3, True)
    assert cluster("clean")[0] == 0
    assert namespace(cluster).exists()
    assert cluster("clean", "07")[0] == 0
    assert not namespace(cluster).exists()


@pytest.mark.parametrize("args", [("run", "07", "--yes"), ("check", "07"), ("record", "07")])
def test_where_none_answers_the_lab_says_so(nowhere: Lab, args: tuple[str, ...]) -> None:
    code, out = nowhere(*args)
    assert (code, out.count("\n")) == (3, 1)
    assert out.startswith("lab: kubectl reaches no cluster")


def test_without_kubectl_too(nowhere: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert str(missing("kubectl")).startswith("kubectl reaches no cluster")
    assert missing(None) is None


@pytest.mark.parametrize(("ci", "left_out"), [("true", False), ("", True)])
def test_in_ci_three_nodes_are_not_left_out(
    ci: str, left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NEEDS, "nodes", ("false", "not here"))
    monkeypatch.setenv("CI", ci)
    missing.cache_clear()
    assert (missing("nodes") == "not here") is left_out
    missing.cache_clear()


def played(pages: Pages, page: Page, act: Callable[[dict[str, Any]], None]) -> None:
    """Let an item of PAGE that must be skipped act, and PAGES see its report."""
    item = SimpleNamespace(user_properties=[])
    with pytest.raises(pytest.skip.Exception, match="not executed: kubectl reaches no cluster"):
        act({"item": item})
    report = pytest.TestReport(
        f"{page.path}::x", ("", 0, ""), {}, "skipped", None, "call",
        user_properties=item.user_properties,
    )  # fmt: skip
    pages.pytest_runtest_logreport(report)


def test_the_tests_count_it_as_not_executed_and_say_so(
    nowhere: Lab, pytestconfig: pytest.Config
) -> None:
    pages, page = Pages(), load(nowhere.page)
    played(pages, page, lambda names: begin(names, page))
    assert pages.total()["not executed"] == pages.total()["on pages"] == 3
    assert pages.shortfall() == []
    lines: list[str] = []
    reporter: Any = SimpleNamespace(
        section=lines.append,
        write_line=lambda line, **_: lines.append(line),
        config=pytestconfig,
    )
    pages.pytest_terminal_summary(reporter)
    (told,) = [line for line in lines if "NOT EXECUTED" in line]
    assert told.startswith("3 commands NOT EXECUTED, all of ")
    assert told.endswith("kubectl reaches no cluster in which it may make a namespace")


def test_its_steps_are_skipped_too(nowhere: Lab) -> None:
    page = load(nowhere.page)

    def both(names: dict[str, Any]) -> None:
        with pytest.raises(pytest.skip.Exception):
            begin(names, page)
        step(names, page.blocks[0])

    played(Pages(), page, both)


def test_a_page_without_the_directive_is_never_left_out(nowhere: Lab) -> None:
    nowhere.change("<!-- lab: needs kubectl -->\n", "")
    pages, page = Pages(), load(nowhere.page)
    pages.counts[str(page.path)].update(blocks=1)
    assert "3 commands were not executed" in pages.shortfall()
