"""The expected output of a page against the real one, line by line, by the rules of rules.py."""

import re
from collections.abc import Iterable, Sequence
from copy import copy

from labkit.pages.parse import ELLIPSIS
from labkit.pages.rules import Rule, Rules

HIDDEN = 15  # the most lines that one `...` may stand for


class Bindings:
    """Which real value each value on the page stands for, one-to-one in each namespace."""

    def __init__(self, own: Sequence[Rule] = ()) -> None:
        self.rules = Rules(own)
        self.real: dict[tuple[str, str], str] = {}  # by namespace and value on the page
        self.page: dict[tuple[str, str], str] = {}  # by namespace and real value

    def learn(self, pairs: Iterable[tuple[Rule, str, str]]) -> "Bindings | None":
        """The same and these PAIRS, of page and reality; None where that is a contradiction."""
        learned = copy(self)
        learned.real, learned.page = dict(self.real), dict(self.page)
        for rule, ours, theirs in pairs:
            for (space, page), (_, real) in zip(rule.keys(ours), rule.keys(theirs), strict=True):
                if (
                    learned.real.setdefault((space, page), real) != real
                    or learned.page.setdefault((space, real), page) != page
                ):
                    return None
        return learned

    def shown(self, rule: Rule, value: str) -> str:
        """A real VALUE as the page shows it, where it stood there before."""
        for space, real in reversed(rule.keys(value)):  # the whole first, then its parts
            value = value.replace(real, self.page.get((space, real), real), 1)
        return value


def _plain(text: str) -> str:
    """Runs of blanks inside a line become two: columns are as wide as their widest value."""
    return re.sub(r"(?<=\S) {2,}(?=\S)", "  ", text.rstrip())


def match_line(expected: str, actual: str, bindings: Bindings) -> Bindings | None:
    """What is known when ACTUAL is what EXPECTED says; None where it is not."""
    pattern, wanted = bindings.rules.pattern(_plain(expected))
    if not (got := pattern.fullmatch(_plain(actual))):
        return None
    pairs = zip(wanted, got.groups(), strict=True)
    return bindings.learn((rule, page, real) for (rule, page), real in pairs)


def match(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> Bindings | None:
    """What is known when ACTUAL, whole, is what the page says; None where it is not."""
    if not expected:
        return None if actual else bindings
    if expected[0] == ELLIPSIS:
        most = min(HIDDEN, len(actual))
        tails = (match(expected[1:], actual[n + 1 :], bindings) for n in range(most))
        return next(filter(None, tails), None)
    learned = match_line(expected[0], actual[0], bindings) if actual else None
    return match(expected[1:], actual[1:], learned) if learned else None


def rewrite(expected: Sequence[str], actual: Sequence[str], bindings: Bindings) -> list[str]:
    """ACTUAL as the page would show it: its own lines where they hold, its values elsewhere."""
    lines, unused = [], list(expected)
    for real in actual:
        for page in unused:
            if learned := match_line(page, real, bindings):
                bindings = learned
                unused.remove(page)
                lines.append(page)
                break
        else:
            lines.append(bindings.rules.replace(real, bindings.shown).rstrip())
    return lines
