"""`./lab compare` on both outcomes, asked wrongly, cut off. Here only: two refuse each other."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.pages.match import Bindings, match, rewrite
from tests.support.columns import on_a_terminal
from tests.support.engine import ROOT, cut_off, docker, run
from tests.support.pictures import POOL, as_held, changed, terminal
from tests.support.readme import HELD, steady

COMPARE = (sys.executable, "-m", "labkit", "compare")  # ./lab only builds the images before it


def left_behind() -> list[str]:
    label = ("--filter", "label=two-bridges=compare", "--quiet")
    containers = docker("ps", "--all", *label).stdout.split()
    return containers + docker("network", "ls", *label).stdout.split()


def test_the_table_and_the_pictures_are_the_readmes_and_exit_0(tmp_path: Path) -> None:
    drawn = tmp_path / "bridges.svg"
    told = run("./lab", "compare", "--svg", str(drawn)).stdout
    rows = {line[:18].strip(): line for line in told.splitlines()}
    assert rows["name look-up"].split()[2] == "fails"
    assert rows["client's exit code"].split()[-2:] == ["6", "0"]
    assert rows["ping by address"].split()[3:] == ["answers", "answers"]
    assert steady(told) == steady(HELD[2])
    known = match(HELD[2].splitlines(), told.splitlines(), Bindings([POOL]))
    assert known
    both = as_held("two-bridges.svg", drawn.read_text(), known)
    held = "\n".join(rewrite(HELD[2].splitlines(), told.splitlines(), Bindings([POOL])))
    assert (
        changed("two-bridges.svg", both) + changed("compare.svg", terminal("./lab compare", held))
        == ""
    )
    assert left_behind() == []


def test_on_a_terminal_it_ends_with_the_outcome() -> None:
    assert on_a_terminal("./lab", "compare")[-1].startswith("As expected: ")


@pytest.mark.parametrize("file", ["no-such-folder/x.svg", "docs"])
def test_a_drawing_that_cannot_be_written_is_refused_before_anything_runs(file: str) -> None:
    done = run(*COMPARE, "--svg", file, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"lab: --svg {file}: expected a file, in a directory that is there\n"


def test_json_has_both_bridges() -> None:
    told = json.loads(run(*COMPARE, "--json").stdout)
    default, own = told["default_bridge"], told["user_defined_bridge"]
    assert told["as_expected"] is True
    assert (default["lookup"], default["exit_by_name"]) == (None, 6)
    assert default["http_by_address"] == 200
    assert (own["lookup"], own["exit_by_name"], own["http_by_name"]) == (own["webapp"], 0, 200)
    assert own["resolver"] == "127.0.0.11"


def test_a_broken_bridge_is_exit_1_and_says_what_broke(networks: Callable[..., str]) -> None:
    broken = networks("--opt", "com.docker.network.bridge.enable_icc=false")
    done = run(*COMPARE, "--network", broken, check=False)
    assert done.returncode == 1
    assert "user-defined bridge: no HTTP by name (exit 28)" in done.stdout
    assert "user-defined bridge: no ping by address" in done.stdout
    assert left_behind() == []
    assert docker("network", "inspect", broken).returncode == 0


def test_a_bridge_that_has_no_names_is_exit_1() -> None:
    done = run(*COMPARE, "--network", "bridge", check=False)
    assert done.returncode == 1
    assert "user-defined bridge: no HTTP by name (exit 6)" in done.stdout


@pytest.mark.parametrize("words", [["--network", "no-such-net"], ["--network", "host"], ["--nope"]])
def test_bad_arguments_exit_2(words: list[str]) -> None:
    done = run(*COMPARE, *words, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert words[-1] in done.stderr


def test_a_second_one_at_the_same_time_is_refused() -> None:
    with subprocess.Popen(COMPARE, cwd=ROOT, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr
        assert first.stderr.readline().startswith("- the pair")
        done = run(*COMPARE, check=False)
        first.terminate()
        first.stderr.read()
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "lab: another compare is running: wait for it to end\n"
    assert first.returncode == 143
    assert left_behind() == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("- the pair", signal.SIGINT),
        ("- the same pair", signal.SIGTERM),
        (left_behind, signal.SIGHUP),  # its first container has just been made
    ],
    ids=["first", "second", "container"],
)
def test_cut_off_at_any_moment_it_leaves_nothing(
    moment: str | Callable[[], list[str]], number: signal.Signals
) -> None:
    assert cut_off([*COMPARE], moment, number) == 128 + number
    assert left_behind() == []
