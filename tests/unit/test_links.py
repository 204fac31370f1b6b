"""Every relative link, image and anchor in the repository's Markdown leads somewhere."""

from pathlib import Path

import pytest

from tests.support.links import broken

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".lab", ".venv", "node_modules"}
PAGES = [p for p in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(p.relative_to(ROOT).parts)]


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
        "![13](../../actions/workflows/x.svg) [14](../../away/x)\n"
        '<img src="y.svg"> `[11](code.md)`\n\n[a]: z.md\n\n```\n[12](code.md)\n```\n## Here\n'
    )
    assert broken(page, tmp_path) == [
        "not-there.md: no such file",
        "there.md#not-one: no such heading",
        "#gone: no such heading",
        "x.svg: no such file",
        "../out.md: no such file",
        "../../away/x: no such file",
        "y.svg: no such file",
        "z.md: no such file",
    ]
