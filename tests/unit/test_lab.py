"""What `./lab` does without an engine: words, help, versions, and the line that shows progress."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    argv = ["./lab", *words]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)


def function(name: str) -> str:
    """A line of bash that defines one of the functions of `lab`."""
    return f'eval "$(sed -n "/^{name}()/,/^}}/p" lab)"\n'


@pytest.mark.parametrize("word", ["up", "down", "doctor", "test"])
def test_each_word_explains_itself_and_is_in_the_list(word: str) -> None:
    told = lab(word, "-h")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"usage: ./lab {word}")
    assert lab(word, "03", "--help").stdout == told.stdout
    assert f"\n  {word} " in lab("help").stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["frobnicate"], "unknown word 'frobnicate'"),
        (["up", "now"], "unexpected argument 'now'"),
        (["down", "--now"], "unexpected argument '--now'"),
        (["test", "everything"], "no part 'everything'"),
    ],
)
def test_what_lab_itself_does_not_know_exits_2(words: list[str], text: str) -> None:
    done = lab(*words)
    assert done.returncode == 2
    assert text in done.stderr


@pytest.mark.parametrize(
    ("have", "floor", "enough"),
    [
        ("26.1.5+dfsg1", "26.1", True), ("28.5.2", "26.1", True), ("26.0.2", "26.1", False),
        ("20.10.24+dfsg1", "26.1", False), ("2.26.1-4", "2.26", True), ("v2.40.3", "2.26", True),
        ("1.29.2", "2.26", False), ("5.0.0", "2.26", True), ("dev", "26.1", False),
        ("3.9.6", "3.11", False), ("3.11.2", "3.11", True),
    ],
)  # fmt: skip
def test_versions_are_compared_as_numbers(have: str, floor: str, enough: bool) -> None:
    argv = ["bash", "-c", function("at_least") + 'at_least "$1" "$2"', "-", have, floor]
    assert (subprocess.run(argv, cwd=ROOT, check=False).returncode == 0) is enough


def test_a_step_that_takes_long_shows_its_last_line_until_it_ends(tmp_path: Path) -> None:
    step = 'step "waiting" sh -c \'echo so far; until [ -e "$0" ]; do sleep 0.1; done\' "$1/go"'
    functions = "".join(map(function, ("launch", "step", "last_line")))
    script = f"{functions}state=$1 log=$1/log\n{step}"
    argv = ["bash", "-c", script, "-", str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "- waiting\n"
            for _ in range(2):
                assert any(line.endswith(" s  so far\n") for line in process.stdout)
        finally:
            (tmp_path / "go").touch()
        process.stdout.read()
    assert process.returncode == 0


def test_a_signal_between_the_launch_and_its_number_ends_the_command() -> None:
    script = """
        child='' before=none end_with=TERM
        trap 'end_child; echo "$!"; exit 143' TERM
        set -T
        trap '[ "$BASH_COMMAND" != "child=\\$!" ] || kill -TERM "$$"' DEBUG
        launch sleep 600
    """
    argv = ["bash", "-c", function("launch") + function("end_child") + script]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
