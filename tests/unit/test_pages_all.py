"""What holds for every page beside that it is right, and for every fault of lab 08."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from labkit.pages.match import Bindings
from labkit.pages.parse import ELLIPSIS, Block, Fence, Page, find, load
from labkit.pages.rules import RULES
from labkit.pages.things import Thing
from tests.support.machine import ROOT, declared, files, settled
from tests.support.pages import LABS

ELLIPSES = 3  # the most `...` on one page
PAGES = [load(path) for path in find(LABS).values()]
FAULTS = [page for page in PAGES if page.fault]
BY_NUMBER = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.number)
SECTIONS = ["Break it", "Symptom", "Hints", "Solution", "Check", "Clean up"]


@BY_NUMBER
def test_little_is_left_out(page: Page) -> None:
    commands = [one for b in page.blocks for c in b.commands for one in (c, *c.before.values())]
    hidden = [c.line for c in commands for line in c.expected if line == ELLIPSIS]
    assert len(hidden) <= ELLIPSES, hidden


@BY_NUMBER
def test_a_step_that_is_checked_only_looks(page: Page) -> None:
    checked = [c.text for b in page.blocks if b.check for c in b.commands]
    assert checked, "no step for ./lab check"
    makes = re.compile(r"--name |(network|volume) create|docker build|compose .*up|apply|nodes up")
    assert [text for text in checked if makes.search(text)] == []


@BY_NUMBER
def test_the_page_declares_what_it_makes_and_cleans_up(page: Page) -> None:
    assert len(set(page.makes)) == len(page.makes) >= 1
    assert [block for block in page.blocks if block.cleanup]
    saved = [
        Thing("file", part.name) for part in page.actions if isinstance(part, Fence) if part.name
    ]
    assert [thing for thing in saved if not declared(thing, page.makes)] == []


@BY_NUMBER
def test_lines_of_a_file_are_its_own(page: Page) -> None:
    shown = [part for part in page.parts if isinstance(part, Fence) and part.lines]
    for fence in shown:
        ours = (ROOT / str(fence.lines)).read_text(encoding="utf-8")
        assert "\n" + "\n".join(fence.source) + "\n" in "\n" + ours, page.at(fence.line)
    commands = "\n".join(c.text for block in page.blocks for c in block.commands)
    used = set(re.findall(r"labs/[\w-]+\.sh", commands))
    assert used <= {str(fence.lines) for fence in shown}, "a script that is not shown"


def rules_used() -> dict[str, set[str]]:
    used = defaultdict(set)
    for page in PAGES:
        rules = Bindings(page.rules).rules
        for line in (line for b in page.blocks for c in b.commands for line in c.expected):
            for rule, _ in rules.values(line):
                used[rule.name].add(page.number)
    return used


def test_a_rule_serves_two_pages_or_is_the_page_s_own() -> None:
    used = rules_used()
    assert [rule.name for rule in RULES if len(used[rule.name]) < 2] == []
    own = [(rule.name, page.number) for page in PAGES for rule in page.rules]
    assert [(name, number) for name, number in own if number not in used[name]] == []


@pytest.mark.parametrize("page", FAULTS, ids=lambda page: page.number)
def test_a_fault_has_every_section_once_and_folds_what_gives_it_away(page: Page) -> None:
    text = page.path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    prose = [part for part in page.parts if isinstance(part, str)]
    said = [line for line in prose if line.startswith("> ")]
    assert said[-1].endswith((".", "?", '"')), "nobody says it"
    for heading in SECTIONS:
        assert page.section(heading), f"{heading} runs nothing"
    assert [part for part in page.actions if not isinstance(part, Block)] == []
    hints = text.partition("## Hints")[2].partition("## Solution")[0]
    folds = re.findall(r"<summary>(.+)</summary>", hints)
    assert folds[-3:] == ["Hint 1", "Hint 2", "What the doctor says"]
    for heading in ("Break it", "Hints", "Solution"):
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        folded = re.sub(r"<details>.*?</details>", "", section, flags=re.S)
        assert folded.strip() == "", f"{heading} is not folded"


def test_the_table_of_the_lab_is_its_files() -> None:
    text = (LABS / "08-break-it-and-fix-it.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \| \[Fault (\d+)\]\((.+)\) \|$", text, re.M)
    titles = [re.fullmatch(r"Fault (\d+): (.+)", page.title) for page in FAULTS]
    assert rows == [
        (m[1], m[2][0].upper() + m[2][1:], m[1], f"faults/{page.path.name}")
        for page, m in zip(FAULTS, titles, strict=True)
        if m
    ]
    assert [int(row[0]) for row in rows] == [int(page.number[3:]) for page in FAULTS]
    assert len(FAULTS) >= 10


@pytest.mark.parametrize(
    ("thing", "there"),
    [
        ("container c1", True),
        ("container c2", False),
        ("container p-web-1", True),
        ("network p_pair", True),
        ("network pq", False),
        ("netns tb-node1", True),
        ("file d 0a1b2c3d", True),
        ("file d/e 0a1b2c3d", True),
        ("file de 0a1b2c3d", False),
        ("network d/e", False),
    ],
)
def test_what_a_declaration_covers(thing: str, there: bool) -> None:
    made = [Thing(*one.split()) for one in ("container c1", "project p", "nodes n", "file d")]
    kind, _, name = thing.partition(" ")
    assert declared(Thing(kind, name), made) is there


def test_files_show_by_name_and_by_change(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("x")
    (tmp_path / "a").write_text("1")
    before = files(tmp_path)
    assert [thing.name.split()[0] for thing in before] == ["a"]
    (tmp_path / "a").write_text("2")
    assert files(tmp_path) != before


def test_what_goes_by_itself_is_not_left() -> None:
    looks = iter([{Thing("container", "a"), Thing("container", "b")}, {Thing("container", "b")}])
    assert settled(lambda: next(looks, {Thing("container", "b")}), 0.5) == [Thing("container", "b")]
    looks = iter([{Thing("container", "a")}, {Thing("container", "b")}])
    assert settled(lambda: next(looks)) == []
