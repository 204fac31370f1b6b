"""A page that fails half-way leaves nothing, though only what it declares is removed by name."""

from pathlib import Path
from typing import Any

import pytest

from labkit import Failed
from labkit.pages import play, things
from labkit.pages.parse import Block, Page, find, load
from labkit.pages.play import Run
from tests.support import pages
from tests.support.lab import Lab
from tests.support.machine import ROOT, settled, snapshot

PAGES = {number: load(path) for number, path in find(pages.LABS).items()}
# One of each kind, and where: when all of its kind is there.
KINDS = {
    "containers": ("03", "7. Leave the default bridge"),
    "a project": ("08-04", "Symptom"),
    "files and images": ("01", "3. Run it"),
    "a fault": ("08-01", "Symptom"),
    "an interface of the host's": ("08-10", "Symptom"),
}


def steps(page: Page) -> list[Block]:
    """The steps that can break when something of the page is there."""
    return [block for block in page.blocks if not block.cleanup]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "block" not in metafunc.fixturenames:
        return
    # The scheduler goes by the page's number.
    chosen = {
        f"{n} {kind}": (PAGES[n], next(b for b in PAGES[n].blocks if b.heading == heading))
        for kind, (n, heading) in KINDS.items()
    }
    if metafunc.config.getoption("--thorough"):
        chosen = {f"{n} line {b.line}": (page, b) for n, page in PAGES.items() for b in steps(page)}
    metafunc.parametrize(("page", "block"), chosen.values(), ids=chosen)


@pytest.mark.timeout(600)
def test_a_page_that_breaks_off_leaves_nothing(page: Page, block: Block) -> None:
    if lacks := things.missing(page.needs):
        pytest.skip(f"not executed: {lacks}")
    before = snapshot()
    run = Run(page, ROOT)
    run.start()
    try:
        for part in page.actions:
            if part is block:
                with pytest.raises(Failed):
                    run.act(Block(block.line, block.heading, False, block.commands[:1], exit=99))
                break
            run.act(part)
        assert things.present(page.makes, ROOT)
    finally:
        run.session.close()
        _, left = play.clean(page, ROOT, quick=True)
    assert left == []
    assert pages.changes(page, before) == []


def test_what_a_page_forgets_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, "```console\n$ docker network create NAME >/dev/null\n$ true\n```\n")
    page = load(lab.page)
    names: dict[str, Any] = {"item": pytest.Item}

    def networks() -> set[things.Thing]:
        return {t for t in things.inventory() if lab.name in t.name}

    monkeypatch.setattr(pages, "snapshot", networks)
    monkeypatch.setattr(pages, "settled", lambda look: settled(look, 0))
    monkeypatch.setattr(pages, "count", lambda names, **numbers: None)
    try:
        pages.begin(names, page)
        pages.step(names, page.blocks[0])
        with pytest.raises(
            pytest.fail.Exception, match=f"not in a makes directive: network {lab.name}"
        ):
            pages.undeclared(names)
        with pytest.raises(pytest.fail.Exception, match=f"left: network {lab.name}"):
            pages.nothing_left(names)
    finally:
        things.remove(networks(), tmp_path)
    assert networks() == set()
