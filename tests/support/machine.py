"""The machine before and after: what is there, and what has come and stays."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from labkit.pages import things
from labkit.pages.things import Thing

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 20.0  # seconds in which what is being removed has gone
_NO_FILES = {".git", ".lab", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
# The engine's ends of cables and its bridges go with their container or network, seen themselves;
# the tools' and base images stay, as those of the pair do; engines.sh runs engines beside.
_NOBODYS = re.compile(
    r"interface (?:veth[0-9a-f]{7}|br-[0-9a-f]{12})|image two-bridges-tools:\w+"
    r"|(?:interface|netns) tb-(?:floor|newest)(?:-\d)?|image postgres:17"
)


def files(root: Path) -> set[Thing]:
    """Every file under ROOT with a digest of what is in it, so that a change shows as well."""
    found = set()
    for folder, below, names in os.walk(root):
        below[:] = set(below) - _NO_FILES
        for path in (Path(folder, name) for name in names):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            found.add(Thing("file", f"{path.relative_to(root)} {digest}"))
    return found


def snapshot() -> set[Thing]:
    """The engine, the host's network and the files, without what LAB_LEAK_IGNORE names.

    That is a regular expression over lines such as `container NAME`: what others do on the same
    engine at the same time.
    """
    ignore = os.environ.get("LAB_LEAK_IGNORE", "(?!)")
    seen = things.inventory() | files(ROOT)
    return {t for t in seen if not re.search(ignore, str(t)) and not _NOBODYS.fullmatch(str(t))}


def declared(thing: Thing, made: Iterable[Thing]) -> bool:
    """Whether THING is one of MADE, or comes with one: a project's container, a folder's file."""
    name = thing.name.split()[0]  # a file's has its digest behind it
    for kind, of in made:
        comes_with = {
            "project": thing.kind != "file" and name.startswith((f"{of}-", f"{of}_")),
            "nodes": name.startswith("tb-node"),
            "file": thing.kind == "file" and name.startswith(f"{of}/"),
        }
        if (thing.kind, name) == (kind, of) or comes_with.get(kind):
            return True
    return False


def settled(look: Callable[[], set[Thing]], limit: float = LIMIT) -> list[Thing]:
    """What LOOK finds each time until LIMIT: what is on its way out is found no more."""
    end, found = time.monotonic() + limit, look()
    while found and time.monotonic() < end:
        time.sleep(0.2)
        found &= look()
    return sorted(found)
