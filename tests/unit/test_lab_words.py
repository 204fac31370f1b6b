"""The words that `lab` hands over: how they explain themselves, and what they refuse."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDED_OVER = (
    "compare",
    "trace",
    "draw",
    "doctor",
    "run",
    "check",
    "clean",
    "record",
    "break",
    "fix",
)


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    argv = ["./lab", *words]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)


@pytest.mark.parametrize("word", ["nodes", "rename", *HANDED_OVER])
def test_each_of_the_labs_words_explains_itself_and_is_in_the_list(word: str) -> None:
    told = lab(word, "-h")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"usage: ./lab {word}")
    assert lab(word, "03", "--help").stdout == told.stdout
    assert f"\n  {word} " in lab("help").stdout


@pytest.mark.parametrize("word", HANDED_OVER)
def test_a_word_that_is_handed_over_refuses_what_it_does_not_know(word: str) -> None:
    argv = ["python3", "-m", "labkit", word, "--frobnicate"]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"usage: ./lab {word}" in done.stderr


@pytest.mark.parametrize("word", ["run", "record", "compare", "break"])
def test_arguments_are_looked_at_before_anything_is_looked_for_or_built(
    word: str, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexit 1\n")
    docker.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = ["./lab", word, "99", "--yes"]
    done = subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "99" in done.stderr
    assert not (tmp_path / "asked").exists()


def test_pages_are_named_in_the_words_of_the_index() -> None:
    assert "there is no page '99': expected 00 to 10, 08-01 to 08-15\n" in lab("check", "99").stderr
    assert "there is no fault '99': expected 1 to 15\n" in lab("fix", "99").stderr


def test_nodes_refuses_what_it_does_not_know() -> None:
    done = lab("nodes", "start")
    assert done.returncode == 2
    assert "'start': expected up, down or status" in done.stderr
