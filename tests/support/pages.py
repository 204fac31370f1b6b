"""The lab pages as test items: all that touches Sybil, and pytest's hooks for it.

Each page is one file of items in the page's order: the machine is ready, every console block,
every picture is drawn again, nothing is left behind, every wrong output is caught; and before its
clean-up, that all that is there then is declared. A fault of lab 08 has two more: before its
solution its check fails and the doctor names the cause, after its check the doctor agrees.

Items of one page share a shell, and pages share names, so each group of pages runs in one worker of
xdist, beside the other groups (`-n 2 --dist loadgroup`). A page that needs what is out of reach is
skipped, and its commands are counted and printed as not executed.
"""

import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest
from sybil import Document, Example, Region, Sybil

from labkit import Failed, docker
from labkit.pages.parse import Block, Fence, Page, find, load
from labkit.pages.play import Run
from labkit.pages.things import missing
from tests.support import verified
from tests.support.machine import LIMIT, ROOT, declared, settled, snapshot
from tests.support.mutants import tried
from tests.support.pictures import as_held, changed

LABS = ROOT / "labs"
GUIDE = ROOT / "docs" / "extend.md"  # executed as the labs are, and no lab
FIRST: set[Any] = set()  # what was on the machine before the first page
COMPARED = 0.9  # the least share of commands whose output is compared
# Faults that use what other labs use: docker0, and cables of one range from the host.
ON_THE_HOST = ("08-03", "08-07", "08-10")
PICTURE = re.compile(r"!\[.+\]\(\.\./docs/([\w-]+\.svg)\)")
DRAWN = re.compile(r"Drawn by `(.+)`\.")
NO_ENGINE = ("tests/unit/", "tests/deploy/")  # the tests that need none


def group(page: Page) -> str:
    """The pages that may not run at the same time."""
    faults = page.number.startswith("08") and page.number not in ON_THE_HOST
    return page.needs or ("faults" if faults else "engine")


def elsewhere(page: Page) -> list[Any]:
    """What the pages make that may run at the same time as PAGE."""
    others = map(load, (*find(LABS).values(), GUIDE))
    return [thing for one in others if group(one) != group(page) for thing in one.makes]


class PageSybil(Sybil):
    """Sybil with ids that say which step of the page an item is."""

    def identify(self, example: Example) -> str:
        return str(example.parsed)


def regions(document: Document) -> Iterator[Region]:
    """The items of a page."""
    try:
        page = load(Path(document.path))
    except Failed as error:
        raise pytest.Collector.CollectError(str(error)) from error
    offsets = [0]
    for line in document.text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    end = len(document.text)

    def item(name: str, start: int, act: Callable[[dict[str, Any]], None]) -> Region:
        return Region(start, start, parsed=name, evaluator=lambda example: act(example.namespace))

    yield item("ready", 0, lambda names: begin(names, page))
    before: dict[int, Callable[[dict[str, Any]], None]] = {}  # what to look at, by line
    last = page.blocks[-1:]
    for block in ([b for b in page.blocks if b.cleanup][:1] + last)[:2]:
        before[block.line] = undeclared
    if page.fault:
        before[page.section("Solution")[0].line] = unfixed
        before[page.section("Clean up")[0].line] = fixed
    for number, line in enumerate(page.lines, 1):
        if found := PICTURE.fullmatch(line):
            item_name = f"picture-{number}-{found[1]}"
            yield item(item_name, offsets[number - 1], partial(picture, number=number))
    for part in page.actions:
        slug = re.sub(r"\W+", "-", part.heading.lower()).strip("-")
        start = offsets[part.line - 1]
        if look := before.get(part.line):
            yield item(f"{look.__name__}-{part.line}", start - 1, look)
        yield item(f"line-{part.line}-{slug}", start, partial(step, part=part))
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
    except docker.EngineError as error:
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
        run.act(part)
    except Failed as failure:
        report, run.failed = str(failure), True
    if isinstance(part, Block):
        done = run.steps[before:]
        older = sum(step.command not in part.commands for step in done)
        numbers = {"blocks": 1, "commands": len(done), "compared": len(done) * part.compare}
        count(names, **numbers, older=older)
    if report:
        pytest.fail(report, pytrace=False)


def picture(names: dict[str, Any], number: int) -> None:
    """The picture at line NUMBER is what the command below it draws there and then."""
    run = the_run(names)
    below = run.page.lines[number + 1]
    drawn, name = DRAWN.fullmatch(below), PICTURE.sub(r"\1", run.page.lines[number - 1])
    assert drawn, f"expected its command, 'Drawn by `COMMAND`.', got {below!r}"
    older = bool(run.steps) and run.steps[-1].command not in run.steps[-1].block.commands
    end = time.monotonic() + LIMIT
    with TemporaryDirectory() as folder:
        file = Path(folder, "way.svg")
        command = drawn[1].replace("way.svg", str(file))
        while True:
            said = "\n".join(run.session.run(command, 60).output)
            svg = file.read_text(encoding="utf-8") if file.exists() else said
            assert ElementTree.fromstring(svg).tag.endswith("svg"), said
            wrong = changed(name, as_held(name, svg, run.bindings))
            # What others do on this engine shows too, until they have done.
            if not wrong or older or time.monotonic() > end:
                break
    if wrong and not older:  # there the page itself shows what the newest engine does
        pytest.fail(wrong, pytrace=False)


def undeclared(names: dict[str, Any]) -> None:
    """What a page made up to here is what it says that it makes."""
    page, before = the_run(names).page, names["before"]
    made = [*page.makes, *elsewhere(page)]
    new = settled(lambda: {t for t in snapshot() - before if not declared(t, made)})
    if new:
        pytest.fail("\n".join(f"not in a makes directive: {thing}" for thing in new), pytrace=False)


def unfixed(names: dict[str, Any]) -> None:
    """Before its solution the check of a fault fails, and the doctor has named the cause."""
    run = the_run(names)
    page, cause = run.page, run.page.path.stem.removeprefix(f"{run.page.number}-")
    said = [step.outcome.output for step in run.steps if "./lab doctor" in step.command.text]
    right = [f"cause      {cause}" in lines for lines in said]
    names["item"].user_properties.append(("doctor", right == [True]))
    assert right == [True], f"expected one doctor, and the cause {cause}: {said}"
    looking = Run(page, ROOT)
    with closing(looking.session):
        reports = [step.report for b in page.blocks if b.check for step in looking.do(b)]
    assert any(reports), "the check says fixed before the solution"


def fixed(names: dict[str, Any]) -> None:
    """After its solution the doctor finds nothing wrong with the fault's caller."""
    undeclared(names)
    text = "\n".join(the_run(names).page.lines)
    (command,) = re.findall(r"^\$ \./lab (doctor \S+)$", text, re.M)
    done = subprocess.run(
        ["./lab", *command.split()], cwd=ROOT, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def changes(page: Page, before: set[Any]) -> list[str]:
    """What is on the machine and was not BEFORE, or the other way round, and is not others'."""
    others = elsewhere(page)

    def others_do(thing: Any) -> bool:
        return declared(thing, others) and thing not in page.makes

    left = settled(lambda: {t for t in snapshot() - before if not others_do(t)})
    # An untagged image that was there before is nobody's: building and removing its like takes it.
    # What came during this session is another page's, which may take it away again.
    gone = [t for t in sorted((before & FIRST) - snapshot()) if not others_do(t)]
    told = [f"gone: {t}" for t in gone if not re.fullmatch(r"image [0-9a-f]{12}", str(t))]
    return [*(f"left: {t}" for t in left), *told]


def nothing_left(names: dict[str, Any]) -> None:
    run = names.pop("run", None)
    if not run or not run.started:
        pytest.skip("the page was not run")
    if run.failed:  # what must then leave nothing is our clean-up, else the page's own
        run.finish()
    told = changes(run.page, names["before"])
    run.finish()
    names["steps"] = None if run.failed else run.steps
    names["rules"] = run.page.rules
    count(names, milliseconds=round(1000 * (time.monotonic() - names["begun"])))
    if told:
        pytest.fail("\n".join(["before and after the page differ", *told]), pytrace=False)


def wrong_outputs(names: dict[str, Any]) -> None:
    steps = names.get("steps")
    if steps is None:
        pytest.skip("the page was not run to its end")
    wrong = list(tried(steps, names["rules"]))
    escaped = [command for command, caught in wrong if not caught]
    count(names, mutants=len(wrong), caught=len(wrong) - len(escaped))
    if escaped or not wrong:
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
        self.unlike: list[str] = []  # where labs/README.md says something else of this engine
        self.left_out = 0  # tests that need an engine, where nobody asked for them
        names = [path.name for path in (*find(LABS).values(), GUIDE)]
        sybil = PageSybil([regions], path=str(ROOT), filenames=names, teardown=finish)
        self.pytest_collect_file = sybil.pytest()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist whether somebody named a path: it is given one in any case."""
        node.workerinput["asked"] = asked(node.config)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Let one worker run all that plays pages of one group."""
        if config.getoption("dist") != "loadgroup":
            return None
        from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

        class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                if nodeid.startswith(str(GUIDE.relative_to(ROOT))):
                    return group(load(GUIDE))
                if page := re.search(
                    r"^labs/(?:.*/)?(\d\d(?:-\d\d)?)-[a-z]|\[(\d\d[\d-]*) ", nodeid
                ):
                    return group(load(find(LABS)[page[1] or page[2]]))
                return nodeid

        return ByGroup(config, log)

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        if not asked(config):
            away = [item for item in items if not item.nodeid.startswith(NO_ENGINE)]
            self.left_out = len(away)
            config.hook.pytest_deselected(items=away)
            items[:] = [item for item in items if item.nodeid.startswith(NO_ENGINE)]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look at the machine before any page is played: all workers collect first."""
        engine = any(not item.nodeid.startswith(NO_ENGINE) for item in session.items)
        if engine and not session.config.option.collectonly:
            FIRST.update(snapshot())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        if example := getattr(item, "example", None):
            example.namespace["item"] = item
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "lab" and isinstance(value, dict):
                    self.counts[report.nodeid.split("::")[0]].update(value)
                elif name == "doctor":
                    self.doctor.append(bool(value))

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
        if hasattr(session.config, "workerinput") or session.exitstatus:
            return
        if self.counts:
            labs = {name: c for name, c in self.counts.items() if name.startswith("labs/")}
            self.unlike = verified.settle(labs, session.config.getoption("--write-verified"))
        if self.unlike or self.shortfall():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        if not asked(terminalreporter.config):
            write("only what needs no engine was run; name a path for the rest: pytest labs tests")
        if not self.counts:
            return
        t = self.total()
        terminalreporter.section("lab pages")
        for name, c in sorted(self.counts.items(), key=lambda one: -one[1]["milliseconds"]):
            write(f"{c['milliseconds'] / 1000:6.1f} s  {Path(name).stem}")
        write(f"{t['pages']} pages, {t['blocks']} blocks, {t['milliseconds'] / 1000:.1f} s in all")
        write(
            f"{t['commands']} of {t['on pages']} commands executed; {t['compared']} with their"
            f" output compared, {t['commands'] - t['compared']} without"
        )
        write(f"{t['older']} of them with what the page holds for this older engine")
        write(f"{t['caught']} of {t['mutants']} wrong outputs caught")
        if self.doctor:
            write(f"doctor: right verdict on {sum(self.doctor)} of {len(self.doctor)} faults")
        for name, c in self.counts.items():
            if n := c["not executed"]:
                lacks = missing(load(ROOT / name).needs)
                write(f"{n} commands NOT EXECUTED, all of {name}: {lacks}", yellow=True)
        for line in [*self.shortfall(), *self.unlike]:
            write(f"NOT ENOUGH: {line}", red=True)


def asked(config: pytest.Config) -> bool:
    """Whether somebody named a path, and not pyproject.toml's testpaths."""
    if hasattr(config, "workerinput"):
        return bool(config.workerinput["asked"])
    return config.args_source != pytest.Config.ArgsSource.TESTPATHS
