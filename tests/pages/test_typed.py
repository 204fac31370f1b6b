"""Pages typed into a terminal, as a person does: there, too, each command shows what the page says.

Before the clean-up every check of the page holds.
The tests of the pages themselves read from a pipe, where Docker and bash often print otherwise.
The three shortest pages; with --long all of 00 to 05.
"""

import pytest

from labkit.pages.parse import Page, find, load
from labkit.pages.play import Run
from labkit.pages.words import check
from tests.support.machine import ROOT
from tests.support.pages import LABS
from tests.support.terminal import Terminal

SHORT = ("00", "02", "03")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    pages = [load(path) for number, path in find(LABS).items() if number < "06"]
    if not metafunc.config.getoption("--long"):
        pages = [page for page in pages if page.number in SHORT]
    # The scheduler goes by the page's number.
    metafunc.parametrize("page", pages, ids=[f"{page.number} typed" for page in pages])


@pytest.mark.timeout(600)
def test_in_a_terminal_a_page_shows_the_same(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = [block for block in page.blocks if block.cleanup]
    run = Run(page, ROOT)
    run.session = Terminal(ROOT)
    run.start()
    try:
        for part in page.actions:
            if part in ends[:1]:
                assert check(page), capsys.readouterr().out
            run.act(part)
        run.failed = False
    except BaseException:
        run.failed = True
        raise
    finally:
        left = run.finish()
    assert left == []
