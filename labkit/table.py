"""Rows as text: columns as wide as their widest cell, two blanks between them."""

from collections.abc import Iterable, Sequence
from textwrap import wrap


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of ROWS, which have equal numbers of cells."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def fold(line: str, indent: int = 2) -> list[str]:
    """LINE in 80 columns, at its blanks; what is folded begins at INDENT."""
    after = " " * indent
    return wrap(line, 80, subsequent_indent=after, break_long_words=False, break_on_hyphens=False)
