from pathlib import Path

import pytest

from labkit import docker
from labkit.pages.match import Bindings
from labkit.pages.parse import Page, load
from labkit.pages.play import Run
from labkit.pages.session import Outcome
from tests.support.mutants import replay, tried

ID, REAL = "a1b2c3d4e5f6", "0f1e2d3c4b5a"


def page_of(folder: Path, *blocks: str) -> Page:
    path = folder / "01-x.md"
    path.write_text("\n".join(["# Title", *(f"```console\n{b}\n```" for b in blocks), "end", ""]))
    return load(path)


def ran(page: Page, *outputs: list[str]) -> Run:
    run = Run(page, page.path.parent)
    commands = [(block, command) for block in page.blocks for command in block.commands]
    for (block, command), output in zip(commands, outputs, strict=True):
        run.accept(run.judge(block, command, Outcome(output, 0)))
    return run


def test_a_page_that_holds_stays_as_it_is(tmp_path: Path) -> None:
    page = page_of(tmp_path, f"$ a\n{ID}\n$ b", "$ c\ntime=0.1 ms")
    assert ran(page, [REAL], [], ["time=9.9 ms"]).rewritten() == page.lines


def test_only_the_lines_that_changed_are_written(tmp_path: Path) -> None:
    page = page_of(tmp_path, f"$ a\n{ID}\nold\n$ b\ngone", f"$ c\n{ID}")
    lines = ran(page, [REAL, "new", "more"], [], [REAL]).rewritten()
    assert lines == [
        "# Title", "```console", "$ a", ID, "new", "more", "$ b", "```",
        "```console", "$ c", ID, "```", "end",
    ]  # fmt: skip


def test_lines_that_look_alike_and_do_not_match_are_told_with_the_reason(tmp_path: Path) -> None:
    page = page_of(tmp_path, f"$ a\n{ID}\n$ b\n{ID}")
    report = ran(page, [REAL], [ID]).steps[1].report
    assert report.endswith(
        "the output is not the page's:\na value in it stood for another one before"
    )


def test_replay_finds_the_first_step_that_does_not_match(tmp_path: Path) -> None:
    page = page_of(tmp_path, "$ a\n1\n$ b\n2\n$ c\n3")
    found = replay(ran(page, ["1"], ["x"], ["y"]).steps, Bindings())
    assert found
    assert found.command.text == "b"


def test_every_wrong_page_is_caught(tmp_path: Path) -> None:
    page = page_of(tmp_path, f"$ a\nid {ID}\n$ b\n12 {ID}")
    steps = ran(page, [f"id {REAL}"], [f"12 {REAL}"]).steps
    wrong = list(tried(steps))
    assert len(wrong) == 8
    assert all(caught for _, caught in wrong)


VARIANT = ["```console", "$ echo new", "newest", "$ echo same", "same", "gone", "```",
           "<!-- lab: before 28", "$ echo new", "older", "-->", "end"]  # fmt: skip


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine says its version is, once for each time that it is asked."""
    said: list[str] = []
    monkeypatch.setattr(docker, "run", lambda *_: said.pop())
    return said


def played(folder: Path, lines: list[str]) -> Run:
    path = folder / "01-x.md"
    path.write_text("\n".join(lines))
    run = Run(load(path), folder)
    for block in run.page.blocks:
        for step in run.do(block):
            run.accept(step)
    run.session.close()
    return run


@pytest.mark.parametrize(("version", "line"), [("28.0.0", 2), ("27.9.1+dfsg1", 9)])
def test_an_engine_is_compared_with_and_recorded_into_its_own_output(
    tmp_path: Path, versions: list[str], version: str, line: int
) -> None:
    versions.append(version)
    run = played(tmp_path, VARIANT)
    assert [step.place[-4:] for step in run.steps] == [f"md:{line}", "md:4"]
    assert [step.shown for step in run.steps] == [["new"], ["same"]]
    recorded = [*VARIANT[:line], "new", *VARIANT[line + 1 :]]
    recorded.remove("gone")
    assert run.rewritten() == recorded
    versions.append(version)
    steps = played(tmp_path, recorded).steps
    assert not any(step.report for step in steps)
    # A wrong letter, a line too many and one too few, in all that this engine is held against.
    wrong = list(tried(steps))
    assert {command.line for command, _ in wrong} == {steps[0].command.line, 4}
    assert [caught for _, caught in wrong] == [True] * 6


def test_the_engine_is_asked_only_where_a_page_holds_more_than_one(tmp_path: Path) -> None:
    assert "engine" not in vars(played(tmp_path, VARIANT[:7]))
