"""The expected output of a page against the real one, line by line, by the rules of rules.py."""

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

from scripts.pages.parse import ELLIPSIS
from scripts.pages.rules import RULES, SAME, Rule

HIDDEN = 15  # the most lines that one `...` may stand for

_ANY = re.compile("|".join(f"(?P<r{n}>{rule.pattern})" for n, rule in enumerate(RULES)))


class Bindings:
    """Which real value each value on the page stands for, one-to-one in each namespace."""

    def __init__(self) -> None:
        self.real: dict[tuple[str, str], str] = {}  # by namespace and value on the page
        self.page: dict[tuple[str, str], str] = {}  # by namespace and real value

    def copy(self) -> "Bindings":
        """The same, to learn from what may turn out not to match."""
        other = Bindings()
        other.real, other.page = dict(self.real), dict(self.page)
        return other

    def take(self, other: "Bindings") -> None:
        """Become OTHER, a copy that has learned more."""
        self.real, self.page = other.real, other.page

    def bind(self, space: str, page: str, real: str) -> str | None:
        """Let PAGE stand for REAL; where that contradicts what was seen before, say how."""
        if space == SAME:
            return None if page == real else f"expected {page}, got {real}"
        known = self.real.setdefault((space, page), real)
        if known != real:
            return f"{page} stood for {known} before, now for {real} ({space})"
        known = self.page.setdefault((space, real), page)
        if known != page:
            return f"{real} was {known} before, now {page} ({space})"
        return None


def values(line: str) -> list[tuple[Rule, re.Match[str]]]:
    """What varies in a LINE of a page, from left to right."""
    return [(RULES[int(str(m.lastgroup)[1:])], m) for m in _ANY.finditer(line)]


def mask(line: str) -> str:
    """LINE with the rules' names in place of its values: lines of one kind have equal masks."""
    return _plain(_ANY.sub(lambda m: f"<{RULES[int(str(m.lastgroup)[1:])].name}>", line))


def _plain(text: str) -> str:
    """Runs of blanks inside a line become two: columns are as wide as their widest value."""
    return re.sub(r"(?<=\S) {2,}(?=\S)", "  ", text.rstrip())


@lru_cache(maxsize=4096)
def _compiled(line: str) -> tuple[re.Pattern[str], tuple[tuple[Rule, str], ...]]:
    line = _plain(line)
    pattern, end = "", 0
    found = values(line)
    for rule, m in found:
        pattern += re.escape(line[end : m.start()]) + f"({rule.pattern})"
        end = m.end()
    return re.compile(pattern + re.escape(line[end:])), tuple((rule, m[0]) for rule, m in found)


def match_line(expected: str, actual: str, bindings: Bindings) -> str | None:
    """None when ACTUAL is what EXPECTED says, and BINDINGS learn from it; else the reason."""
    pattern, wanted = _compiled(expected)
    got = pattern.fullmatch(_plain(actual))
    if not got:
        return "the lines differ"
    trial = bindings.copy()
    for (rule, page), real in zip(wanted, got.groups(), strict=True):
        pairs = zip(rule.keys(page), rule.keys(real), strict=False)
        if [space for space, _ in rule.keys(page)] != [space for space, _ in rule.keys(real)]:
            return f"{page} and {real} are not of one kind ({rule.name})"
        for (space, one), (_, other) in pairs:
            if reason := trial.bind(space, one, other):
                return reason
    bindings.take(trial)
    return None


def match(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> bool:
    """Whether ACTUAL, whole, is what the page says; only then BINDINGS learn from it."""
    if not expected:
        return not actual
    if expected[0] == ELLIPSIS:
        return any(
            match(expected[1:], actual[hidden:], bindings)
            for hidden in range(1, min(HIDDEN, len(actual)) + 1)
        )
    if not actual:
        return False
    trial = bindings.copy()
    if match_line(expected[0], actual[0], trial) or not match(expected[1:], actual[1:], trial):
        return False
    bindings.take(trial)
    return True


def aligned(
    expected: Sequence[str], actual: Sequence[str], bindings: Bindings
) -> list[tuple[list[str], list[str]]]:
    """Both as a list of pieces: a piece whose two sides hold one equal line each, or differ.

    A line that is equal by the rules is given as the page has it; a `...` that stands for 1 to
    HIDDEN lines is a piece of its own.
    """
    trial, pieces = bindings.copy(), []
    matcher = difflib.SequenceMatcher(
        None, [mask(line) for line in expected], [mask(line) for line in actual], autojunk=False
    )
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            for page, real in zip(expected[i:i_end], actual[j:j_end], strict=True):
                same = match_line(page, real, trial) is None
                pieces.append(([page], [page] if same else [real]))
        elif list(expected[i:i_end]) == [ELLIPSIS] and j_end - j <= HIDDEN:
            pieces.append(([ELLIPSIS], [ELLIPSIS]))
        else:
            pieces.append((list(expected[i:i_end]), list(actual[j:j_end])))
    return pieces


def difference(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> str:
    """A unified diff without what is equal by the rules, and why lines that look equal are not."""
    pieces = aligned(expected, actual, bindings)
    ours = [line for page, _ in pieces for line in page]
    theirs = [line for _, real in pieces for line in real]
    lines = list(difflib.unified_diff(ours, theirs, "expected", "got", lineterm=""))
    for page, real in pieces:
        if len(page) == len(real) == 1 and page != real and mask(page[0]) == mask(real[0]):
            lines.append(f"  {match_line(page[0], real[0], bindings.copy())}")
    return "\n".join(lines)


def rewrite(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> list[str]:
    """The output to show for ACTUAL: the page's own lines where they hold, real ones elsewhere.

    A real value that stood elsewhere on the page is shown as it is there.
    """
    lines = []
    for page, real in aligned(expected, actual, bindings):
        lines += real if page == real else [_as_on_page(line, bindings) for line in real]
    return lines


def _as_on_page(line: str, bindings: Bindings) -> str:
    def known(m: re.Match[str]) -> str:
        value = m[0]
        for space, real in RULES[int(str(m.lastgroup)[1:])].keys(value):
            if (space, real) in bindings.page and space not in ("pair", SAME):
                value = value.replace(real, bindings.page[space, real], 1)
        return value

    return _ANY.sub(known, line).rstrip()
