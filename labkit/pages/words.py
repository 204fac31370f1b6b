"""The lab pages from the command line.

    run NN [--yes] [--keep]   play page NN step by step; --yes: without asking,
                              --keep: stop before the clean-up (./lab clean NN does it later)
    check NN                  which steps of page NN hold on this engine, and where to go back to
    clean [NN]                remove what page NN made, or every page, and only that
    record NN [--engine NAME] run page NN, on the engine NAME (./lab test -h), and write the real
                              outputs into it, or into what it holds for that engine
    break N                   set up fault N of lab 08 and show its symptom; its page is 08-N
    fix N                     apply the solution that the page of fault N gives

Exit code 0 too where the reader stops; 1 where a step does not hold, a page cannot be read or
something cannot be removed; 3 also where something of the page's name is already there.
"""

import argparse
import contextlib
import functools
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from labkit import Failed, UsageError, docker
from labkit.pages.parse import FAULTS, Block, Page, find, load
from labkit.pages.play import Run, Step, clean
from labkit.pages.things import Thing, missing

ROOT = Path(__file__).resolve().parents[2]
_say = functools.partial(print, flush=True)


class _Stop(Exception):
    """The reader wants no further step."""


def _ask(question: str, asking: bool) -> None:
    try:
        answer = input(f"[{question}; q and Enter: stop] ") if asking else ""
    except EOFError:
        answer = "q"
    if answer.strip().lower().startswith("q"):
        raise _Stop


def _play(playing: Run, block: Block, asking: bool = False, indent: str = "") -> None:
    """Show and do each command; on a page, an unindented `$ ` would be a command."""

    def show(command: str) -> None:
        _say("\n" + textwrap.indent("$ " + command.replace("\n", "\n> "), indent))
        _ask("Enter: run it", asking)

    for step in playing.do(block, show):
        _say(*step.outcome.output, sep="\n", end="\n" if step.outcome.output else "")
        if step.report and not asking:
            raise Failed(step.report)
        if step.report:
            playing.failed = True
            _say(f"\nThis is not what the page says.\n{step.report}")
            _ask("Enter: go on all the same", asking)


@contextlib.contextmanager
def _cleaned_up(playing: Run, resume: bool) -> Iterator[None]:
    """Start a run, and leave nothing of it, however it ends."""
    broken_off = True
    try:
        playing.start(resume)
        with contextlib.suppress(_Stop):
            yield
        broken_off = False
    finally:
        with docker.undisturbed():
            if playing.started and (broken_off or playing.failed):
                _say(f"\nCleaning up what lab {playing.page.number} made.")
            if stuck := _stuck(playing.page, playing.finish(broken_off)):
                playing.failed = True
                _say(*stuck, sep="\n")


def run(playing: Run, args: argparse.Namespace) -> None:
    """Play a page in the terminal."""
    number = playing.page.number
    for part in playing.page.parts:
        if isinstance(part, str):
            if not part.startswith("<"):
                _say(part)
        elif isinstance(part, Block):
            if args.keep and part.cleanup:
                _say(f"\nWhat the page made is still there: ./lab clean {number} removes it.")
                playing.started = False
                return
            _play(playing, part, not args.yes)
        elif part.name:
            _say("\n".join([f"\n{part.name}:", *("    " + line for line in part.source)]))
            _ask("Enter: save it", not args.yes)
            playing.act(part)


def record(playing: Run, _: argparse.Namespace) -> None:
    """Run a page and write the real outputs into it."""
    page = playing.page
    for step in (step for part in page.actions for step in playing.do(part)):
        if step.broken:
            raise Failed(f"{step.report}\nnothing is written: a status must be right first")
        playing.accept(step)
        _say(f"{step.place}: {'as before' if step.shown is None else 'changed'}")
    page.path.write_text("\n".join(playing.rewritten()) + "\n", encoding="utf-8")


def break_it(playing: Run, _: argparse.Namespace) -> None:
    """Set a fault up without showing how, then show what it does."""
    page = playing.page
    quoted = (part for part in page.parts if isinstance(part, str) and part.startswith("> "))
    said = " ".join(line[2:] for line in quoted)
    _say(f"{page.title}\n\n{textwrap.fill(said, 90)}\n\nSetting it up.")
    for block in page.section("Break it"):
        playing.act(block)
    for block in page.section("Symptom"):
        _play(playing, block, indent="  ")
    _say(f"\nFixed or not: ./lab check {page.number}. Hints: {page.path.relative_to(ROOT)}")
    playing.started = False


def fix(playing: Run, _: argparse.Namespace) -> None:
    """Apply the solution of a fault that is set up."""
    number = playing.page.number
    for block in playing.page.section("Solution"):
        _play(playing, block, indent="  ")
    _say(f"\n./lab check {number} looks again, ./lab clean {number} removes it all.")
    playing.started = False


def _reason(step: Step) -> str:
    """What is wrong with a step in one line: how it ended, or the first line that differs."""
    said, page = step.outcome.output, step.command.expected
    if step.broken:
        return f"{step.broken}: {said[-1][:99]}" if said else step.broken
    wanted = [line[:99] for line in page if line not in (step.shown or [])] or ["no such line"]
    got = [line[:99] for line in step.shown or [] if line not in page] or ["nothing"]
    return f"expected {wanted[0]!r}, got {got[0]!r}"


def check(page: Page) -> bool:
    """Say of each step of PAGE that can be looked at whether it holds."""
    playing, held = Run(page, ROOT), True
    with contextlib.closing(playing.session):
        if page.fault:
            playing.start(resume=True)
        for block in filter(lambda block: block.check, page.blocks):
            if wrong := next((step for step in playing.do(block) if step.report), None):
                held = False
                _say(f"does not hold: {block.heading}: {_reason(wrong)}; {block.check}")
            else:
                _say(f"holds: {block.heading}")
    if page.fault:
        _say(f"fault {page.number} is {'fixed' if held else 'not fixed'}")
    return held


def _stuck(page: Page, left: Iterable[Thing]) -> list[str]:
    cause = "could not be removed: is something still using it?"
    return [f"lab {page.number}: {thing} {cause}" for thing in left]


def sweep(pages: Iterable[Page]) -> bool:
    """Remove what PAGES made, and say what; return whether nothing is left."""
    clear = True
    for page in pages:
        with docker.held():
            removed, left = clean(page, ROOT)
        clear = clear and not left
        told = [f"lab {page.number}: removed {thing}" for thing in removed] + _stuck(page, left)
        _say(*told or [f"lab {page.number}: nothing to remove"], sep="\n")
    return clear


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the word with which PARSER's prog ends."""
    word = parser.prog.split()[-1]
    metavar = "N" if word in ("break", "fix") else "NN"
    parser.add_argument("page", metavar=metavar, nargs="?" if word == "clean" else None)
    if word == "run":
        parser.add_argument("--yes", action="store_true", help="run every step without asking")
        parser.add_argument("--keep", action="store_true", help="stop before the clean-up")


def main(args: argparse.Namespace) -> int:
    """Do one word; return the exit code."""
    pages = [load(path) for path in find(ROOT / "labs").values()]
    if args.page is None:  # a cluster may be others' too: there only what is named is removed
        return int(not sweep(page for page in pages if page.needs != "kubectl"))
    fault = args.word in ("break", "fix")
    there = {page.number: page for page in pages if page.fault or not fault}
    number, short = args.page, args.page.removeprefix(f"{FAULTS}-")
    if fault or number != short:
        number = f"{FAULTS}-{short:0>2}"  # 08-3 is 08-03, and so is 3 where it is for a fault
    if number not in there:
        what, known = "fault" if fault else "page", ", ".join(there) or "none"
        raise UsageError(f"there is no {what} '{args.page}': expected one of {known}")
    page = there[number]
    if args.word == "clean":
        return int(not sweep([page, *(one for one in pages if one.fault and number == FAULTS)]))
    if lacks := missing(page.needs):
        raise docker.EngineError(f"{lacks}: lab {number} needs one")
    if args.word == "check":
        return int(not check(page))
    if args.word == "run" and not args.yes and not sys.stdin.isatty():
        raise UsageError("no terminal to ask in: expected --yes")
    playing = Run(page, ROOT)
    with _cleaned_up(playing, resume=args.word == "fix"):
        {"run": run, "record": record, "break": break_it, "fix": fix}[args.word](playing, args)
    return int(playing.failed)
