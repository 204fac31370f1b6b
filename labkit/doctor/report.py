"""`./lab doctor --report [NN]`: what an issue needs to know of a machine, and of a failing page.

No host name, no address beyond the private ranges, no path of this machine is in it.
"""

import argparse
import contextlib
import io
import ipaddress
import json
import platform
import re
import socket
from pathlib import Path

from labkit import Failed, docker
from labkit.pages import words
from labkit.pages.parse import Page
from labkit.pages.play import Run
from labkit.pages.things import missing
from labkit.table import table

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("python:3.13-slim", "alpine", "two-bridges-webapp", "two-bridges-client")
# IPv4; IPv6 and MAC addresses, and times of day, which are no address.
ADDRESS = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9a-f]{0,4}:){2,}[0-9a-f.:]*", re.I
)


def _hidden(found: re.Match[str]) -> str:
    text, bare = found[0], found[0].rstrip(".:")
    if re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", bare, re.I):
        return text if int(text[:2], 16) & 2 else "(MAC)"  # 2: made up here, as a container's is
    for candidate in (text, bare):
        with contextlib.suppress(ValueError):
            return text if ipaddress.ip_address(candidate).is_private else "(public)"
    return text


def without_names(text: str, host: str, home: str) -> str:
    """TEXT without this machine's name, its paths, and addresses that others can reach."""
    text = re.sub(rf"{re.escape(home)}(?=/)", "~", text.replace(f"{ROOT}/", ""))
    for name in (host, host.split(".")[0]):
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "(host)", text)
    return ADDRESS.sub(_hidden, text)


def _said(*argv: str) -> str:
    """The last line that a command prints, also where it fails."""
    try:
        done = docker.command(*argv)
    except docker.EngineError as error:
        return str(error)
    return ((done.stdout or done.stderr).strip().splitlines() or ["nothing"])[-1]


def _machine() -> list[tuple[str, str]]:
    rows = [
        ("lab", _said("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--tags")),
        ("python", platform.python_version()),
    ]
    if not (said := _said("docker", "info", "--format", "{{json .}}")).startswith("{"):
        return [*rows, ("engine", said)]
    info = json.loads(said)
    if not info.get("ServerVersion"):
        return [*rows, ("engine", *info.get("ServerErrors", ["none answers"])[:1])]
    firewall = (info.get("FirewallBackend") or {}).get("Driver", "iptables")  # told from 29 on
    options = [re.sub(r"^name=|,.*", "", option) for option in info["SecurityOptions"] or []]
    system = f"{info['OperatingSystem']}, {info['Architecture']}, kernel {info['KernelVersion']}"
    compose, buildx = ("docker", "compose", "version", "--short"), ("docker", "buildx", "version")
    rows += [
        ("engine", f"{info['ServerVersion']} on {system}"),
        ("backend", ", ".join([firewall, info["Driver"], *options])),
        ("compose", f"{_said(*compose)}, {_said(*buildx)}"),
    ]
    stand_in = '{{if index .Config.Labels "two-bridges.stand-in"}} stand-in{{end}}'
    look = ("docker", "image", "inspect", "--format", "{{slice .Id 7 19}}" + stand_in)
    return rows + [("image", f"{image}: {_said(*look, image)}") for image in IMAGES]


def _goes(page: Page) -> str:
    """How PAGE goes here: each step that fails, with its difference."""
    if lacks := missing(page.needs):
        return lacks
    playing, why = Run(page, words.ROOT), ""
    try:
        with contextlib.redirect_stdout(io.StringIO()), words.cleaned_up(playing, resume=False):
            words.run(playing, argparse.Namespace(yes=True, keep=False))
    except (Failed, docker.EngineError) as error:
        why = str(error)
    wrong = [step.report for step in playing.steps if step.report]
    return "\n\n".join(wrong) or why or f"page {page.number} holds here"


def report(page: Page | None) -> str:
    """The machine in lines, and how PAGE goes on it."""
    parts = ["\n".join(table(_machine())), *([_goes(page)] if page else [])]
    return without_names("\n\n".join(parts), socket.gethostname(), str(Path.home()))
