"""labs/README.md against the pages: each page with its time, each contradiction with its proof."""

import re
from pathlib import Path

import pytest

from labkit.pages.parse import load
from tests.support.links import anchors

LABS = Path(__file__).parents[2] / "labs"
INDEX = (LABS / "README.md").read_text(encoding="utf-8")
CONTRADICTIONS = re.findall(
    r"^\| .+ \| .+ \| `(.+)` on \[(\d\d)\]\(([\w.-]+)#([\w-]+)\) \|$", INDEX, re.M
)


@pytest.mark.parametrize("path", sorted(LABS.glob("[0-9]*.md")), ids=lambda path: path.name)
def test_the_page_is_in_the_index_with_its_title_and_time(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    row = next(
        line for line in INDEX.splitlines() if line.startswith(f"| [{title}]({path.name}) |")
    )
    minutes = re.search(r"\*\*Time\*\* \| (?:\d+ to )?(\d+) minutes", text)
    assert minutes
    if "to" not in minutes.group():
        assert f"| {minutes.group(1)} min |" in row


def test_every_row_of_the_contradictions_is_read() -> None:
    table = INDEX.split("| You may read |")[1].split("\n## ")[0]
    assert len(CONTRADICTIONS) == table.count("\n| ") - 1 + table.startswith("\n| ") >= 3


@pytest.mark.parametrize(("command", "number", "name", "anchor"), CONTRADICTIONS)
def test_the_proof_of_a_contradiction_is_run_on_its_page(
    command: str, number: str, name: str, anchor: str
) -> None:
    page = load(LABS / name)
    assert page.number == number
    proofs = [
        block
        for block in page.blocks
        if anchor in anchors(f"# {block.heading}\n")
        and block.compare
        and any(command in one.text for one in block.commands)
    ]
    assert proofs, f"{command!r} is not run, or not compared, under #{anchor}"


def test_every_word_of_the_glossary_is_linked_from_a_page() -> None:
    words = re.findall(r'^\| <a id="(.+?)">', (LABS / "glossary.md").read_text("utf-8"), re.M)
    pages = "".join(path.read_text(encoding="utf-8") for path in LABS.glob("[0-9]*.md"))
    assert len(words) > 10
    assert [word for word in words if f"](glossary.md#{word})" not in pages] == []
