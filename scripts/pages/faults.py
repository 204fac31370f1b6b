"""The faults of lab 08: small pages labs/faults/08-NN-CAUSE.md, which are played by section.

A fault is a page like any other, read from top to bottom: what people say about it, as a quotation;
`Break it`; `Symptom`; `Hints`, of which the last is what `./lab doctor` says; `Solution`; `Check`;
`Clean up`. CAUSE is the word by which scripts/doctor.py knows it.
"""

import re

from scripts.pages.parse import Block, Fence, Page, Prose

LAB = "08"


def number(text: str, fault: bool = False) -> str:
    """The page's number for what the reader types: 08-3 is 08-03, and so is 3 for a FAULT."""
    short = re.fullmatch(rf"({LAB}-)?(\d{{1,2}})", text)
    return f"{LAB}-{int(short[2]):02}" if short and (short[1] or fault) else text


def is_fault(number: str) -> bool:
    """Whether the page of that number is a fault."""
    return number.startswith(f"{LAB}-")


def said(page: Page) -> str:
    """What people say: the quotation, as one line."""
    prose = [line for part in page.parts if isinstance(part, Prose) for line in part.lines]
    return " ".join(line[2:] for line in prose if line.startswith("> "))


def section(page: Page, heading: str) -> list[Block | Fence]:
    """The blocks, and the files to save, under a heading."""
    return [
        part
        for part in page.parts
        if (isinstance(part, Block) or (isinstance(part, Fence) and part.name))
        and part.heading == heading
    ]


def first(page: Page, *headings: str) -> list[Block | Fence]:
    """What each of these sections begins with."""
    return [part for heading in headings for part in section(page, heading)[:1]]


def cause(page: Page) -> str:
    """The word for it in scripts/doctor.py: what the file's name ends with."""
    return page.path.stem.removeprefix(f"{page.number}-")
