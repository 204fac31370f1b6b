"""The lab pages from the command line.

    run NN [--yes] [--keep]   play page NN step by step; --yes: without asking,
                              --keep: stop before the clean-up (./lab clean NN does it later)
    check [NN]                which steps of page NN hold on this engine, and where to go back to;
                              without NN, how many of each page do
    clean [NN ...]            remove what page NN made, or every page, and only that
    record NN [--engine NAME] run page NN, on the engine NAME (./lab test -h), and write the real
                              outputs into it, or into what it holds for that engine
    break N                   set up fault N of lab 08 and show its symptom; its page is 08-N
    fix N                     apply the solution that the page of fault N gives

NN is 3 or 03, of a fault 8-3 or 08-03; N is the same, or the fault's number alone.

Exit code 0 too where the reader stops; 1 where an exit status is wrong, which stops a run, where
an output differs, which does not, where a step does not hold, a page cannot be read or something
cannot be removed; 3 also where something of the page's name is already there.
"""

import argparse
import contextlib
import functools
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from labkit import Failed, docker
from labkit.pages.parse import FAULTS, Block, Page, find, load
from labkit.pages.play import Run, Step, clean
from labkit.pages.things import Thing, missing, present

ROOT = Path(__file__).resolve().parents[2]
_USUAL = "Another version of Docker may word it differently: usually harmless."
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


def _unadvised(line: str) -> str:
    """A LINE of the client's without its advice, which gives a fault away."""
    return line.partition(". Resolver ")[0]


def _play(playing: Run, block: Block, asking: bool = False, riddle: bool = False) -> None:
    """Show and do each command; a RIDDLE is shown without advice, and compared with nothing."""
    indent = "  " * riddle  # on a page, an unindented `$ ` would be a command

    def show(command: str) -> None:
        _say("\n" + textwrap.indent("$ " + command.replace("\n", "\n> "), indent))
        _ask("Enter: run it", asking)

    for step in playing.do(block, show):
        for line in step.outcome.output:
            _say(_unadvised(line) if riddle else line)
        if step.broken and not asking:
            raise Failed(step.report)
        if step.broken:
            playing.failed = True
            _say(f"\nThis is not what the page says, and later steps may need it.\n{step.report}")
            _ask("Enter: go on all the same", asking)
        elif step.report and not riddle:
            _say(f"\nThe output differs from the page's. {_USUAL}\n{step.report}")
            playing.accept(step)


@contextlib.contextmanager
def cleaned_up(playing: Run, resume: bool) -> Iterator[None]:
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
                break
            _play(playing, part, not args.yes)
        elif part.name:
            _say("\n".join([f"\n{part.name}:", *("    " + line for line in part.source)]))
            _ask("Enter: save it", not args.yes)
            playing.act(part)
    if differ := sum(bool(step.report) for step in playing.steps):
        _say(f"\n{differ} of {len(playing.steps)} outputs differ from the page's. {_USUAL}")


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
    for step in (step for block in page.section("Break it") for step in playing.do(block)):
        if step.broken:
            raise Failed(step.report)
    for block in page.section("Symptom"):
        _play(playing, block, riddle=True)
    _say(f"\nFixed or not: ./lab check {page.number}. Hints: {page.path.relative_to(ROOT)}")
    playing.started = False


def fix(playing: Run, _: argparse.Namespace) -> None:
    """Apply the solution of a fault that is set up."""
    number = playing.page.number
    for block in playing.page.section("Solution"):
        _play(playing, block, riddle=True)
    _say(f"\n./lab check {number} looks again, ./lab clean {number} removes it all.")
    playing.started = False


def _reason(step: Step) -> str:
    """What is wrong with a step in one line: how it ended, or the first line that differs."""
    said, page = step.outcome.output, step.command.expected
    if step.broken:
        return f"{step.broken}: {said[-1][:99]}" if said else step.broken
    wanted = [repr(line[:99]) for line in page if line not in (step.shown or [])] or [
        "no such line"
    ]
    new = [repr(_unadvised(line)[:99]) for line in step.shown or [] if line not in page]
    return f"expected {wanted[0]}, got {[*new, 'nothing'][0]}"


def look(page: Page) -> Iterator[tuple[str, str]]:
    """Of each step of PAGE that can be looked at: a word, and its heading with the reason."""
    playing = Run(page, ROOT)
    there = {thing.name for thing in present(page.makes, ROOT)}
    lacks = [thing for thing in page.makes if thing.name not in there]
    blocks = groupby((block for block in page.blocks if block.check), lambda block: block.heading)
    with contextlib.closing(playing.session):
        if page.fault:
            playing.start(resume=True)
        for heading, step in blocks:
            word, why = "holds", ""
            for block in step:
                named = re.findall(r"[\w.:-]+", "\n".join(one.text for one in block.commands))
                if absent := [thing for thing in lacks if not there or thing.name in named]:
                    word, why = "not done yet", f" (there is no {absent[0]})"
                elif wrong := next((one for one in playing.do(block) if one.report), None):
                    word, why = "does not hold", f": {_reason(wrong)}"
                    # A fault's is a hint, and a step's own number no advice.
                    own = f"go back to step {heading.partition('.')[0]}"
                    why += "" if page.fault or block.check == own else f"; {block.check}"
                if why:
                    break
            yield word, heading + why


def _total(counts: Counter[str]) -> str:
    total = (counts[word] for word in ("holds", "does not hold", "not done yet"))
    return "{} hold, {} do not, {} are not done yet".format(*total)


def check(page: Page) -> bool:
    """Say of each step of PAGE that can be looked at whether it holds."""
    counts = Counter[str]()
    for word, step in look(page):
        counts[word] += 1
        _say(f"{word}: {step}")
    held = counts.total() == counts["holds"]
    fixed = f"fault {page.number} is {'fixed' if held else 'not fixed'}"
    _say(fixed if page.fault else f"lab {page.number}: {_total(counts)}")
    return held


def glance(pages: Iterable[Page]) -> bool:
    """Say of each of PAGES what holds, of a fault where it is set up; whether nothing is wrong."""
    every = Counter[str]()
    for page in pages:
        counts = Counter[str]()
        if lacks := missing(page.needs):
            state = f"cannot be played here: {lacks}"
        elif present(page.makes, ROOT):
            counts.update(word for word, _ in look(page))
            state = _total(counts)
        else:
            state = "not begun"
        every += counts
        if counts or not page.fault:
            for line in textwrap.wrap(f"{page.title:41} {state}", 80, subsequent_indent=" " * 42):
                _say(line)
    _say(f"all that is begun: {_total(every)}")
    return not every["does not hold"]


def _stuck(page: Page, left: Iterable[Thing]) -> list[str]:
    cause = "could not be removed: is something still using it?"
    return [f"lab {page.number}: {thing} {cause}" for thing in left]


def sweep(pages: Iterable[Page]) -> bool:
    """Remove what PAGES made, and say what; return whether nothing is left."""
    clear, told = True, False
    for page in pages:
        with docker.held():
            removed, left = clean(page, ROOT)
        clear = clear and not left
        for line in [f"lab {page.number}: removed {one}" for one in removed] + _stuck(page, left):
            _say(line)
            told = True
    if not told:
        _say("nothing to remove")
    return clear


def page_named(text: str, fault: bool = False) -> Page:
    """The page that TEXT names: 3 is 03, 8-3 is 08-03, and so is 3 where it is for a FAULT."""
    paths = find(ROOT / "labs")
    number = "-".join(part.zfill(2) for part in text.split("-"))
    if fault and "-" not in text:
        number = f"{FAULTS}-{number}"
    labs, faults = [x for x in paths if "-" not in x], [x for x in paths if "-" in x]
    if not text or number not in (faults if fault else paths):
        what = "fault" if fault else "page"
        spans = [f"{some[0]} to {some[-1]}" for some in (labs, faults) if some]
        known = f"1 to {len(faults)}" if fault else ", ".join(spans) or "none"
        raise argparse.ArgumentTypeError(f"there is no {what} '{text}': expected {known}")
    return load(paths[number])


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the word with which PARSER's prog ends."""
    word = parser.prog.split()[-1]
    fault, many = word in ("break", "fix"), {"clean": "*", "check": "?"}.get(word)
    kind, metavar = functools.partial(page_named, fault=fault), "N" if fault else "NN"
    parser.add_argument("page", metavar=metavar, nargs=many, type=kind)
    if word == "run":
        told = "run every step without asking; a must where no terminal is to ask in"
        blind = not sys.stdin.isatty()
        parser.add_argument("--yes", action="store_true", required=blind, help=told)
        parser.add_argument("--keep", action="store_true", help="stop before the clean-up")


def main(args: argparse.Namespace) -> int:
    """Do one word; return the exit code."""
    page = args.page
    if args.word == "clean":
        every, asked = map(load, find(ROOT / "labs").values()), {one.number for one in page}
        if not asked:  # a cluster may be others' too: there only what is named is removed
            return int(not sweep(one for one in every if one.needs != "kubectl"))
        return int(
            not sweep(p for p in every if p.number in asked or (p.fault and FAULTS in asked))
        )
    if page is None:
        return int(not glance(map(load, find(ROOT / "labs").values())))
    if lacks := missing(page.needs):
        raise docker.EngineError(f"{lacks}: lab {page.number} needs one")
    if args.word == "check":
        return int(not check(page))
    playing = Run(page, ROOT)
    with cleaned_up(playing, resume=args.word == "fix"):
        {"run": run, "record": record, "break": break_it, "fix": fix}[args.word](playing, args)
    differ = args.word == "run" and any(step.report for step in playing.steps)
    return int(playing.failed or differ)
