"""The lab pages as test items: all that touches Sybil, and pytest's hooks for it.

Each page is one file of items in the page's order: the machine is ready, every console block,
nothing is left behind, every wrong output is caught. A fault of lab 08 has two more: before its
solution its check fails and the doctor names the cause, after its check the doctor agrees.

Items of one page share a shell, so they run in one worker (`--dist loadfile`) and are not picked
apart. A page that needs what is out of reach is skipped, and its commands are counted and printed
as not executed.

LAB_LEAK_IGNORE, a regular expression over lines such as `container NAME`, leaves out what others
do on the same engine at the same time.
"""

import os
import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil

from scripts.pages import faults, things
from scripts.pages.needs import missing
from scripts.pages.parse import Block, Fence, Page, PageError, find, load
from scripts.pages.play import NotReady, PageFailure, Run, replay
from tests.labs.mutate import mutants

ROOT = Path(__file__).resolve().parents[2]
LABS = ROOT / "labs"
COMPARED = 0.9  # the least share of commands whose output is compared


def snapshot() -> set[things.Thing]:
    """The engine, the host's network and the files, without what LAB_LEAK_IGNORE names."""
    ignore = os.environ.get("LAB_LEAK_IGNORE", "")
    seen = things.inventory() | things.files(ROOT)
    return {thing for thing in seen if not (ignore and re.search(ignore, str(thing)))}


class PageSybil(Sybil):
    """Sybil with ids that say which step of the page an item is."""

    def identify(self, example: Example) -> str:
        return str(example.parsed)


def regions(document: Document) -> Iterator[Region]:
    """The items of a page."""
    try:
        page = load(Path(document.path))
    except PageError as error:
        raise pytest.Collector.CollectError(str(error)) from error
    offsets = [0]
    for line in document.text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    end = len(document.text)

    def item(name: str, start: int, act: Callable[[dict[str, Any]], None]) -> Region:
        return Region(start, start, parsed=name, evaluator=lambda example: act(example.namespace))

    yield item("ready", 0, lambda names: begin(names, page))
    for part in page.parts:
        if isinstance(part, Block) or (isinstance(part, Fence) and part.name):
            slug = re.sub(r"\W+", "-", part.heading.lower()).strip("-")
            start = offsets[part.line - 1]
            if faults.is_fault(page.number) and part in faults.first(page, "Solution", "Clean up"):
                look = unfixed if part.heading == "Solution" else fixed
                yield item(look.__name__, start - 1, lambda names, look=look: look(names, page))
            yield item(
                f"line-{part.line}-{slug}", start, lambda names, part=part: step(names, part)
            )
    yield item("nothing-is-left", end - 1, nothing_left)  # Sybil orders the items by place
    yield item("wrong-outputs-are-caught", end, wrong_outputs)


def begin(names: dict[str, Any], page: Page) -> None:
    if lacks := missing(page.needs):
        names["lacks"] = lacks
        count(names, **{"not executed": sum(len(block.commands) for block in page.blocks)})
        pytest.skip(f"not executed: {lacks}")
    names.update(run=Run(page, ROOT), before=snapshot(), begun=time.monotonic())
    reason = ""
    try:
        names["run"].start()
    except NotReady as error:
        reason = str(error)
    if reason:
        pytest.fail(reason, pytrace=False)


def the_run(names: dict[str, Any]) -> Run:
    """The page's run, for an item that needs every earlier one."""
    if lacks := names.get("lacks"):
        pytest.skip(f"not executed: {lacks}")
    if "run" not in names:
        pytest.fail("the items of a page run together, from its first", pytrace=False)
    run = names["run"]
    assert isinstance(run, Run)
    if run.failed:
        pytest.skip("an earlier step of the page failed")
    return run


def step(names: dict[str, Any], part: Block | Fence) -> None:
    run = the_run(names)
    before = len(run.steps)
    report = ""
    try:
        if isinstance(part, Fence):
            run.write(part)
        else:
            run.block(part)
    except PageFailure as failure:
        report = str(failure)
    if isinstance(part, Block):
        done = len(run.steps) - before
        count(names, blocks=1, commands=done, compared=done * part.compare)
    if report:
        pytest.fail(report, pytrace=False)


def unfixed(names: dict[str, Any], page: Page) -> None:
    """Before its solution the check of a fault fails, and the doctor has named the cause."""
    run = the_run(names)
    said = [step.outcome.output for step in run.steps if "./lab doctor" in step.command.text]
    right = [f"cause      {faults.cause(page)}" in lines for lines in said]
    names["item"].user_properties.append(("doctor", right == [True]))
    assert right == [True], f"expected one doctor, and the cause {faults.cause(page)}: {said}"
    looking = Run(page, ROOT)
    try:
        looks = [(block, c) for block in page.blocks if block.check for c in block.commands]
        reports = [looking.verdict(looking.execute(block, c)) for block, c in looks]
    finally:
        looking.session.close()
    assert any(reports), "the check says fixed before the solution"


def fixed(names: dict[str, Any], page: Page) -> None:
    """After its solution the doctor finds nothing wrong with the fault's caller."""
    the_run(names)
    (command,) = re.findall(r"^\$ \./lab (doctor \S+)$", "\n".join(page.lines), re.M)
    done = subprocess.run(
        ["./lab", *command.split()], cwd=ROOT, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def nothing_left(names: dict[str, Any]) -> None:
    run = names.pop("run", None)
    if not run or not run.started:
        pytest.skip("the page was not run")
    if run.failed:  # what must then leave nothing is our clean-up, else the page's own
        run.finish()
    after = snapshot()
    run.finish()
    names["steps"] = None if run.failed else run.steps
    count(names, milliseconds=round(1000 * (time.monotonic() - names["begun"])))
    left = [f"left: {t}" for t in sorted(after - names["before"])]
    # An untagged image that was there before is nobody's: building and removing its like takes it.
    gone = [
        f"gone: {t}"
        for t in sorted(names["before"] - after)
        if not re.fullmatch(r"image [0-9a-f]{12}", str(t))
    ]
    if left or gone:
        pytest.fail("\n".join(["before and after the page differ", *left, *gone]), pytrace=False)


def wrong_outputs(names: dict[str, Any]) -> None:
    steps = names.get("steps")
    if steps is None:
        pytest.skip("the page was not run to its end")
    assert replay(steps) is None, "the right page must match what was printed"
    tried = list(mutants(steps))
    escaped = [wrong for wrong in tried if replay(steps, wrong) is None]
    count(names, mutants=len(tried), caught=len(tried) - len(escaped))
    if escaped or not tried:
        shown = ["\n".join([f"line {w.line}: $ {w.text}", *w.expected]) for w in escaped]
        pytest.fail("\n".join(["wrong outputs that pass:", *shown]), pytrace=False)


def finish(names: dict[str, Any]) -> None:
    """Clean up after a run that was broken off before its last items."""
    run = names.pop("run", None)
    if isinstance(run, Run):
        run.finish(interrupted=True)


def count(names: dict[str, Any], **numbers: int) -> None:
    names["item"].user_properties.append(("lab", numbers))


class Pages:
    """The pytest plugin: collects the pages, and sums up what they did."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.doctor: list[bool] = []  # for each fault that it has seen, whether it knew the cause
        names = [path.name for path in find(LABS).values()]
        sybil = PageSybil([regions], path=str(LABS), filenames=names, teardown=finish)
        self.pytest_collect_file = sybil.pytest()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        if example := getattr(item, "example", None):
            example.namespace["item"] = item
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, numbers in report.user_properties:
                if name == "lab":
                    self.counts[report.nodeid.split("::")[0]].update(numbers)
                elif name == "doctor":
                    self.doctor.append(numbers)

    def shortfall(self) -> list[str]:
        """What keeps the whole from being a proof; empty when it is one."""
        total = self.total()
        wrong = [
            f"{name}: no wrong output was tried"
            for name, c in self.counts.items()
            if not c["mutants"] and not c["not executed"]
        ]
        skipped = total["on pages"] - total["not executed"] - total["commands"]
        if skipped:
            wrong.append(f"{skipped} commands were not executed")
        if total["compared"] < COMPARED * total["commands"]:
            wrong.append(f"expected at least {COMPARED:.0%} of the commands compared")
        return wrong

    def total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for name, counts in self.counts.items():
            total.update(counts)
            total["pages"] += 1
            total["on pages"] += sum(len(b.commands) for b in load(ROOT / name).blocks)
        return total

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput") and self.shortfall():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.counts:
            return
        t = self.total()
        write = terminalreporter.write_line
        terminalreporter.section("lab pages")
        write(f"{t['pages']} pages, {t['blocks']} blocks, {t['milliseconds'] / 1000:.1f} s in all")
        write(
            f"{t['commands']} of {t['on pages']} commands executed; {t['compared']} with their"
            f" output compared, {t['commands'] - t['compared']} without"
        )
        write(f"{t['caught']} of {t['mutants']} wrong outputs caught")
        if self.doctor:
            write(f"doctor: right verdict on {sum(self.doctor)} of {len(self.doctor)} faults")
        for name, c in self.counts.items():
            if n := c["not executed"]:
                lacks = missing(load(ROOT / name).needs)
                write(f"{n} commands NOT EXECUTED, all of {name}: {lacks}", yellow=True)
        for line in self.shortfall():
            write(f"NOT ENOUGH: {line}", red=True)
