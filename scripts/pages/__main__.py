"""The lab pages from the command line: `./lab run|check|clean|record|break|fix` calls this.

    run NN [--yes] [--keep]   play page NN step by step; --yes: without asking,
                              --keep: stop before the clean-up (./lab clean NN does it later)
    check NN                  which steps of page NN hold on this engine, and where to go back to
    clean [NN]                remove what page NN made, or every page, and only that
    record NN                 run page NN and write the real outputs into it, to be read as a diff
    break N                   set up fault N of lab 08 and show its symptom; its page is 08-N
    fix N                     apply the solution that the page of fault N gives

Exit codes: 0 done, or stopped by the reader; 1 a step does not hold, a page cannot be read, or
something could not be removed; 2 bad arguments; 3 the machine is not ready (no engine, or
something of the page's name is already there); 129, 130 and 143 interrupted, after the clean-up.
"""

import argparse
import contextlib
import re
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.pages import faults, things
from scripts.pages.needs import missing
from scripts.pages.parse import Block, Fence, Page, PageError, Prose, find, load
from scripts.pages.play import SIGNALS, NotReady, PageFailure, Run, clean, record, undisturbed

ROOT = Path(__file__).resolve().parents[2]


# Lab 08 shows what break and fix print, and a line of a page that begins with `$ ` is a command.
_SHOWN = "  "


class Interrupted(BaseException):
    """A signal that ends us; the argument is its number."""


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _say(text: str = "") -> None:
    print(text, flush=True)


def _short(prose: Prose) -> str:
    """The headings, and the first sentence of each paragraph, without Markdown's marks."""
    shown = []
    for paragraph in re.split(r"\n\n|\n(?=- )", "\n".join(prose.lines)):
        text = " ".join(paragraph.split())
        if not text or text.startswith(("<", "|")):
            continue
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("**", "")
        if text.startswith("#"):
            shown.append(f"\n{text.lstrip('# ')}\n")
        else:
            shown.append(textwrap.fill(re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0], 90))
    return "\n".join(shown)


class _Stop(Exception):
    """No further step: the reader wants none, or one failed and nobody is asked."""


def _ask(question: str, asking: bool) -> None:
    if not asking:
        return
    try:
        answer = input(f"[{question}; q and Enter: stop] ")
    except EOFError:
        answer = "q"
    if answer.strip().lower().startswith("q"):
        raise _Stop


def _play_block(playing: Run, block: Block, asking: bool, indent: str = "") -> None:
    """Show, run and compare each command."""
    for command in block.commands:
        _say("\n" + textwrap.indent("$ " + command.text.replace("\n", "\n> "), indent))
        _ask("Enter: run it", asking)
        step = playing.execute(block, command)
        for line in step.outcome.output:
            _say(line)
        report = playing.verdict(step)
        if report:
            playing.failed = True
            _say("\nThis is not what the page says.\n" + textwrap.indent(report, "  "))
            if not asking:
                raise _Stop
            _ask("Enter: go on all the same", asking)


def _play(playing: Run, asking: bool, keep: bool) -> bool:
    """Play every part; whether what the page made is to stay."""
    for part in playing.page.parts:
        if isinstance(part, Prose):
            if short := _short(part):
                _say(short)
        elif isinstance(part, Block):
            if keep and part.cleanup:
                return True
            _play_block(playing, part, asking)
        elif part.name:
            _say("\n".join([f"\n{part.name}:", *("    " + line for line in part.source)]))
            _ask("Enter: save it", asking)
            playing.write(part)
    return False


def run(page: Page, root: Path, yes: bool, keep: bool) -> int:
    """Play PAGE in the terminal."""
    with _cleaned_up(Run(page, root)) as playing:
        if _play(playing, not yes, keep):
            playing.started = False  # nothing is to be removed
            _say(f"\nWhat the page made is still there: ./lab clean {page.number} removes it.")
    return 1 if playing.failed else 0


@contextlib.contextmanager
def _cleaned_up(playing: Run, resume: bool = False) -> Iterator[Run]:
    """Start a run, and leave nothing of it, however it ends; `failed` says whether it held."""
    broken_off = True
    interrupted = False
    try:
        playing.resume() if resume else playing.start()
        yield playing
        broken_off = False
    except _Stop:
        pass
    except PageFailure as failure:
        playing.failed = True
        _say(f"lab: {failure}")
    except Interrupted:
        interrupted = True
        raise
    finally:
        if playing.started and (broken_off or playing.failed):
            _say(f"\nCleaning up what lab {playing.page.number} made.")
        for thing in playing.finish(interrupted or broken_off):
            playing.failed = True
            _say(f"lab: {thing} could not be removed")


def _reason(report: str) -> str:
    """The gist of a report in one line: what ended it, or the first line that differs."""
    lines = report.splitlines()
    for line in lines:
        if line.startswith(("it ", "expected exit")):
            said = next((one for one in lines[::-1] if one.startswith("+")), "")
            return f"{line}: {said[1:100]}" if said else line
    old = next(
        (line[1:100] for line in lines if re.match(r"-(?!-- expected)", line)), "no such line"
    )
    new = next((line[1:100] for line in lines if re.match(r"\+(?!\+\+ got)", line)), "nothing")
    return f"expected {old!r}, got {new!r}"


def check(page: Page, root: Path) -> int:
    """Say of each step of PAGE that can be looked at whether it holds."""
    playing, held = Run(page, root), True
    checked = [block for block in page.blocks if block.check]
    try:
        if faults.is_fault(page.number):
            playing.resume()
        for block in checked:
            reports = (playing.verdict(playing.execute(block, c)) for c in block.commands)
            report = next(filter(None, reports), None)
            if report:
                held = False
                _say(f"does not hold: {block.heading}: {_reason(report)}; {block.check}")
            else:
                _say(f"holds: {block.heading}")
    finally:
        playing.session.close()
    if not checked:
        _say(f"lab {page.number} has no step to check")
    if faults.is_fault(page.number):
        _say(f"fault {page.number} is {'fixed' if held else 'not fixed'}")
    return 0 if held else 1


def _act(playing: Run, heading: str, shown: bool) -> None:
    """Play one section of a fault."""
    for part in faults.section(playing.page, heading):
        if isinstance(part, Fence):
            playing.write(part)
        elif shown:
            _play_block(playing, part, asking=False, indent=_SHOWN)
        else:
            playing.block(part)


def break_it(page: Page, root: Path) -> int:
    """Set a fault up without showing how, then show what it does."""
    with _cleaned_up(Run(page, root)) as playing:
        _say(f"{page.title}\n\n{textwrap.fill(faults.said(page), 90)}\n\nSetting it up.")
        _act(playing, "Break it", shown=False)
        _act(playing, "Symptom", shown=True)
        playing.started = False  # nothing is to be removed
        _say(f"\nFixed or not: ./lab check {page.number}. Hints: {page.path.relative_to(root)}")
    return 1 if playing.failed else 0


def fix(page: Page, root: Path) -> int:
    """Apply the solution of a fault that is set up."""
    with _cleaned_up(Run(page, root), resume=True) as playing:
        _act(playing, "Solution", shown=True)
        playing.started = False  # nothing is to be removed
        _say(f"\n./lab check {page.number} looks again, ./lab clean {page.number} removes it all.")
    return 1 if playing.failed else 0


def sweep(pages: Sequence[Page], root: Path) -> int:
    """Remove what PAGES made, and say what."""
    stuck = False
    for page in pages:
        with undisturbed():
            removed, left = clean(page, root)
        for thing in removed:
            _say(f"lab {page.number}: removed {thing}")
        for thing in left:
            stuck = True
            _say(f"lab {page.number}: {thing} could not be removed: is something still using it?")
        if not removed and not left:
            _say(f"lab {page.number}: nothing to remove")
    return 1 if stuck else 0


def rewrite(page: Page, root: Path) -> int:
    """Run PAGE and write the real outputs into it."""
    changed = False
    with _cleaned_up(Run(page, root)) as playing:
        for part in page.parts:
            if isinstance(part, Fence) and part.name:
                playing.write(part)
            if not isinstance(part, Block):
                continue
            for command in part.commands:
                step = playing.execute(part, command)
                report = playing.verdict(step)
                if report and (step.outcome.trouble or step.outcome.status != part.exit):
                    raise PageFailure(f"{report}\nnothing is written: a status must be right first")
                changed = changed or report is not None
                _say(f"{page.at(command.line)}: {'changed' if report else 'as before'}")
    if playing.failed:
        return 1
    if changed:
        page.path.write_text("\n".join(record(page, playing.steps)) + "\n", encoding="utf-8")
    return 0


def main(argv: Sequence[str], labs: Path = ROOT / "labs", root: Path = ROOT) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="./lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("run", "check", "clean", "record", "break", "fix"):
        sub = commands.add_parser(name)
        wanted = "N" if name in ("break", "fix") else "NN"
        sub.add_argument("page", metavar=wanted, nargs="?" if name == "clean" else None)
        if name == "run":
            sub.add_argument("--yes", action="store_true", help="run every step without asking")
            sub.add_argument("--keep", action="store_true", help="stop before the clean-up")
    args = parser.parse_args(argv)
    for caught in SIGNALS:
        signal.signal(caught, _interrupt)
    try:
        pages = find(labs)
        if args.page is not None:
            one = "fault" if args.command in ("break", "fix") else "page"
            there = [n for n in pages if one == "page" or faults.is_fault(n)]
            number = faults.number(args.page, one == "fault")
            if number not in there:
                known = ", ".join(there) or "none"
                print(
                    f"lab: there is no {one} '{args.page}': expected one of {known}",
                    file=sys.stderr,
                )
                return 2
            args.page = number
        chosen = [load(path) for number, path in pages.items() if args.page in (None, number)]
        if args.command == "clean":
            # A cluster may be others' too: there only what is named is removed.
            if args.page == faults.LAB:
                chosen += [load(path) for number, path in pages.items() if faults.is_fault(number)]
            return sweep([p for p in chosen if args.page or p.needs != "kubectl"], root)
        if lacks := missing(chosen[0].needs):
            raise NotReady(f"{lacks}: lab {args.page} needs one")
        if args.command == "check":
            return check(chosen[0], root)
        if args.command == "record":
            return rewrite(chosen[0], root)
        if args.command == "break":
            return break_it(chosen[0], root)
        if args.command == "fix":
            return fix(chosen[0], root)
        if not args.yes and not sys.stdin.isatty():
            print("lab: no terminal to ask in: expected --yes", file=sys.stderr)
            return 2
        return run(chosen[0], root, args.yes, args.keep)
    except Interrupted as stopped:
        print("lab: interrupted", file=sys.stderr)
        return 128 + int(stopped.args[0])
    except (NotReady, things.EngineError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 3
    except PageError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
