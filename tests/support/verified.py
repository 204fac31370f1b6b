"""The table "Verified on" of labs/README.md: how many commands of each page ran on which engine."""

import datetime
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from labkit.pages.parse import find, load
from tests.support.engine import run
from tests.support.machine import ROOT

LABS = ROOT / "labs"
INDEX = LABS / "README.md"
ENGINE = re.compile(r"Engine (\d+\.\d+)\S*, Compose \S+")
DAY = "all played on"


def table(text: str) -> dict[str, dict[str, str]]:
    """The cells by column and row."""
    found = re.search(r"^(\| Page \| Engine .*)\n\| ---.*\n((?:\|.*\n)+)", text, re.M)
    assert found, "labs/README.md has no table | Page | Engine …"
    head, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (found[1], *found[2].splitlines())
    )
    return {
        name: {row[0]: row[column] for row in rows} for column, name in enumerate(head) if column
    }


def this_engine() -> str:
    """The column of the engine that is used."""
    version = run("docker", "version", "--format", "{{.Server.Version}}").stdout.split("+")[0]
    compose = run("docker", "compose", "version", "--short").stdout.split("-")[0]
    return f"Engine {version.strip()}, Compose {compose.strip().lstrip('v')}"


def lab(number: str) -> str:
    """The row of a page: a fault counts to lab 08."""
    return number[:2]


def on_pages() -> Counter[str]:
    """How many commands there are, by row."""
    total: Counter[str] = Counter()
    for path in find(LABS).values():
        page = load(path)
        total[lab(page.number)] += sum(len(block.commands) for block in page.blocks)
    return total


def column(executed: Mapping[str, int]) -> dict[str, str]:
    """The cells for a run of all pages that EXECUTED so many commands, by row."""
    cells = {
        row: f"{executed[row]} of {n}" if executed.get(row) else "not run"
        for row, n in on_pages().items()
    }
    return {DAY: datetime.date.today().isoformat(), **cells}


def with_column(text: str, engine: str, cells: Mapping[str, str]) -> str:
    """TEXT with CELLS in the column of ENGINE, which takes the place of an older patch of it."""
    old = table(text)
    same = ENGINE.match(engine)
    assert same
    columns = {n: c for n, c in old.items() if not n.startswith(f"Engine {same[1]}")}
    columns |= {engine: dict(cells)}
    names = sorted(columns, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
    lines = [["Page", *names], ["---"] * (len(names) + 1)]
    lines += [[row, *(columns[name].get(row, "not run") for name in names)] for row in cells]
    new = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    start = text.index("| Page | Engine ")
    end = text.index("\n\n", start) + 1
    return text[:start] + new + text[end:]


def differs(text: str, engine: str, cells: Mapping[str, str]) -> list[str]:
    """Where the table says something else than CELLS of an engine that it names, the day apart."""
    told = table(text).get(engine, {})
    return [
        f"labs/README.md says of {row} on {engine}: {told[row]!r}, and this run: {cell!r}"
        for row, cell in cells.items()
        if told and row != DAY and told[row] != cell
    ]


def settle(counts: Mapping[str, Mapping[str, int]], write: bool) -> list[str]:
    """Hold a run's COUNTS by page against the table, or write them into it; return what is wrong.

    Only a run of all pages tells anything.
    """
    pages = {str(path.relative_to(ROOT)): number for number, path in find(LABS).items()}
    if set(counts) != set(pages):
        return ["expected a run of all pages to write of"] if write else []
    executed: Counter[str] = Counter()
    for name, number in pages.items():
        executed[lab(number)] += counts[name].get("commands", 0)
    text, cells = Path(INDEX).read_text(encoding="utf-8"), column(executed)
    if write:
        INDEX.write_text(with_column(text, this_engine(), cells), encoding="utf-8")
        return []
    return differs(text, this_engine(), cells)
