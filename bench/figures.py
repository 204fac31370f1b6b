"""Figures, their ratios with the spread, and the table that they make."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labkit import Failed

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEAD = ("Row", "Compared", "First", "Second", "First ÷ second", "Goal")


@dataclass(frozen=True)
class Figure:
    """What was measured in each round, and in the same round of the peer, if there is one."""

    what: str  # "first ÷ second", or the one thing
    unit: str
    first: Sequence[float]
    second: Sequence[float] = field(default=())
    goal: str = ""  # "≥ 0.9" or "≤ 2", of the ratio
    failed: bool = False  # it could have been measured here, and was not

    @property
    def ratios(self) -> list[float]:
        """First ÷ second of each round."""
        return [one / other for one, other in zip(self.first, self.second, strict=True)]

    @property
    def reached(self) -> bool:
        """Whether the median of the ratios, as it is printed, is what the goal says."""
        kind, limit = self.goal.split()
        median = float(number(statistics.median(self.ratios)))
        return median >= float(limit) if kind == "≥" else median <= float(limit)

    def cells(self) -> tuple[str, ...]:
        """Its cells of the table, after the row's letter."""
        first, second = (
            f"{number(statistics.median(values))} {self.unit}".strip() if values else ""
            for values in (self.first, self.second)
        )
        verdict = f"{self.goal}: {'reached' if self.reached else 'MISSED'}" if self.goal else ""
        return self.what, first, second, spread(self.ratios) if self.second else "", verdict


def number(value: float) -> str:
    """VALUE as people write it, with about three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """The median, and in brackets the quartiles: half of the rounds are between these."""
    if len(values) == 1:
        return number(values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{number(middle)} ({number(low)} to {number(high)})"


def rows(figures: Mapping[str, Iterable[Figure]]) -> list[tuple[str, ...]]:
    """The table's cells, by the letter of the row."""
    return [(letter, *figure.cells()) for letter, found in figures.items() for figure in found]


def markdown(about: str, cells: Iterable[Sequence[str]]) -> str:
    """What stands between the page's markers."""
    lines = [HEAD, ("---",) * len(HEAD), *cells]
    return "\n".join([about, "", *(f"| {' | '.join(line)} |" for line in lines)])


def rewritten(page: str, table: str) -> str:
    """PAGE with TABLE between its markers; Failed where these are not there, once each in order."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended) or BEGIN in after or END in before + after:
        raise Failed(f"docs/benchmarks.md: expected {BEGIN} and then {END}, once each")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
