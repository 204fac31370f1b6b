"""A page run from its first block to its clean-up, compared as it goes."""

import difflib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labkit import Failed, docker
from labkit.pages import things
from labkit.pages.match import Bindings, match, rewrite
from labkit.pages.parse import Block, Command, Fence, Page, Version
from labkit.pages.session import Outcome, Session
from labkit.pages.things import Thing

_SETTLE = 1.0  # seconds in which a docker run that was cut off has made its container


@dataclass(frozen=True)
class Step:
    """A command that was run, and what it did."""

    place: str
    block: Block
    command: Command
    outcome: Outcome
    shown: list[str] | None  # its output as the page should show it, where it does not

    @property
    def broken(self) -> str:
        """How it ended, where it did not end as the page says."""
        wanted, got = self.block.exit, self.outcome.status
        wrong = "" if got == wanted else f"expected exit status {wanted}, got {got}"
        return self.outcome.trouble or wrong

    @property
    def report(self) -> str:
        """All that is not as the page says; empty where it is."""
        reasons = [self.broken] if self.broken else []
        if self.shown is not None:
            both = self.command.expected, self.shown
            lines = list(difflib.unified_diff(*both, "expected", "got", lineterm=""))
            reasons += ["the output is not the page's:", *lines]
            reasons += [] if lines else ["a value in it stood for another one before"]
        elif reasons:
            reasons += self.outcome.output[-15:]
        command = "$ " + self.command.text.replace("\n", "\n> ")
        told = [f"{self.place}: {self.block.heading}", command, *reasons]
        return "\n".join(told) if reasons else ""


class Run:
    """One run of a page in the directory ROOT; `finish` must be called, however the run ends."""

    def __init__(self, page: Page, root: Path) -> None:
        self.page, self.root = page, root
        self.session = Session(root)
        self.bindings = Bindings(page.rules)
        self.steps: list[Step] = []
        self.started = False  # whether there may be something to clean up
        self.failed = False

    @cached_property
    def engine(self) -> Version:
        """The version of the engine, asked once."""
        said = docker.run("version", "--format", "{{.Server.Version}}")
        return tuple(map(int, re.findall(r"\d+", said)[:3]))

    def start(self, resume: bool = False) -> None:
        """Begin; EngineError where something of the page is there, or nothing is to RESUME."""
        number, there = self.page.number, things.present(self.page.makes, self.root)
        self.started = bool(there) is resume
        self.failed = not self.started
        if self.failed and resume:
            expected = f"expected what ./lab break {number} sets up"
            raise docker.EngineError(f"nothing of lab {number} is there: {expected}")
        if self.failed:
            wrong = "already there, from an earlier run or another lab"
            cure = f"expected none: ./lab clean {number} removes it"
            raise docker.EngineError(f"{wrong}: {', '.join(map(str, there))}; {cure}")

    def act(self, part: Block | Fence) -> None:
        """Do all of PART; Failed at the first step that is not as the page says."""
        for step in self.do(part):
            if step.report:
                raise Failed(step.report)

    def do(
        self, part: Block | Fence, before: Callable[[str], None] = lambda _: None
    ) -> Iterator[Step]:
        """Save a file, Failed where that cannot be; or run command after command and compare it.

        BEFORE each command it is called with its text.
        """
        if isinstance(part, Fence):
            path = self.root / str(part.name)
            if not path.parent.is_dir():
                raise self.page.wrong(part.line, f"file {part.name}: its directory is not there")
            path.write_text("".join(line + "\n" for line in part.source), encoding="utf-8")
            return
        for command in part.commands:
            before(command.text)
            held = command.on(self.engine) if command.before else command
            yield self.judge(part, held, self.session.run(command.text, part.limit))

    def judge(self, block: Block, command: Command, outcome: Outcome) -> Step:
        """Compare the OUTCOME of COMMAND; the bindings learn from what holds."""
        shown = None
        if block.compare:
            learned = match(command.expected, outcome.output, self.bindings)
            if not learned:
                shown = rewrite(command.expected, outcome.output, self.bindings)
            self.bindings = learned or self.bindings
        self.steps.append(Step(self.page.at(command.line), block, command, outcome, shown))
        return self.steps[-1]

    def accept(self, step: Step) -> None:
        """Take what STEP shows for the page's own: later outputs may mention its values."""
        learned = match(step.shown or [], step.outcome.output, self.bindings)
        self.bindings = learned or self.bindings

    def rewritten(self) -> list[str]:
        """The lines of the page with the outputs of a whole run."""
        lines = list(self.page.lines)
        for step in sorted(self.steps, key=lambda step: -step.command.line):
            lines[step.command.output] = step.command.expected if step.shown is None else step.shown
        return lines

    def finish(self, interrupted: bool = False) -> list[Thing]:
        """End the shell; after a failure clean up. Return what even that could not remove."""
        with docker.undisturbed():
            self.session.close()
            if not self.started:
                return []
            if self.failed or interrupted:
                clean(self.page, self.root)
            left = clean(self.page, self.root, quick=True)[1]
            removed: object = interrupted
            while removed:  # what was cut off may still be made, so until nothing more comes
                time.sleep(_SETTLE)
                removed, left = clean(self.page, self.root, quick=True)
            return left


def clean(page: Page, root: Path, quick: bool = False) -> tuple[list[Thing], list[Thing]]:
    """Remove what PAGE makes; return what was removed and what could not be.

    First by the page's own clean-up, in a fresh shell and with no heed to what it says, since
    some of it may be gone already; then, or at once with QUICK, by name.
    """
    there = rest = things.present(page.makes, root)
    if there and not quick:
        with closing(Session(root)) as session:
            for block in page.blocks:
                for command in block.commands if block.cleanup else []:
                    session.run(command.text, block.limit)
        rest = things.present(there, root)
    things.remove(rest, root)
    left = things.present(rest, root) if rest else []
    return [thing for thing in there if thing not in left], left
