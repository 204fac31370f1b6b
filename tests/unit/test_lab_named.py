"""Every `./lab` word, option and page that a page or a workflow names exists."""

import argparse
import importlib
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from labkit.__main__ import WORDS
from labkit.pages.parse import FAULTS, find

ROOT = Path(__file__).parents[2]
HIDDEN = (".github", ".devcontainer")
FILES = [
    *(path for path in sorted(ROOT.rglob("*.md")) if path.relative_to(ROOT).parts[0][0] != "."),
    *(p for name in HIDDEN for p in sorted((ROOT / name).rglob("*")) if p.suffix),
]
# In code, on a command line or in backticks; up to what ends the command there.
NAMED = re.compile(r"\./lab ([^`|;&<>()\n\"]+)")
PAGES = set(find(ROOT / "labs"))
PARTS = re.findall(r"^parts=\((.+?)\)", (ROOT / "scripts" / "labs.sh").read_text(), re.M)[0].split()
TESTS = {"-k", "-x", *re.findall(r'addoption\(\s*"(--\S+)"', (ROOT / "conftest.py").read_text())}
FIRST = {"test": PARTS, "nodes": ["up", "down", "status"]}  # what may follow the word


@cache
def usage(*words: str) -> str:
    argv = ["./lab", *words]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=True).stdout


def listed() -> set[str]:
    return set(re.findall(r"^  (\w+)  ", usage("help"), re.M))


@cache
def options(word: str) -> set[str]:
    """The options of a word, as its own parser or its usage says."""
    if word not in WORDS:
        told = set(re.findall(r"(?<!\w)--?[a-z][\w-]*", usage(word, "-h")))
        return told | (TESTS if word == "test" else set())
    parser = argparse.ArgumentParser(prog=f"./lab {word}")
    importlib.import_module(WORDS[word]).configure(parser)
    return {option for action in parser._actions for option in action.option_strings}


def unknown(text: str) -> list[str]:
    """What TEXT names of `./lab` and is not there."""
    wrong = []
    for named in NAMED.findall(text):
        word, *rest = re.split(r" #| --(?:>|$)", named)[0].split() or [""]
        word = word.rstrip(".,:'")
        if word not in listed():
            wrong.append(f"./lab {word}")
            continue
        wrong += [f"{word} {one}" for one in rest if one[0] == "-" and one not in options(word)]
        first = rest[0].rstrip(".,:") if rest else ""
        if word in ("run", "check", "clean", "record", "break", "fix") and first[:1].isdigit():
            number = f"{FAULTS}-{first}" if word in ("break", "fix") else first
            if re.sub(r"-(\d)$", r"-0\1", number) not in PAGES and not number.endswith("-N"):
                wrong.append(f"{word} {first}")
        if word in FIRST and first.islower() and first[0] != "-" and first not in FIRST[word]:
            wrong.append(f"{word} {first}")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(path: Path) -> None:
    assert unknown(path.read_text(encoding="utf-8")) == []


def test_the_files_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in FILES}
    assert {"README.md", "labs/faults/08-01-localhost.md", ".github/workflows/ci.yml"} <= names


def test_every_part_of_the_tests_is_told() -> None:
    told = re.findall(r"^\| `\./lab test (\w+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert told == PARTS


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`./lab upp`", ["./lab upp"]),
        ("$ ./lab run 02 --yess", ["run --yess"]),
        ("`./lab run 11`, `./lab check 08-16` or `./lab break 99`",
         ["run 11", "check 08-16", "break 99"]),
        ("$ ./lab test --engin floor", ["test --engin"]),
        ("./lab test lints -k x", ["test lints"]),
        ("`./lab nodes start`", ["nodes start"]),
        ("./lab up --now | ./lab trace A B --probe dns --fast", ["up --now", "trace --fast"]),
        ("`./lab test --engine floor labs -k x -x --write-verified --thorough`", []),
        ("./lab clean  # --not-one\n`./lab fix 1` `./lab check 08-N` `./lab`", []),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_found(text: str, wrong: list[str]) -> None:
    assert unknown(text) == wrong
