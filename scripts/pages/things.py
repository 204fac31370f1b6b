"""What a page makes on the machine: what its commands name, what is there, and how to remove it."""

import hashlib
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from scripts.pages.needs import NODES, missing
from scripts.pages.parse import Page, find, load

# The sample's own images: `./lab up` makes them, pages use them, nobody removes them.
SAMPLE = ("two-bridges-webapp:latest", "two-bridges-client:latest")
PROJECT = "two-bridges"  # the name in compose.yaml, and of the namespace in deploy/kubernetes
_NODES = Path("/var/lib/two-bridges-nodes")  # there while nodes are, see scripts/nodes.sh
_TIMEOUT = 60  # seconds for one docker command of ours
_NO_FILES = (".git", ".lab", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")
# The engine's own networks: whoever names one to `docker network create` is refused.
_PREDEFINED = ("bridge", "host", "none")
# The options of `docker network create` that take no value.
_SWITCHES = ("--attachable", "--config-only", "--ingress", "--internal", "--ipv6")


class EngineError(Exception):
    """The engine does not answer; the text says what it said."""


class Thing(NamedTuple):
    """Something on the machine: kind (container, network, image, volume, …) and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def creates(command: str) -> list[Thing]:
    """What COMMAND makes that stays, by the names in its own text.

    Names that a variable holds, and what a script makes, are not seen; the comparison of the
    machine before and after a page sees them all.
    """
    found: list[Thing] = []
    for words in _simple_commands(command):
        found += _created_by(words)
    return list(dict.fromkeys(thing for thing in found if "$" not in thing.name))


def _simple_commands(command: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    words: list[str] = []
    try:
        for word in lexer:
            if word and not word.strip(";&|()\n"):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:  # a quote that only bash understands, as in $'…'
        pass
    yield words


def _without_redirections(words: list[str]) -> list[str]:
    return [
        word
        for before, word in pairwise(["", *words])
        if not re.match(r"\d*[<>]", word) and not re.fullmatch(r"\d*[<>]+", before)
    ]


def _created_by(words: list[str]) -> Iterator[Thing]:
    words = _without_redirections(words)
    while words and (
        re.fullmatch(r"\w+=.*", words[0]) or words[0] in ("sudo", "if", "then", "do", "!", "{")
    ):
        words = words[1:]
    match words:
        case ["docker", ("container" | "image"), *rest] | ["docker", "buildx", *rest]:
            yield from _created_by(["docker", *rest])
        case ["docker", ("run" | "create"), *rest]:
            yield from (Thing("container", name) for name in _values(rest, "--name"))
            yield from _on_host(rest)
        case ["docker", ("network" | "volume") as kind, "create", *rest]:
            for name in _positional(rest):
                if kind == "volume" or name not in _PREDEFINED:
                    yield Thing(kind, name)
        case ["docker", "build", *rest]:
            for tag in _values(rest, "-t", "--tag"):
                yield from _image(tag)
        case ["docker", "tag", _, tag]:
            yield from _image(tag)
        case ["docker", "compose", *rest] if {"up", "run", "create"} & set(rest):
            for name in _values(rest, "-p", "--project-name") or [PROJECT]:
                yield Thing("project", name)
        case ["mkdir", *rest]:
            yield from (Thing("file", word.rstrip("/")) for word in rest if word[:1] not in "-/.")
        case ["kubectl", "apply", *_]:
            yield Thing("namespace", PROJECT)
        case ["./lab", "nodes", "up"]:
            yield Thing("nodes", _NODES.name)
        case ["ip", *_]:
            yield from _on_host(words)


def _values(words: list[str], *options: str) -> list[str]:
    found = [after for word, after in pairwise(words) if word in options]
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in options:
            found.append(value)
    return found


def _positional(words: list[str]) -> list[str]:
    """The words that are neither an option nor an option's value."""
    return [
        word
        for before, word in pairwise(["", *words])
        if word[:1] != "-" and (before[:1] != "-" or "=" in before or before in _SWITCHES)
    ]


def _image(tag: str) -> Iterator[Thing]:
    name = tag if ":" in tag else f"{tag}:latest"
    if name not in SAMPLE:
        yield Thing("image", name)


def _on_host(words: list[str]) -> Iterator[Thing]:
    text = " ".join(words)
    for kind, name in re.findall(r"\bip (link|netns) add (?:dev |name )?([\w.-]+)", text):
        yield Thing("interface" if kind == "link" else "netns", name)


def made_by(page: Page) -> list[Thing]:
    """Everything that PAGE makes, by name, in the page's order."""
    found = [thing for block in page.blocks for c in block.commands for thing in creates(c.text)]
    found += [Thing("file", str(fence.name)) for fence in page.files]
    for number in re.findall(r"(?m)^\$ \./lab break (\d+)$", "\n".join(page.lines)):
        found += made_by(load(find(page.path.parent)[f"{page.number}-{int(number):02}"]))
    return list(dict.fromkeys(found))


def _docker(*args: str) -> list[str]:
    try:
        done = subprocess.run(
            ["docker", *args],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
            start_new_session=True,  # Ctrl-C in the terminal must not break it off
        )
    except FileNotFoundError as error:
        raise EngineError("docker is not installed: ./lab up installs it") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"docker {args[0]} did not answer within {_TIMEOUT} s") from error
    except subprocess.CalledProcessError as error:
        raise EngineError(f"docker {args[0]}: {error.stderr.strip()}") from error
    return done.stdout.splitlines()


def inventory() -> set[Thing]:
    """Everything on the engine and in the host's network that a page could make."""
    found: set[Thing] = set()
    # Images that Compose built have the project's label, and docker run passes it on.
    made = '{{if .Label "com.docker.compose.container-number"}}'
    label = "{{.Names}}\t" + made + '{{.Label "com.docker.compose.project"}}{{end}}'
    for line in _docker("ps", "--all", "--format", label):
        names, _, project = line.partition("\t")
        found |= {Thing("container", name) for name in names.split(",") if "/" not in name}
        if project:
            found.add(Thing("project", project))
    label = '{{.Name}}\t{{.Label "com.docker.compose.project"}}'
    for line in _docker("network", "ls", "--format", label):
        name, _, project = line.partition("\t")
        found.add(Thing("network", name))
        if project:  # cut off here, Compose has made no container yet
            found.add(Thing("project", project))
    found |= {Thing("volume", name) for name in _docker("volume", "ls", "--quiet")}
    for line in _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"):
        name, _, number = line.partition(" ")
        found.add(Thing("image", number if name == "<none>:<none>" else name))
    found |= {Thing("interface", name) for _, name in socket.if_nameindex()}
    found |= {Thing("netns", path.name) for path in Path("/run/netns").glob("*")}
    if _NODES.exists():
        found.add(Thing("nodes", _NODES.name))
    return found


def files(root: Path) -> set[Thing]:
    """Every file under ROOT with a digest of what is in it, so that a change shows as well."""
    return {
        Thing(
            "file", f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
        )
        for path in root.rglob("*")
        if path.is_file() and not set(_NO_FILES) & set(path.relative_to(root).parts)
    }


def present(things: Iterable[Thing], root: Path) -> list[Thing]:
    """Which of THINGS are there now, in the order given."""
    here = inventory()
    there = {"file": lambda name: (root / name).exists(), "namespace": _namespace}
    return [t for t in things if t in here or (t.kind in there and there[t.kind](t.name))]


def _namespace(name: str) -> bool:
    argv = ["kubectl", "get", "namespace", name, "--request-timeout=5s"]
    return not missing("kubectl") and not subprocess.run(argv, capture_output=True).returncode


def remove(thing: Thing, root: Path) -> None:
    """Remove THING; nothing happens where it is gone already or still in use."""
    name = thing.name
    if thing.kind == "file":
        path = (root / name).resolve()
        if path.is_dir() and root.resolve() in path.parents:
            shutil.rmtree(path)
        elif root.resolve() in path.parents:
            path.unlink(missing_ok=True)
        return
    argv = {
        "container": ["docker", "rm", "--force", "--volumes", name],
        "network": ["docker", "network", "rm", name],
        "image": ["docker", "image", "rm", name],
        "volume": ["docker", "volume", "rm", name],
        "project": ["docker", "compose", "--project-name", name, "down", "--remove-orphans"],
        "interface": ["ip", "link", "del", name],
        "netns": ["ip", "netns", "del", name],
        "nodes": [NODES, "down"],
        "namespace": ["kubectl", "delete", "namespace", name, "--timeout=50s"],
    }[thing.kind]
    if shutil.which(argv[0]):
        subprocess.run(
            argv, capture_output=True, timeout=_TIMEOUT, check=False, start_new_session=True
        )
