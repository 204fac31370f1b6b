"""What holds for every page beside that it is right: little is hidden, and it can be broken off."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from scripts.pages import faults, things
from scripts.pages.needs import missing
from scripts.pages.parse import ELLIPSIS, Block, Fence, Page, find, load
from scripts.pages.play import PageFailure, Run
from tests.labs import collect
from tests.labs.collect import LABS, ROOT, snapshot

ELLIPSES = 3  # the most `...` on one page
PAGES = [load(path) for path in find(LABS).values()]
BY_NUMBER = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.number)


@BY_NUMBER
def test_little_is_left_out(page: Page) -> None:
    hidden = [c for b in page.blocks for c in b.commands for line in c.expected if line == ELLIPSIS]
    assert len(hidden) <= ELLIPSES, [c.line for c in hidden]


@BY_NUMBER
def test_a_step_that_is_checked_only_looks(page: Page) -> None:
    checked = [c for b in page.blocks if b.check for c in b.commands]
    assert checked, "no step for ./lab check"
    assert [c.text for c in checked if things.creates(c.text)] == []


@BY_NUMBER
def test_the_page_cleans_up(page: Page) -> None:
    assert [b for b in page.blocks if b.cleanup] or not things.made_by(page)


@pytest.fixture
def names() -> dict[str, Any]:
    """What the items of one page share."""
    return {"item": SimpleNamespace(user_properties=[])}


def test_what_a_page_forgets_to_remove_is_found(tmp_path: Path, names: dict[str, Any]) -> None:
    made = f"tb-pages-{uuid4().hex[:8]}"
    path = tmp_path / "01-x.md"
    path.write_text(f"```console\n$ docker network create {made} >/dev/null\n```\n")
    page = load(path)
    collect.begin(names, page)
    names["before"] = {t for t in things.inventory() if t.kind == "network"}
    collect.step(names, page.blocks[0])
    networks = {t for t in things.inventory() if t.kind == "network"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "snapshot", lambda: networks)
        with pytest.raises(pytest.fail.Exception, match=f"left: network {made}"):
            collect.nothing_left(names)
    assert things.Thing("network", made) not in things.inventory()


@BY_NUMBER
def test_lines_of_a_file_are_its_own(page: Page) -> None:
    shown = [part for part in page.parts if isinstance(part, Fence) and part.lines]
    for fence in shown:
        ours = (ROOT / str(fence.lines)).read_text(encoding="utf-8")
        assert "\n" + "\n".join(fence.source) + "\n" in "\n" + ours, page.at(fence.line)
    commands = "\n".join(c.text for block in page.blocks for c in block.commands)
    used = set(re.findall(r"labs/[\w-]+\.sh", commands))
    assert used <= {str(fence.lines) for fence in shown}, "a script that is not shown"


def test_a_project_is_there_by_what_compose_started() -> None:
    name = f"tb-pages-{uuid4().hex[:8]}"
    argv = ["docker", "create", "--name", name, f"--label=com.docker.compose.project={name}"]
    try:
        for more, there in ([], False), (["--label=com.docker.compose.container-number=1"], True):
            subprocess.run([*argv, *more, "alpine"], check=True, capture_output=True)
            assert (things.Thing("project", name) in things.inventory()) is there
            subprocess.run(["docker", "rm", name], check=True, capture_output=True)
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def broken_at(page: Page, block: Block, root: Path) -> Run:
    """Play PAGE up to BLOCK, then let the step fail."""
    run = Run(page, root)
    try:
        run.start()
        for part in page.parts:
            if part is block:
                part = Block(block.line, block.heading, False, block.commands[:1], exit=99)
            if isinstance(part, Fence) and part.name:
                run.write(part)
            elif isinstance(part, Block):
                run.block(part)
    except PageFailure:
        assert run.steps[-1].command.line == block.commands[0].line
    finally:
        left = run.finish()
    assert run.failed
    assert left == []
    return run


def step_to_break(page: Page) -> Block:
    """The middle one: some things are there, others not yet. Of a fault, when it is set up.

    When all is there the page's own clean-up comes next, which is played in any case.
    """
    if faults.is_fault(page.number):
        return next(block for block in page.blocks if block.heading == "Symptom")
    blocks = [b for b in page.blocks if not b.cleanup]
    before = [b for b in blocks if all(b.line < c.line for c in page.blocks if c.cleanup)]
    return before[len(before) // 2]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if not missing(p.needs)], ids=lambda page: page.number
)
def test_a_page_that_breaks_leaves_nothing(page: Page) -> None:
    before = snapshot()
    broken_at(page, step_to_break(page), ROOT)
    assert sorted(map(str, snapshot() ^ before)) == []
