"""The links of a Markdown page, and the anchors that GitHub makes of it."""

import re
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]* *$|\Z)", re.M | re.S)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)"
    r"|^ {0,3}\[[^]]+\]:\s+(\S+)"
    r"|(?:href|src)=\"([^\"]+)\"",
    re.M,
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)
GITHUB = re.compile(r"\.\./\.\./(?:actions|compare|releases|security)/")  # its own pages


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
        if ELSEWHERE.match(link) or (page.parent == root and GITHUB.match(link)):
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
