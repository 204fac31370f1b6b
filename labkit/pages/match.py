"""The expected output of a page against the real one, line by line, by the rules of rules.py."""

import difflib
import re
from collections.abc import Sequence
from copy import copy

from labkit.pages.parse import ELLIPSIS
from labkit.pages.rules import Rule, Rules

HIDDEN = 15  # the most lines that one `...` may stand for
DIFFER = "the lines differ"


class Bindings:
    """Which real value each value on the page stands for, one-to-one in each namespace."""

    def __init__(self, own: Sequence[Rule] = ()) -> None:
        self.rules = Rules(own)
        self.real: dict[tuple[str, str], str] = {}  # by namespace and value on the page
        self.page: dict[tuple[str, str], str] = {}  # by namespace and real value

    def copy(self) -> "Bindings":
        """The same, to learn more."""
        other = copy(self)
        other.real, other.page = dict(self.real), dict(self.page)
        return other

    def bind(self, space: str, page: str, real: str) -> str | None:
        """Let PAGE stand for REAL; where that contradicts what was seen before, say how."""
        known = self.real.setdefault((space, page), real)
        if known != real:
            return f"{page} stood for {known} before, now for {real} ({space})"
        known = self.page.setdefault((space, real), page)
        return None if known == page else f"{real} was {known} before, now {page} ({space})"


def _plain(text: str) -> str:
    """Runs of blanks inside a line become two: columns are as wide as their widest value."""
    return re.sub(r"(?<=\S) {2,}(?=\S)", "  ", text.rstrip())


def match_line(expected: str, actual: str, bindings: Bindings) -> Bindings | str:
    """What is known when ACTUAL is what EXPECTED says; else the reason why it is not."""
    pattern, wanted = bindings.rules.pattern(_plain(expected))
    got = pattern.fullmatch(_plain(actual))
    if not got:
        return DIFFER
    learned = bindings.copy() if wanted else bindings
    for (rule, page), real in zip(wanted, got.groups(), strict=True):
        ours, theirs = rule.keys(page), rule.keys(real)
        if [space for space, _ in ours] != [space for space, _ in theirs]:
            return f"{page} and {real} are not of one kind ({rule.name})"
        for (space, one), (_, other) in zip(ours, theirs, strict=True):
            if reason := learned.bind(space, one, other):
                return reason
    return learned


def match(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> Bindings | None:
    """What is known when ACTUAL, whole, is what the page says; None where it is not."""
    if not expected:
        return None if actual else bindings
    if expected[0] == ELLIPSIS:
        most = min(HIDDEN, len(actual))
        tails = (match(expected[1:], actual[n + 1 :], bindings) for n in range(most))
        return next(filter(None, tails), None)
    learned = match_line(expected[0], actual[0], bindings) if actual else DIFFER
    return None if isinstance(learned, str) else match(expected[1:], actual[1:], learned)


def _aligned(
    expected: Sequence[str], actual: Sequence[str], bindings: Bindings
) -> list[tuple[list[str], list[str]]]:
    """Both in pieces that differ, or hold one line that is equal by the rules, as on the page."""
    # With the rules' names for values, lines of one kind are equal.
    masked = [
        [_plain(bindings.rules.replace(one, lambda rule, _: f"<{rule.name}>")) for one in lines]
        for lines in (expected, actual)
    ]
    pieces = []
    matcher = difflib.SequenceMatcher(a=masked[0], b=masked[1], autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            for page, real in zip(expected[i:i_end], actual[j:j_end], strict=True):
                learned = match_line(page, real, bindings)
                pieces.append(([page], [real if isinstance(learned, str) else page]))
                bindings = bindings if isinstance(learned, str) else learned
        elif list(expected[i:i_end]) == [ELLIPSIS] and j_end - j <= HIDDEN:
            pieces.append(([ELLIPSIS], [ELLIPSIS]))
        else:
            pieces.append((list(expected[i:i_end]), list(actual[j:j_end])))
    return pieces


def difference(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> str:
    """A unified diff without what is equal by the rules, and why lines that look equal are not."""
    pieces = _aligned(expected, actual, bindings)
    ours = [line for page, _ in pieces for line in page]
    theirs = [line for _, real in pieces for line in real]
    lines = list(difflib.unified_diff(ours, theirs, "expected", "got", lineterm=""))
    for page, real in pieces:
        if len(page) == len(real) == 1 and page != real:
            reason = match_line(page[0], real[0], bindings)
            lines += [f"  {reason}"] if isinstance(reason, str) and reason != DIFFER else []
    return "\n".join(lines)


def rewrite(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> list[str]:
    """The output to show for ACTUAL: the page's own lines where they hold, real ones elsewhere.

    A real value that stood elsewhere on the page is shown as it is there.
    """

    def known(rule: Rule, value: str) -> str:
        for space, real in rule.keys(value):
            if (space, real) in bindings.page:
                value = value.replace(real, bindings.page[space, real], 1)
        return value

    lines = []
    for page, real in _aligned(expected, actual, bindings):
        shown = [bindings.rules.replace(line, known).rstrip() for line in real]
        lines += real if page == real else shown
    return lines
