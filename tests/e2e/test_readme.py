"""The transcripts in README.md against what a run prints now."""

from __future__ import annotations

import re
import time

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text()
HELD = re.findall(r"<!-- held by tests/e2e/test_readme\.py -->\n```text\n(.*?)\n```", README, re.S)


def steady(text):
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


def first_call(pair):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in pair.compose("logs", "--no-color", "client").stdout.splitlines():
            if " webapp " in line:
                return line
    raise AssertionError("the client made no call within 30 s")


def test_three_transcripts_are_held():
    assert len(HELD) == 3


@pytest.mark.parametrize(
    ("files", "shown"),
    [(("compose.yaml",), 0), (("compose.yaml", "compose.default-bridge.yaml"), 1)],
    ids=["own-bridge", "default-bridge"],
)
def test_the_clients_line(make_pair, files, shown):
    pair = make_pair(files)
    pair.compose("up", "--detach")
    assert steady(first_call(pair)) == steady(HELD[shown])


def test_every_setting_of_the_example_is_passed_on_by_compose():
    names = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    compose = (ROOT / "compose.yaml").read_text()
    passed = set(re.findall(r"^ +- ([A-Z_]+)$", compose, re.M))
    passed |= set(re.findall(r"\$\{([A-Z_]+)", compose))
    assert names == passed
