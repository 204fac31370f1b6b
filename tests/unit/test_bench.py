"""`./lab bench` without an engine: what wrk says, the arithmetic, the page, the arguments."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import command, load
from bench.figures import BEGIN, END, Figure, markdown, number, rewritten, rows, spread
from labkit import Failed

ROOT = Path(__file__).parents[2]
WRK = """\
Running 1s test @ http://webapp:8000/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.10ms    1.20ms  21.00ms   88.00%
    Req/Sec     5.10k   300.00     5.60k    70.00%
  Latency Distribution
     50%    2.90ms
     75%    3.40ms
     90%    4.20ms
     99%    {p99}
  5123 requests in 1.00s, 4.00MB read
{wrong}Requests/sec:   {rate}
Transfer/sec:      4.00MB
"""


def lab(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    argv = ["./lab", "bench", *words]
    return subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("text", "p99"), [("12.50ms", 12.5), ("870.00us", 0.87), ("1.25s", 1250.0), ("2.00m", 12e4)]
)
def test_wrks_rate_and_p99_are_read_in_ms(text: str, p99: float) -> None:
    found = load.parse(WRK.format(p99=text, wrong="", rate="5123.45"))
    assert found.rate == 5123.45
    assert found.p99 == pytest.approx(p99)


@pytest.mark.parametrize(
    "out",
    [
        WRK.format(p99="1.00ms", wrong="  Non-2xx or 3xx responses: 5\n", rate="10.00"),
        WRK.format(p99="0.00us", wrong="", rate="0.00"),
        "unable to connect to webapp:8000 Connection refused\n",
    ],
)
def test_a_load_that_was_not_answered_gives_no_figure(out: str) -> None:
    with pytest.raises(Failed, match="expected answers, rate and p99"):
        load.parse(out)


def test_the_ratio_is_of_each_round_and_its_spread_the_quartiles() -> None:
    # The machine was half as fast in the last round, for both.
    figure = Figure("a ÷ b", "requests/s", [900, 1000, 1100, 500], [1000, 1000, 1000, 500], "≥ 1")
    assert figure.ratios == [0.9, 1.0, 1.1, 1.0]
    assert figure.cells() == (
        "a ÷ b", "950 requests/s", "1000 requests/s", "1.00 (0.97 to 1.02)", "≥ 1: reached",
    )  # fmt: skip
    assert spread([0.5]) == "0.50"
    assert [number(value) for value in (1234.5, 14.06, 1.994)] == ["1234", "14.1", "1.99"]


@pytest.mark.parametrize(
    ("goal", "first", "reached"),
    [("≥ 0.9", 9.0, True), ("≥ 0.9", 8.9, False), ("≤ 2", 20.0, True), ("≤ 2", 20.1, False)],
)
def test_a_goal_is_reached_on_its_own_side(goal: str, first: float, reached: bool) -> None:
    figure = Figure("a ÷ b", "s", [first], [10.0], goal)
    assert figure.reached is reached
    assert figure.cells()[-1] == f"{goal}: {'reached' if reached else 'MISSED'}"


def test_the_table_stands_between_the_markers_and_the_rest_stays() -> None:
    cells = rows({"h": [Figure("page 05", "s", [12.3]), Figure("page 10: not played", "s", [])]})
    assert [line[:3] for line in cells] == [
        ("h", "page 05", "12.3 s"), ("h", "page 10: not played", ""),
    ]  # fmt: skip
    page = f"# What\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    new = rewritten(page, markdown("a machine", cells))
    assert new.startswith(f"# What\n\n{BEGIN}\na machine\n\n| Row | ")
    assert "| h | page 05 | 12.3 s |  |  |  |\n" in new
    assert new.endswith(f"\n{END}\n\nafter\n")
    assert "old" not in new
    assert rewritten(new, "old") == page


@pytest.mark.parametrize(
    "page", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}", f"{BEGIN}{END}{END}"]
)
def test_a_page_without_its_markers_is_left_alone(page: str) -> None:
    with pytest.raises(Failed, match="expected <!-- bench: begin -->"):
        rewritten(page, "table")


def test_the_page_has_every_row_and_says_what_it_compares() -> None:
    text = command.PAGE.read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0]
    assert re.match(r"\n\d{4}-\d\d-\d\d: .+ cores, .+Docker Engine .+Flask .+gunicorn ", table)
    assert list(dict.fromkeys(re.findall(r"^\| (\w) \|", table, re.M))) == list(command.ROWS)
    assert re.findall(r"^\| (\w) \|", text.partition(BEGIN)[0], re.M) == list(command.ROWS)


def test_bench_explains_itself_and_is_in_the_list() -> None:
    told = lab("-h")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("usage: ./lab bench")
    for row, (what, _, _) in command.ROWS.items():
        assert f"  {row}  {what}\n" in told.stdout
    assert "\n  bench " in subprocess.check_output(["./lab", "help"], cwd=ROOT, text=True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["z"], "there is no row 'z': expected a b c d e f g h"),
        (["--rounds", "0"], "'0': expected a whole number from 1 to 1000"),
        (["--rounds", "many"], "'many': expected a whole number from 1 to 1000"),
        (["--write", "a"], "not allowed with argument --write"),
        (["a", "--write"], "not allowed with argument ROW"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_wrong_arguments_end_with_2_before_anything_is_looked_for(
    words: list[str], told: str, tmp_path: Path
) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none"}  # if one is taken, it ends there
    done = lab(*words, env=os.environ | nowhere)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_without_an_engine_it_ends_with_3(tmp_path: Path) -> None:
    argv, env = [sys.executable, "-m", "bench", "e"], {"PATH": str(tmp_path)}
    done = subprocess.run(argv, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith("lab: docker is not installed: ./lab up installs it\n")
