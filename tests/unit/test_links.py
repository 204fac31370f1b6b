"""Every relative link, image and anchor in the repository's Markdown leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".lab", ".venv", "node_modules"}
PAGES = [p for p in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(p.relative_to(ROOT).parts)]

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]* *$|\Z)", re.M | re.S)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)"
    r"|^ {0,3}\[[^]]+\]:\s+(\S+)"
    r"|(?:href|src)=\"([^\"]+)\"",
    re.M,
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings, and the ids written by hand."""
    text = FENCE.sub("", text)
    found: dict[str, int] = {}
    for title in re.findall(r"^ {0,3}#{1,6} +(.+?) *#*$", text, re.M):
        title = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        count = found.get(slug, -1) + 1
        found[slug] = count
        if count:
            found[f"{slug}-{count}"] = 0
    return set(found) | set(re.findall(r"<[^>]+ (?:id|name)=\"([^\"]+)\"", text))


def broken(page: Path, root: Path) -> list[str]:
    """The links of PAGE that lead nowhere, each with the reason."""
    text = page.read_text(encoding="utf-8")
    wrong = []
    for groups in LINK.findall(re.sub(r"(`+).+?\1", "", FENCE.sub("", text))):
        link = next(filter(None, groups))
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (
            (root if path.startswith("/") else page.parent) / path.lstrip("/") if path else page
        )
        if not target.exists() or root not in [*target.resolve().parents, target.resolve()]:
            wrong.append(f"{link}: no such file")
        elif anchor and (
            target.suffix != ".md" or anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            wrong.append(f"{link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page: Path) -> None:
    assert broken(page, ROOT) == []


def test_the_test_finds_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text(
        "# A `b` & C!\n\n## Same\n\n## Same\n\n```\n# not one\n```\n"
    )
    page = tmp_path / "page.md"
    page.write_text(
        "[1](there.md) [2](there.md#a-b--c) [3](there.md#same-1) [4](#here) [5](https://x/y)\n"
        "[6](not-there.md) [7](there.md#not-one) [8](#gone) ![9](x.svg) [10](../out.md)\n"
        '<img src="y.svg"> `[11](code.md)`\n\n[a]: z.md\n\n```\n[12](code.md)\n```\n## Here\n'
    )
    assert broken(page, tmp_path) == [
        "not-there.md: no such file",
        "there.md#not-one: no such heading",
        "#gone: no such heading",
        "x.svg: no such file",
        "../out.md: no such file",
        "y.svg: no such file",
        "z.md: no such file",
    ]
