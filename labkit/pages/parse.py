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

Right after a console block, and several where need be, what older engines print for its commands,
so that the block can show what the newest prints. The first version that is later holds:

    <!-- lab: before 28
    $ docker network ls          a command of the block, and its whole output there
    1f2e3d4c5b6a
    -->

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
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from labkit import Failed
from labkit.pages.rules import Rule, free, one_to_one
from labkit.pages.things import KINDS, NEEDS, Thing

LIMIT = 30.0  # seconds for one command, unless the page says otherwise
ELLIPSIS = "..."
FAULTS = "08"  # the lab whose small pages are faults
Version = tuple[int, ...]  # of an engine, compared from left to right

_NAME = re.compile(r"(\d\d(?:-\d\d)?)-[a-z0-9-]+\.md")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w-]*)")
_HEADING = re.compile(r"(#{1,6}) +(.+?) *#*")
_DIRECTIVE = re.compile(r"<!-- lab: ([a-z-]+) ?(.*?) *-->")
_BEFORE = re.compile(r"<!-- lab: before (\d+(?:\.\d+)*)")
# The directives by what they stand before, and the patterns of their values.
_ON_BLOCK = {"exit": r"[1-9]\d{0,2}", "limit": r"[1-9]\d{0,2}", "no-compare": "", "check": ".+"}
_ON_FENCE = {"file": ".+", "lines": ".+"}
_WHOLE = ("makes", "needs", "varies", "one-to-one")


@dataclass
class Command:
    """One command of a console block, with the output that the page shows for it."""

    line: int  # of its `$ `, from 1
    text: str  # what bash gets, perhaps several lines
    expected: tuple[str, ...] = ()
    before: dict[Version, "Command"] = field(default_factory=dict)  # with what older engines print

    def on(self, engine: Version) -> "Command":
        """The same command, with the output that the page holds for ENGINE."""
        later = [version for version in self.before if engine < version]
        return self.before[min(later)] if later else self

    @property
    def output(self) -> slice:
        """The lines of the page, from 0, that hold the expected output."""
        first = self.line + self.text.count("\n")
        return slice(first, first + len(self.expected))


@dataclass
class Fence:
    """A fenced block that is not run."""

    line: int  # from 1
    heading: str
    source: list[str]
    name: str | None  # of the file in which it is saved
    lines: str | None  # the file of ours that it shows


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
class Page:
    """A page in its parts, in order."""

    path: Path
    lines: list[str]
    parts: list[str | Fence | Block] = field(default_factory=list)  # str: a line of prose
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
        parts = (part for part in self.parts if not isinstance(part, str))
        return [part for part in parts if isinstance(part, Block) or part.name]

    def section(self, heading: str) -> list[Block]:
        """The console blocks under a heading."""
        return [block for block in self.blocks if block.heading == heading]

    def at(self, line: int) -> str:
        """The place of LINE for a message, as editors and terminals link it."""
        return f"{self.path.parent.name}/{self.path.name}:{line}"

    def wrong(self, line: int, why: str) -> Failed:
        """What to raise where LINE cannot be read."""
        return Failed(f"{self.at(line)}: {why}")


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
            source = _source(page, number, fence["fence"], numbered)
            heading = headings[-1][1] if headings else page.title
            if fence["language"] != "console":
                says = _values(page, directives, _ON_FENCE)
                names = says.get("file"), says.get("lines")
                page.parts.append(Fence(number, heading, source, *names))
            elif fence["indent"]:
                raise page.wrong(number, "a console block must start in column 1")
            else:
                says = _values(page, directives, _ON_BLOCK)
                block = Block(
                    number,
                    heading,
                    cleanup=any(text.lower() == "clean up" for _, text in headings),
                    commands=_commands(page, number + 1, source),
                    exit=int(says.get("exit", 0)),
                    limit=float(says.get("limit", LIMIT)),
                    compare="no-compare" not in says,
                    check=says.get("check"),
                )
                page.parts.append(block)
            directives.clear()
        elif directive and directive[1] in _WHOLE:
            _direct(page, number, directive[1], directive[2])
        elif directive:
            directives.append((number, directive[1], directive[2]))
        elif line.startswith("<!-- lab: before"):
            _before(page, number, numbered)
        elif "<!-- lab" in line:
            raise page.wrong(number, f"expected <!-- lab: NAME VALUE -->, got {line!r}")
        elif directives:
            break
        else:
            if title := _HEADING.fullmatch(line):
                headings = [one for one in headings if one[0] < len(title[1])]
                headings.append((len(title[1]), title[2]))
            page.parts.append(line)
    if directives:
        raise page.wrong(directives[0][0], "a directive stands right before a fence")
    return page


def _source(page: Page, start: int, fence: str, rest: Iterator[tuple[int, str]]) -> list[str]:
    """Take the lines until the FENCE that began at START is closed."""
    closing = re.compile(rf"\s*{fence}{fence[0]}*\s*")
    source = [line for _, line in takewhile(lambda one: not closing.fullmatch(one[1]), rest)]
    if start + len(source) == len(page.lines):
        raise page.wrong(start, f"this block is never closed: expected {fence}")
    return source


def _commands(page: Page, first: int, source: list[str]) -> list[Command]:
    """Split a block's SOURCE, whose first line has the number FIRST."""
    commands: list[Command] = []
    for number, line in enumerate(source, first):
        if line.startswith("$ "):
            commands.append(last := Command(number, line[2:]))
        elif not commands:
            raise page.wrong(number, f"expected a command, '$ …', got {line!r}")
        elif not last.expected and (line.rstrip() == ">" or line.startswith("> ")):
            last.text += "\n" + line[2:]
        elif not last.expected and last.text.endswith("\\"):
            last.text += "\n" + line
        else:
            last.expected += (line,)
    if not commands:
        raise page.wrong(first - 1, "a console block without a command")
    for command in commands:
        if command.expected == (ELLIPSIS,):
            raise page.wrong(command.line, "'...' alone hides the whole output: use no-compare")
    return commands


def _before(page: Page, start: int, rest: Iterator[tuple[int, str]]) -> None:
    """Take the outputs of older engines from the comment that begins at START."""
    version, block = _BEFORE.fullmatch(page.lines[start - 1]), page.parts and page.parts[-1]
    if not version or not isinstance(block, Block) or not block.compare:
        raise page.wrong(start, "expected <!-- lab: before VERSION, right after a compared block")
    source = [line for _, line in takewhile(lambda one: "-->" not in one[1], rest)]
    if page.lines[start + len(source) :][:1] != ["-->"]:
        raise page.wrong(start, "this comment is never closed: expected a line '-->'")
    known = {command.text: command for command in block.commands}
    limit = tuple(map(int, version[1].split(".")))
    for older in _commands(page, start + 1, source):
        command = known.get(older.text)
        if not command or command.before.setdefault(limit, older) is not older:
            wanted = "expected a command of the block above, once"
            raise page.wrong(older.line, f"before {version[1]}: '{older.text}': {wanted}")


def _values(
    page: Page, directives: list[tuple[int, str, str]], known: dict[str, str]
) -> dict[str, str]:
    """What the DIRECTIVES before a fence say, by name."""
    for line, name, value in directives:
        if not re.fullmatch(known.get(name, "(?!)"), value):
            got, wanted = f"{name} {value}".strip(), ", ".join(known)
            raise page.wrong(line, f"directive '{got}': expected {wanted}, with its value")
    return {name: value for _, name, value in directives}


def _direct(page: Page, line: int, name: str, value: str) -> None:
    """Take a directive that holds for the whole page."""
    wrong = ""
    if not all(isinstance(part, str) for part in page.parts):
        wrong = "before any fence"
    elif name == "needs":
        wrong = f"one of {', '.join(NEEDS)}, once" if page.needs or value not in NEEDS else ""
        page.needs = value
    elif name == "makes":
        for kind, *names in (group.split() or [""] for group in value.split(",")):
            if kind not in KINDS or not names:
                wrong = f"KIND NAME, and KIND one of {', '.join(KINDS)}"
            page.makes += [Thing(kind, one) for one in names]
    else:
        rule, _, pattern = value.partition(" ")
        try:
            wrong = "" if pattern and not re.compile(pattern).groups else "NAME PATTERN, no group"
        except re.error as error:
            wrong = f"a pattern: {error}"
        page.rules.append(Rule(rule, pattern, one_to_one(rule) if name == "one-to-one" else free))
    if wrong:
        raise page.wrong(line, f"{name}: expected {wrong}")
