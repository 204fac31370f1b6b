"""A page run from its first block to its clean-up, compared as it goes."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.pages import things
from scripts.pages.match import Bindings, difference, match, rewrite
from scripts.pages.parse import Block, Command, Fence, Page
from scripts.pages.session import Outcome, Session

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SETTLE = 0.5  # seconds after which a docker run that was cut off has made its container


class PageFailure(Exception):
    """A step that did not do what the page says; the text is the whole report."""


class NotReady(Exception):
    """The machine already has what the page is about to make; the text says what and the cure."""


@dataclass(frozen=True)
class Step:
    """A command that was run, with what it did."""

    block: Block
    command: Command
    outcome: Outcome


class Run:
    """One run of a page in the directory ROOT; `finish` must be called, however the run ends."""

    def __init__(self, page: Page, root: Path) -> None:
        self.page, self.root = page, root
        self.session = Session(root)
        self.bindings = Bindings()
        self.steps: list[Step] = []
        self.started = False
        self.failed = False
        self.begun = time.monotonic()

    def start(self) -> None:
        """Refuse to run, with NotReady, where something that the page makes is there already."""
        there = things.present(things.made_by(self.page), self.root)
        if there:
            self.failed = True
            number = self.page.number
            raise NotReady(
                "\n".join(
                    f"{thing} is already there, from an earlier run or another lab:"
                    f" expected none; ./lab clean {number} removes it"
                    for thing in there
                )
            )
        self.started = True

    def resume(self) -> None:
        """Go on with what an earlier run made; NotReady where nothing of it is there."""
        if not things.present(things.made_by(self.page), self.root):
            self.failed = True
            raise NotReady(
                f"nothing of lab {self.page.number} is there: expected what"
                f" ./lab break {self.page.number} sets up"
            )
        self.started = True

    def write(self, fence: Fence) -> None:
        """Save a file that the page tells the reader to save."""
        path = self.root / str(fence.name)
        if not path.parent.is_dir():
            self.failed = True
            raise PageFailure(
                f"{self.page.at(fence.line)}: file {fence.name}: its directory is not there"
            )
        path.write_text("".join(line + "\n" for line in fence.source), encoding="utf-8")

    def execute(self, block: Block, command: Command) -> Step:
        """Run COMMAND, whatever it prints."""
        step = Step(block, command, self.session.run(command.text, block.limit))
        self.steps.append(step)
        return step

    def verdict(self, step: Step) -> str | None:
        """None where STEP did what the page says, else the report; the bindings learn from it."""
        block, command, outcome = step.block, step.command, step.outcome
        reasons = []
        if outcome.trouble:
            reasons.append(outcome.trouble)
        elif outcome.status != block.exit:
            reasons.append(f"expected exit status {block.exit}, got {outcome.status}")
        if block.compare and not match(command.expected, outcome.output, self.bindings):
            reasons.append("the output is not the page's:")
            reasons.append(difference(command.expected, outcome.output, self.bindings))
        elif reasons:
            reasons += outcome.output[-15:]
        if not reasons:
            return None
        shown = command.text.replace("\n", "\n> ")
        return "\n".join([f"{self.page.at(command.line)}: {block.heading}", f"$ {shown}", *reasons])

    def block(self, block: Block) -> None:
        """Run and compare every command of BLOCK; PageFailure at the first that fails."""
        for command in block.commands:
            report = self.verdict(self.execute(block, command))
            if report:
                self.failed = True
                raise PageFailure(report)

    def finish(self, interrupted: bool = False) -> list[things.Thing]:
        """End the shell; after a failure clean up. Return what even that could not remove."""
        with undisturbed():
            self.session.close()
            if not self.started:
                return []
            if self.failed or interrupted:
                clean(self.page, self.root)
            if interrupted:
                time.sleep(_SETTLE)
            return clean(self.page, self.root, quick=True)[1]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal break off what is inside."""
    # A handler that does nothing, for what is ignored stays ignored in the children.
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def clean(
    page: Page, root: Path, quick: bool = False
) -> tuple[list[things.Thing], list[things.Thing]]:
    """Remove what PAGE makes; return what was removed and what could not be.

    First by the page's own clean-up, in a fresh shell and with no heed to what it says, since
    some of it may be gone already; then, or at once with QUICK, by name.
    """
    there = things.present(things.made_by(page), root)
    if there and not quick:
        session = Session(root)
        try:
            for block in page.blocks:
                for command in block.commands if block.cleanup else []:
                    session.run(command.text, block.limit)
        finally:
            session.close()
    order = ["nodes", "namespace", "project", "container", "network", "volume", "image"]
    order += ["interface", "netns", "file"]
    rest = things.present(there, root) if there else []
    for thing in sorted(rest, key=lambda thing: order.index(thing.kind)):
        things.remove(thing, root)
    left = things.present(rest, root) if rest else []
    return [thing for thing in there if thing not in left], left


def replay(steps: list[Step], changed: Command | None = None) -> Step | None:
    """Compare STEPS again without running anything; return the first that does not match.

    CHANGED stands in for the command on the same line of the page.
    """
    bindings = Bindings()
    for step in steps:
        command = changed if changed and changed.line == step.command.line else step.command
        if step.block.compare and not match(command.expected, step.outcome.output, bindings):
            return step
    return None


def record(page: Page, steps: list[Step]) -> list[str]:
    """The lines of PAGE with the outputs of STEPS, a whole run, where its own do not hold."""
    bindings, kept, real = Bindings(), {}, {}
    for step in steps:
        if step.block.compare:
            expected, got = step.command.expected, step.outcome.output
            same = match(expected, got, bindings)
            kept[step.command.line] = list(expected) if same else rewrite(expected, got, bindings)
            real[step.command.line] = list(expected) if same and not expected else got
            match(kept[step.command.line], got, bindings)
    consistent = all(
        match(kept[s.command.line], s.outcome.output, fresh)
        for fresh in [Bindings()]
        for s in steps
        if s.block.compare
    )
    lines = list(page.lines)
    for step in reversed(steps):
        if step.block.compare:
            lines[step.command.output] = (kept if consistent else real)[step.command.line]
    return lines
