r"""A lab page, read from its Markdown.

A page is labs/NN-title.md, or labs/FOLDER/NN-NN-title.md for a small one of lab NN. Its ```console
blocks are run, in the page's order, in one bash; every other fence is only shown. In such a block

    $ docker network ls \
    >   --quiet                  a command; `> ` continues it, as bash shows it
    1f2e3d4c5b6a                 its whole output, standard error included; none: it prints nothing
    ...                          1 to 15 lines left out

Directives are comments that GitHub does not show, one to a line. Right before a console block:

    <!-- lab: exit 1 -->         each of its commands must end with this status (else: 0)
    <!-- lab: limit 60 -->       seconds that each command may take (else: 30)
    <!-- lab: no-compare -->     the output is not compared, only the status; counted apart
    <!-- lab: check step 1 -->   `./lab check NN` runs the block again, so it must only look;
                                 the text says where to go back to when it does not hold

right before any other fence:

    <!-- lab: file app.py -->    the reader saves it under this name
    <!-- lab: lines a/b.sh -->   these lines stand in that file of ours

and for the whole page, before its first fence:

    <!-- lab: needs kubectl -->  the page is run only where this is in reach (things.py)
    <!-- lab: makes container c1 c2, network n -->
                                 all that the page makes and removes again, by kind and name
    <!-- lab: varies rate [5-9]\d(?= calls) -->
    <!-- lab: one-to-one calls \d+(?= sent) -->
                                 rules of the page's own beside those of rules.py: name and pattern

A heading `Clean up`, of any level, begins the clean-up: it holds until the next heading of the
same or a higher level, and is run in a shell of its own when something before it fails.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labkit import Failed
from labkit.pages.rules import Rule, one_to_one
from labkit.pages.things import KINDS, NEEDS, Thing

LIMIT = 30.0  # seconds for one command, unless the page says otherwise
ELLIPSIS = "..."
FAULTS = "08"  # the lab whose small pages are faults

_NAME = re.compile(r"(\d\d(?:-\d\d)?)-[a-z0-9-]+\.md")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w-]*)")
_HEADING = re.compile(r"(#{1,6}) +(.+?) *#*")
_DIRECTIVE = re.compile(r"<!-- lab: ([a-z-]+) ?(.*?) *-->")


@dataclass(frozen=True)
class Command:
    """One command of a console block, with the output that the page shows for it."""

    line: int  # of its `$ `, from 1
    text: str  # what bash gets, perhaps several lines
    expected: tuple[str, ...]
    output: slice  # the lines of the page, from 0, that hold the expected output


@dataclass
class Fence:
    """A fenced block that is not run; `name` where it is saved, `lines` where it shows a file."""

    line: int  # from 1
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


# By what they stand before: the attribute, the pattern of the value, and what it becomes.
_ON_BLOCK: dict[str, tuple[str, str, Callable[[str], object]]] = {
    "exit": ("exit", r"[1-9]\d{0,2}", int),
    "limit": ("limit", r"[1-9]\d{0,2}", float),
    "no-compare": ("compare", "", bool),
    "check": ("check", ".+", str),
}
_ON_FENCE = {"file": ("name", ".+", str), "lines": ("lines", ".+", str)}
_WHOLE = ("makes", "needs", "varies", "one-to-one")


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
    makes: list[Thing] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    @property
    def number(self) -> str:
        """What the commands of `./lab` take: NN, or NN-NN for a small page of lab NN."""
        return _NAME.sub(r"\1", self.path.name)

    @property
    def fault(self) -> bool:
        """Whether it is one of the small pages of lab 08, which are played by section."""
        return self.number.startswith(f"{FAULTS}-")

    @property
    def title(self) -> str:
        """The first heading."""
        return next((m[2] for m in map(_HEADING.fullmatch, self.lines) if m), self.path.stem)

    @property
    def blocks(self) -> list[Block]:
        """Every console block."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def actions(self) -> list[Block | Fence]:
        """The console blocks, and the files to save."""
        parts = (part for part in self.parts if not isinstance(part, Prose))
        return [part for part in parts if isinstance(part, Block) or part.name]

    def section(self, heading: str) -> list[Block]:
        """The console blocks under a heading."""
        return [block for block in self.blocks if block.heading == heading]

    def at(self, line: int) -> str:
        """The place of LINE for a message, as editors and terminals link it."""
        return f"{self.path.parent.name}/{self.path.name}:{line}"


def find(folder: Path) -> dict[str, Path]:
    """The pages in FOLDER and one below it, by their numbers."""
    paths = (*folder.glob("*.md"), *folder.glob("*/*.md"))
    return dict(sorted((m[1], p) for p in paths if (m := _NAME.fullmatch(p.name))))


def load(path: Path) -> Page:
    """Read a page; Failed says what is wrong with it, and where."""
    page = Page(path, path.read_text(encoding="utf-8").splitlines())
    headings: list[tuple[int, str]] = []  # the open ones, level and text
    directives: list[tuple[int, str, str]] = []
    numbered = iter(enumerate(page.lines, 1))
    for number, line in numbered:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if fence := _FENCE.match(line):
            source = list(_until_closed(numbered, fence["fence"], page, number))
            heading = headings[-1][1] if headings else page.title
            part: Block | Fence = Fence(number, heading, source)
            if fence["language"] == "console":
                if fence["indent"]:
                    raise Failed(f"{page.at(number)}: a console block must start in column 1")
                cleanup = any(text.lower() == "clean up" for _, text in headings)
                part = Block(number, heading, cleanup, _commands(page, number + 1, source))
            for direction in directives:
                _direct(page, part, *direction)
            page.parts.append(part)
            directives.clear()
        elif directive and directive[1] in _WHOLE:
            _direct_page(page, number, directive[1], directive[2])
        elif directive:
            directives.append((number, directive[1], directive[2]))
        elif "<!-- lab" in line:
            raise Failed(f"{page.at(number)}: expected <!-- lab: NAME VALUE -->, got {line!r}")
        elif directives:
            break
        else:
            if title := _HEADING.fullmatch(line):
                headings = [one for one in headings if one[0] < len(title[1])]
                headings.append((len(title[1]), title[2]))
            if not page.parts or not isinstance(last := page.parts[-1], Prose):
                page.parts.append(last := Prose([]))
            last.lines.append(line)
    if directives:
        raise Failed(f"{page.at(directives[0][0])}: a directive stands right before a fence")
    return page


def _until_closed(
    numbered: Iterator[tuple[int, str]], fence: str, page: Page, start: int
) -> Iterator[str]:
    for _, line in numbered:
        closing = line.strip()
        if closing.startswith(fence) and not closing.strip(fence[0]):
            return
        yield line
    raise Failed(f"{page.at(start)}: this block is never closed: expected {fence}")


def _commands(page: Page, first: int, source: list[str]) -> list[Command]:
    """Split a block's SOURCE, whose first line has the number FIRST."""
    found: list[tuple[int, list[str], list[str]]] = []  # the line, the command, its output
    for number, line in enumerate(source, first):
        text, output = found[-1][1:] if found else ([], [])
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise Failed(f"{page.at(number)}: expected a command, '$ …', got {line!r}")
        elif not output and (line.rstrip() == ">" or line.startswith("> ")):
            text.append(line[2:])
        elif not output and text[-1].endswith("\\"):
            text.append(line)
        else:
            output.append(line)
    if not found:
        raise Failed(f"{page.at(first - 1)}: a console block without a command")
    commands = []
    for start, text, output in found:
        if output == [ELLIPSIS]:
            raise Failed(f"{page.at(start)}: '...' alone hides the whole output: use no-compare")
        shown = slice(start - 1 + len(text), start - 1 + len(text) + len(output))
        commands.append(Command(start, "\n".join(text), tuple(output), shown))
    return commands


def _direct(page: Page, part: Block | Fence, line: int, name: str, value: str) -> None:
    known = _ON_BLOCK if isinstance(part, Block) else _ON_FENCE
    attribute, pattern, become = known.get(name, ("", "(?!)", str))
    if not re.fullmatch(pattern, value):
        got, wanted = f"{name} {value}".strip(), ", ".join(known)
        raise Failed(f"{page.at(line)}: directive '{got}': expected {wanted}, with its value")
    setattr(part, attribute, become(value))


def _direct_page(page: Page, line: int, name: str, value: str) -> None:
    """Take a directive that holds for the whole page."""
    wrong = None
    if not all(isinstance(part, Prose) for part in page.parts):
        wrong = "before any fence"
    elif name == "needs":
        wrong = f"one of {', '.join(NEEDS)}, once" if page.needs or value not in NEEDS else None
        page.needs = value
    elif name == "makes":
        for group in value.split(","):
            kind, *names = group.split() or [""]
            if kind not in KINDS or not names:
                wrong = f"KIND NAME, and KIND one of {', '.join(KINDS)}"
            page.makes += [Thing(kind, one) for one in names]
    else:
        rule, _, pattern = value.partition(" ")
        try:
            wrong = None if pattern and not re.compile(pattern).groups else "NAME PATTERN, no group"
        except re.error as error:
            wrong = f"a pattern: {error}"
        keys = {"keys": one_to_one(rule)} if name == "one-to-one" else {}
        page.rules.append(Rule(rule, pattern, **keys))
    if wrong:
        raise Failed(f"{page.at(line)}: {name}: expected {wrong}")
