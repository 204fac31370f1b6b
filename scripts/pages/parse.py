"""A lab page, read from its Markdown.

A page is labs/NN-title.md, or labs/FOLDER/NN-NN-title.md for a small one of lab NN. Its ```console
blocks are run, in the page's order, in one bash; every other fence is only shown. In such a block

    $ docker network ls \
    >   --quiet                  a command; `> ` continues it, as bash shows it
    1f2e3d4c5b6a                 its whole output, standard error included; none: it prints nothing
    ...                          1 to 15 lines left out

Directives are comments that GitHub does not show, one to a line, right before the fence:

    <!-- lab: exit 1 -->         each command of the block must end with this status (else: 0)
    <!-- lab: limit 60 -->       seconds that each command may take (else: 30)
    <!-- lab: no-compare -->     the output is not compared, only the status; counted apart
    <!-- lab: check step 1 -->   `./lab check NN` runs the block again, so it must only look;
                                 the text says where to go back to when it does not hold
    <!-- lab: file app.py -->    before any other fence: the reader saves it under this name
    <!-- lab: lines a/b.sh -->   before any other fence: these lines stand in that file of ours

and one that holds for the whole page, before its first fence:

    <!-- lab: needs kubectl -->  the page is run only where this command reaches what it is for
                                 (needs.py); elsewhere its commands count as not executed

A heading `Clean up`, of any level, begins the clean-up: it holds until the next heading of the
same or a higher level, and is run in a shell of its own when something before it fails.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.pages.needs import PROBES

LIMIT = 30.0  # seconds for one command, unless the page says otherwise
ELLIPSIS = "..."

_NAME = re.compile(r"(\d\d(?:-\d\d)?)-[a-z0-9-]+\.md")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w-]*)")
_HEADING = re.compile(r"(#{1,6}) +(.+?) *#*")
_DIRECTIVE = re.compile(r"<!-- lab: ([a-z-]+) ?(.*?) -->")


class PageError(Exception):
    """A page that cannot be read; the text starts with where."""


@dataclass(frozen=True)
class Command:
    """One command of a console block, with the output that the page shows for it."""

    line: int  # of its `$ `, from 1
    text: str  # what bash gets, perhaps several lines
    expected: tuple[str, ...]
    output: slice  # the lines of the page, from 0, that hold the expected output


@dataclass
class Fence:
    """A fenced block that is not run.

    `name` where the reader saves it as a file, `lines` where it shows lines of one.
    """

    line: int
    heading: str
    source: list[str]
    name: str | None = None
    lines: str | None = None


@dataclass
class Block:
    """A console block: commands that share directives."""

    line: int  # of its fence, from 1
    heading: str
    cleanup: bool
    commands: list[Command]
    exit: int = 0
    limit: float = LIMIT  # seconds, for each command
    compare: bool = True
    check: str | None = None


@dataclass
class Prose:
    """Consecutive lines that are neither fence nor directive."""

    lines: list[str]


@dataclass
class Page:
    """A page in its parts, in order."""

    path: Path
    lines: list[str]
    parts: list[Prose | Fence | Block] = field(default_factory=list)
    needs: str | None = None

    @property
    def number(self) -> str:
        """What the commands of `./lab` take: NN, or NN-NN for a small page of lab NN."""
        name = _NAME.fullmatch(self.path.name)
        assert name  # noqa: S101  # find() gives no other
        return name[1]

    @property
    def title(self) -> str:
        """The first heading."""
        return next((m[2] for m in map(_HEADING.fullmatch, self.lines) if m), self.path.stem)

    @property
    def blocks(self) -> list[Block]:
        """Every console block."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def files(self) -> list[Fence]:
        """Every fence that the reader saves as a file."""
        return [part for part in self.parts if isinstance(part, Fence) and part.name]

    def at(self, line: int) -> str:
        """The place of LINE for a message, as editors and terminals link it."""
        return f"{self.path.parent.name}/{self.path.name}:{line}"


def find(folder: Path) -> dict[str, Path]:
    """The pages in FOLDER and one below it, by their numbers."""
    paths = (*folder.glob("*.md"), *folder.glob("*/*.md"))
    found = {m[1]: path for path in sorted(paths) if (m := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def load(path: Path) -> Page:
    """Read a page; PageError says what is wrong with it, and where."""
    page = Page(path, path.read_text(encoding="utf-8").splitlines())
    headings: list[tuple[int, str]] = []  # the open ones, level and text
    directives: list[tuple[int, str, str]] = []
    numbered = iter(enumerate(page.lines, 1))
    for number, line in numbered:
        fence = _FENCE.match(line)
        if fence:
            if fence["indent"] and fence["language"] == "console":
                raise PageError(f"{page.at(number)}: a console block must start in column 1")
            source = list(_until_closed(numbered, fence["fence"], page, number))
            heading = headings[-1][1] if headings else page.title
            if fence["language"] == "console":
                cleanup = any(text.lower() == "clean up" for _, text in headings)
                block = Block(number, heading, cleanup, _commands(page, number + 1, source))
                _direct(page, block, directives)
                page.parts.append(block)
            else:
                shown = Fence(number, heading, source)
                _direct(page, shown, directives)
                page.parts.append(shown)
            directives.clear()
        elif (directive := _DIRECTIVE.fullmatch(line.strip())) and directive[1] == "needs":
            first = page.needs is None and all(isinstance(part, Prose) for part in page.parts)
            if not first or directive[2] not in PROBES:
                known = ", ".join(PROBES)
                raise PageError(
                    f"{page.at(number)}: needs: expected one of {known}, once, before any fence"
                )
            page.needs = directive[2]
        elif directive:
            directives.append((number, directive[1], directive[2].strip()))
        elif "<!-- lab" in line:
            raise PageError(f"{page.at(number)}: expected <!-- lab: NAME VALUE -->, got {line!r}")
        elif directives:
            raise PageError(f"{page.at(directives[0][0])}: a directive stands right before a fence")
        else:
            if title := _HEADING.fullmatch(line):
                level = len(title[1])
                headings = [open_ for open_ in headings if open_[0] < level]
                headings.append((level, title[2]))
            if not page.parts or not isinstance(page.parts[-1], Prose):
                page.parts.append(Prose([]))
            last = page.parts[-1]
            assert isinstance(last, Prose)  # noqa: S101  # for the type checker
            last.lines.append(line)
    if directives:
        raise PageError(f"{page.at(directives[0][0])}: a directive stands right before a fence")
    return page


def _until_closed(
    numbered: Iterator[tuple[int, str]], fence: str, page: Page, start: int
) -> Iterator[str]:
    for _, line in numbered:
        closing = line.strip()
        if closing.startswith(fence) and not closing.strip(fence[0]):
            return
        yield line
    raise PageError(f"{page.at(start)}: this block is never closed: expected {fence}")


def _commands(page: Page, first: int, source: list[str]) -> list[Command]:
    """Split a block's SOURCE, whose first line has the number FIRST."""
    commands: list[Command] = []
    text: list[str] = []
    output: list[str] = []
    start = 0

    def end(line: int) -> None:
        if text:
            if output == [ELLIPSIS]:
                raise PageError(
                    f"{page.at(start)}: '...' alone hides the whole output: use no-compare"
                )
            shown = slice(line - 1 - len(output), line - 1)
            commands.append(Command(start, "\n".join(text), tuple(output), shown))

    for number, line in enumerate(source, first):
        if line.startswith("$ "):
            end(number)
            start, text, output = number, [line[2:]], []
        elif not text:
            raise PageError(f"{page.at(number)}: expected a command, '$ …', got {line!r}")
        elif not output and (line.rstrip() == ">" or line.startswith("> ")):
            text.append(line[2:])
        elif not output and text[-1].endswith("\\"):
            text.append(line)
        else:
            output.append(line)
    end(first + len(source))
    if not commands:
        raise PageError(f"{page.at(first - 1)}: a console block without a command")
    return commands


def _direct(page: Page, part: Block | Fence, directives: list[tuple[int, str, str]]) -> None:
    for line, name, value in directives:
        if isinstance(part, Fence):
            known = name in ("file", "lines") and value != ""
            if known:
                setattr(part, "name" if name == "file" else "lines", value)
        elif name == "exit" and re.fullmatch(r"[1-9]\d{0,2}", value):
            known, part.exit = True, int(value)
        elif name == "limit" and re.fullmatch(r"[1-9]\d{0,2}", value):
            known, part.limit = True, float(value)
        elif name == "no-compare" and not value:
            known, part.compare = True, False
        elif name == "check" and value:
            known, part.check = True, value
        else:
            known = False
        if not known:
            wanted = (
                "file NAME, lines NAME"
                if isinstance(part, Fence)
                else "exit N, limit N, no-compare, check TEXT"
            )
            raise PageError(
                f"{page.at(line)}: directive '{f'{name} {value}'.strip()}': expected {wanted}"
            )
