"""A page run from its first block to its clean-up, compared as it goes."""

import time
from dataclasses import dataclass
from pathlib import Path

from labkit import Failed, docker
from labkit.pages import things
from labkit.pages.match import Bindings, difference, match, rewrite
from labkit.pages.parse import Block, Command, Fence, Page
from labkit.pages.session import Outcome, Session
from labkit.pages.things import Thing

_SETTLE = 0.5  # seconds in which a docker run that was cut off has made its container


class NotReady(docker.EngineError):
    """Something of the page is there, or is not, when it must not; the text says the cure."""


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
        self.bindings = Bindings(page.rules)
        self.steps: list[Step] = []
        self.started = False
        self.failed = False

    def start(self, resume: bool = False) -> None:
        """Begin; NotReady where something that the page makes is there, to RESUME: where nothing.

        It then counts as failed, and there is nothing to clean up.
        """
        number, there = self.page.number, things.present(self.page.makes, self.root)
        self.started = bool(there) is resume
        self.failed = not self.started
        if self.failed:
            set_up = f"nothing of lab {number} is there: expected what ./lab break {number} sets up"
            raise NotReady(
                f"already there, from an earlier run or another lab: {', '.join(map(str, there))};"
                f" expected none: ./lab clean {number} removes it"
                if there
                else set_up
            )

    def act(self, part: Block | Fence) -> None:
        """Save a file, or run and compare every command of a block; Failed at the first wrong."""
        report = None
        if isinstance(part, Block):
            reports = (self.verdict(self.execute(part, command)) for command in part.commands)
            report = next(filter(None, reports), None)
        elif (path := self.root / str(part.name)).parent.is_dir():
            path.write_text("".join(line + "\n" for line in part.source), encoding="utf-8")
        else:
            report = f"{self.page.at(part.line)}: file {part.name}: its directory is not there"
        if report:
            self.failed = True
            raise Failed(report)

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
        learned: Bindings | None = self.bindings
        if block.compare:
            learned = match(command.expected, outcome.output, self.bindings)
        self.bindings = learned or self.bindings
        if not learned:
            reasons.append("the output is not the page's:")
            reasons.append(difference(command.expected, outcome.output, self.bindings))
        elif reasons:
            reasons += outcome.output[-15:]
        if not reasons:
            return None
        shown = command.text.replace("\n", "\n> ")
        return "\n".join([f"{self.page.at(command.line)}: {block.heading}", f"$ {shown}", *reasons])

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
    there = things.present(page.makes, root)
    if there and not quick:
        session = Session(root)
        try:
            for block in page.blocks:
                for command in block.commands if block.cleanup else []:
                    session.run(command.text, block.limit)
        finally:
            session.close()
    rest = things.present(there, root) if there and not quick else there
    things.remove(rest, root)
    left = things.present(rest, root) if rest else []
    return [thing for thing in there if thing not in left], left


def record(page: Page, steps: list[Step]) -> list[str]:
    """The lines of PAGE with the outputs of STEPS, a whole run, where its own do not hold."""
    bindings, written = Bindings(page.rules), []
    for step in steps:
        says, got = step.command.expected, step.outcome.output
        learned = match(says, got, bindings) if step.block.compare else bindings
        if not learned:
            written.append((step.command.output, rewrite(says, got, bindings)))
            learned = match(written[-1][1], got, bindings)
        bindings = learned or bindings
    lines = list(page.lines)
    for where, output in reversed(written):
        lines[where] = output
    return lines
