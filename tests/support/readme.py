"""The transcripts in README.md that tests hold against a run."""

import re

from tests.support.engine import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
HELD = re.findall(r"<!-- held by tests/e2e/test_readme\.py -->\n```text\n(.*?)\n```", README, re.S)
assert len(HELD) == 3


def steady(text: str) -> str:
    """Replace what differs from run to run; the n-th address stays the n-th address."""
    seen: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return seen.setdefault(found.group(), f"address{len(seen)}")

    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    text = re.sub(r"\b127\.0\.0\.11\b", "embedded-dns", text)
    text = re.sub(r"\d+(?:\.\d+){3}(?:/\d+)?", numbered, text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d+\.\d ms", "N ms", text)
    return re.sub(r" {2,}", "  ", text).strip()
