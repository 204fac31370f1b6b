"""The lab pages from the command line.

    run NN [--yes] [--keep]   play page NN step by step; --yes: without asking,
                              --keep: stop before the clean-up (./lab clean NN does it later)
    check NN                  which steps of page NN hold on this engine, and where to go back to
    clean [NN]                remove what page NN made, or every page, and only that
    record NN                 run page NN and write the real outputs into it, to be read as a diff
    break N                   set up fault N of lab 08 and show its symptom; its page is 08-N
    fix N                     apply the solution that the page of fault N gives

Exit code 0 too where the reader stops; 1 where a step does not hold, a page cannot be read or
something cannot be removed; 3 also where something of the page's name is already there.
"""

import argparse
import contextlib
import functools
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit import Failed, UsageError, docker
from labkit.pages.parse import FAULTS, Block, Fence, Page, Prose, find, load
from labkit.pages.play import NotReady, Run, clean, record
from labkit.pages.things import missing

ROOT = Path(__file__).resolve().parents[2]
_say = functools.partial(print, flush=True)


class _Stop(Exception):
    """No further step: the reader wants none, or one failed and nobody is asked."""


def _short(prose: Prose) -> str:
    """The headings, and the first sentence of each paragraph, without Markdown's marks."""
    shown = []
    for paragraph in re.split(r"\n\n|\n(?=- )", "\n".join(prose.lines)):
        text = " ".join(paragraph.split())
        if not text or text.startswith(("<", "|")):
            continue
        text = re.sub(r"\[([^]]*)\]\([^)]*\)|`|\*\*", r"\1", text)
        if text.startswith("#"):
            shown.append(f"\n{text.lstrip('# ')}\n")
        else:
            shown.append(textwrap.fill(re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0], 90))
    return "\n".join(shown)


def _ask(question: str, asking: bool) -> None:
    try:
        answer = input(f"[{question}; q and Enter: stop] ") if asking else ""
    except EOFError:
        answer = "q"
    if answer.strip().lower().startswith("q"):
        raise _Stop


def _play_block(playing: Run, block: Block, asking: bool = False, indent: str = "") -> None:
    """Show, run and compare each command; on a page, an unindented `$ ` would be a command."""
    for command in block.commands:
        _say("\n" + textwrap.indent("$ " + command.text.replace("\n", "\n> "), indent))
        _ask("Enter: run it", asking)
        step = playing.execute(block, command)
        for line in step.outcome.output:
            _say(line)
        if report := playing.verdict(step):
            playing.failed = True
            _say("\nThis is not what the page says.\n" + textwrap.indent(report, "  "))
            if not asking:
                raise _Stop
            _ask("Enter: go on all the same", asking)


@contextlib.contextmanager
def _cleaned_up(playing: Run, resume: bool = False) -> Iterator[None]:
    """Start a run, and leave nothing of it, however it ends; `failed` says whether it held."""
    broken_off = True
    try:
        playing.start(resume)
        yield
        broken_off = False
    except _Stop:
        pass
    except Failed as failure:
        playing.failed = True
        _say(f"lab: {failure}")
    finally:
        with docker.undisturbed():
            if playing.started and (broken_off or playing.failed):
                _say(f"\nCleaning up what lab {playing.page.number} made.")
            for thing in playing.finish(broken_off):
                playing.failed = True
                _say(f"lab: {thing} could not be removed")


def run(playing: Run, args: argparse.Namespace) -> bool:
    """Play a page in the terminal; return whether what it made is to stay."""
    for part in playing.page.parts:
        if isinstance(part, Prose):
            if short := _short(part):
                _say(short)
        elif isinstance(part, Block):
            if args.keep and part.cleanup:
                number = playing.page.number
                _say(f"\nWhat the page made is still there: ./lab clean {number} removes it.")
                return True
            _play_block(playing, part, not args.yes)
        elif part.name:
            _say("\n".join([f"\n{part.name}:", *("    " + line for line in part.source)]))
            _ask("Enter: save it", not args.yes)
            playing.act(part)
    return False


def _reason(report: str) -> str:
    """The gist of a report in one line: what ended it, or the first line that differs."""
    lines = report.splitlines()
    new = [line[1:100] for line in lines if re.match(r"\+(?!\+\+ got)", line)]
    old = [line[1:100] for line in lines if re.match(r"-(?!-- expected)", line)]
    for line in lines:
        if line.startswith(("it ", "expected exit")):
            return f"{line}: {new[-1]}" if new else line
    return f"expected {(old or ['no such line'])[0]!r}, got {(new or ['nothing'])[0]!r}"


def check(page: Page) -> bool:
    """Say of each step of PAGE that can be looked at whether it holds."""
    playing, held = Run(page, ROOT), True
    try:
        if page.fault:
            playing.start(resume=True)
        for block in filter(lambda block: block.check, page.blocks):
            reports = (playing.verdict(playing.execute(block, c)) for c in block.commands)
            if report := next(filter(None, reports), None):
                held = False
                _say(f"does not hold: {block.heading}: {_reason(report)}; {block.check}")
            else:
                _say(f"holds: {block.heading}")
    finally:
        playing.session.close()
    if page.fault:
        _say(f"fault {page.number} is {'fixed' if held else 'not fixed'}")
    return held


def break_it(playing: Run, _: argparse.Namespace) -> bool:
    """Set a fault up without showing how, then show what it does."""
    page = playing.page
    prose = [line for part in page.parts if isinstance(part, Prose) for line in part.lines]
    said = " ".join(line[2:] for line in prose if line.startswith("> "))
    _say(f"{page.title}\n\n{textwrap.fill(said, 90)}\n\nSetting it up.")
    for block in page.section("Break it"):
        playing.act(block)
    for block in page.section("Symptom"):
        _play_block(playing, block, indent="  ")
    _say(f"\nFixed or not: ./lab check {page.number}. Hints: {page.path.relative_to(ROOT)}")
    return True


def fix(playing: Run, _: argparse.Namespace) -> bool:
    """Apply the solution of a fault that is set up."""
    number = playing.page.number
    for block in playing.page.section("Solution"):
        _play_block(playing, block, indent="  ")
    _say(f"\n./lab check {number} looks again, ./lab clean {number} removes it all.")
    return True


def sweep(pages: Sequence[Page]) -> bool:
    """Remove what PAGES made, and say what; return whether nothing is left."""
    stuck = 0
    for page in pages:
        with docker.held():
            removed, left = clean(page, ROOT)
        stuck += len(left)
        told = [f"removed {thing}" for thing in removed]
        told += [f"{thing} could not be removed: is something still using it?" for thing in left]
        for line in told or ["nothing to remove"]:
            _say(f"lab {page.number}: {line}")
    return not stuck


def rewrite(playing: Run, _: argparse.Namespace) -> bool:
    """Run a page and write the real outputs into it."""
    page = playing.page
    for part in page.actions:
        if isinstance(part, Fence):
            playing.act(part)
            continue
        for command in part.commands:
            step = playing.execute(part, command)
            report = playing.verdict(step)
            if report and (step.outcome.trouble or step.outcome.status != part.exit):
                raise Failed(f"{report}\nnothing is written: a status must be right first")
            _say(f"{page.at(command.line)}: {'changed' if report else 'as before'}")
    if (lines := record(page, playing.steps)) != page.lines:
        page.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return False


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the word with which PARSER's prog ends."""
    word = parser.prog.split()[-1]
    metavar = "N" if word in ("break", "fix") else "NN"
    parser.add_argument("page", metavar=metavar, nargs="?" if word == "clean" else None)
    if word == "run":
        parser.add_argument("--yes", action="store_true", help="run every step without asking")
        parser.add_argument("--keep", action="store_true", help="stop before the clean-up")


def _number(text: str, fault: bool) -> str:
    """The page's number for what the reader types: 08-3 is 08-03, and so is 3 for a FAULT."""
    short = re.fullmatch(rf"({FAULTS}-)?(\d{{1,2}})", text)
    return f"{FAULTS}-{int(short[2]):02}" if short and (short[1] or fault) else text


def main(args: argparse.Namespace) -> int:
    """Do one word; return the exit code."""
    pages = [load(path) for path in find(ROOT / "labs").values()]
    if args.word == "clean" and args.page is None:
        # A cluster may be others' too: there only what is named is removed.
        return int(not sweep([page for page in pages if page.needs != "kubectl"]))
    what = "fault" if args.word in ("break", "fix") else "page"
    there = {page.number: page for page in pages if what == "page" or page.fault}
    number = _number(args.page, what == "fault")
    if number not in there:
        known = ", ".join(there) or "none"
        raise UsageError(f"there is no {what} '{args.page}': expected one of {known}")
    page = there[number]
    if args.word == "clean":
        faults = [one for one in pages if one.fault and number == FAULTS]
        return int(not sweep([page, *faults]))
    if lacks := missing(page.needs):
        raise NotReady(f"{lacks}: lab {number} needs one")
    if args.word == "check":
        return int(not check(page))
    if args.word == "run" and not args.yes and not sys.stdin.isatty():
        raise UsageError("no terminal to ask in: expected --yes")
    playing = Run(page, ROOT)
    words = {"run": run, "record": rewrite, "break": break_it, "fix": fix}
    with _cleaned_up(playing, resume=args.word == "fix"):
        if words[args.word](playing, args):
            playing.started = False  # nothing is to be removed
    return int(playing.failed)
