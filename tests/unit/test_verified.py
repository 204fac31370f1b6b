"""labs/README.md's table of engines: what is true of it at any time, and how a run changes it."""

import datetime
import re
from collections import Counter

import pytest

from labkit.pages.parse import find
from tests.support import verified
from tests.support.machine import ROOT

TEXT = verified.INDEX.read_text(encoding="utf-8")
COLUMNS = verified.table(TEXT)
SMALL = (
    "before\n\n| Page | Engine 26.1.5, Compose 2.26.1 |\n| --- | --- |\n| 00 | 1 of 1 |\n\nafter\n"
)


@pytest.mark.parametrize("engine", COLUMNS)
def test_every_page_has_a_row_and_no_command_is_missing_in_it(engine: str) -> None:
    cells = dict(COLUMNS[engine])
    assert datetime.date.fromisoformat(cells.pop(verified.DAY)) <= datetime.date.today()
    whole = {row: f"{n} of {n}" for row, n in verified.on_pages().items()}
    assert cells == whole | {"10": "not run"}


def test_the_floor_and_the_newest_engine_are_there() -> None:
    floor = re.search(r"floor_engine=(\S+) floor_compose=(\S+)", (ROOT / "lab").read_text())
    assert floor
    assert len(COLUMNS) >= 2
    first = min(COLUMNS, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
    assert re.match(rf"Engine {floor[1]}\.\d+, Compose {floor[2]}\.", first)
    told = f"with Engine {floor[1]} and Compose {floor[2]} or later"
    assert told in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_run_takes_the_place_of_an_older_patch_and_comes_in_order() -> None:
    new = verified.with_column(SMALL, "Engine 26.1.9, Compose 2.26.1", {"00": "2 of 2"})
    assert verified.table(new) == {"Engine 26.1.9, Compose 2.26.1": {"00": "2 of 2"}}
    both = verified.with_column(SMALL, "Engine 9.0.1, Compose 1.0.0", {"00": "2 of 2"})
    assert list(verified.table(both)) == [
        "Engine 9.0.1, Compose 1.0.0", "Engine 26.1.5, Compose 2.26.1",
    ]  # fmt: skip
    assert both.startswith("before\n\n| Page |")
    assert both.endswith("|\n\nafter\n")


def test_a_run_that_the_table_does_not_tell_of_is_named() -> None:
    engine = "Engine 26.1.5, Compose 2.26.1"
    assert verified.differs(SMALL, engine, {"00": "1 of 1"}) == []
    [told] = verified.differs(SMALL, engine, {"00": "0 of 1"})
    assert "of 00 on Engine 26.1.5" in told
    assert verified.differs(SMALL, "Engine 29.7.2, Compose 2.40.3", {"00": "0 of 1"}) == []


def test_a_run_of_some_pages_tells_nothing() -> None:
    assert verified.settle({"labs/00.md": Counter(commands=1)}, write=False) == []
    assert verified.settle({"labs/00.md": Counter(commands=1)}, write=True) != []


def test_a_fault_counts_to_lab_08() -> None:
    assert {verified.lab(number) for number in find(verified.LABS)} == set(verified.on_pages())
    assert "08" in verified.on_pages()
