"""Draw networks and the containers on them, as they are now: an SVG, on standard output.

Exit codes: 0 drawn; 1 there is nothing to draw; 2 bad arguments; 3 no engine answers.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from labkit import Failed, UsageError, docker
from labkit.inspect import EMBEDDED_DNS

HOSTS, DNS = "names: the host's resolver", f"names: Docker's DNS, {EMBEDDED_DNS}"
BOX, PITCH, LEAST = (
    145,
    155,
    230,
)  # pixels: a container, it and the gap beside it, a network
BARE = {"host": "the host's own interfaces", "null": "a loopback of its own, no cable"}
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class Drawing:
    """An SVG in the making, one element a line; pixels from the top left corner."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def box(self, kind: str, x: float, y: float, width: float, height: float) -> None:
        """A rectangle; KIND is its class."""
        where = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.parts.append(f'<rect class="{kind}" {where} rx="6"/>')

    def text(self, kind: str, x: float, y: float, text: str) -> None:
        """One line of text, with its foot at Y; none where TEXT is empty."""
        shown = escape(text, quote=False)
        self.parts += [f'<text class="{kind}" x="{x:g}" y="{y:g}">{shown}</text>'] if text else []

    def column(self, x: float, y: float, *lines: tuple[str, str]) -> None:
        """Lines, by kind and text, below one another around X."""
        for n, (kind, text) in enumerate(lines):
            self.text(f"{kind} mid".strip(), x, y + 17 * n, text)

    def cable(self, x: float, top: float, foot: float, kind: str = "cable") -> None:
        """A line straight down, with a plug at each end where it is a cable."""
        self.parts.append(f'<path class="{kind}" d="M{x:g} {top:g}V{foot:g}"/>')
        for y in (top, foot) if kind == "cable" else ():
            self.parts.append(f'<circle class="plug" cx="{x:g}" cy="{y:g}" r="3.5"/>')

    def svg(self, width: float, height: float, title: str) -> str:
        """The whole, WIDTH by HEIGHT."""
        size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        head = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">']
        head += [f"<title>{escape(title, quote=False)}</title>", f"<style>\n{STYLE}</style>"]
        head.append('<rect class="paper" width="100%" height="100%" rx="8"/>')
        return "\n".join([*head, *self.parts, "</svg>"]) + "\n"


@dataclass(frozen=True)
class End:
    """Where a container is plugged in; `host` where the network spans several."""

    container: str
    addresses: tuple[str, ...] = ()
    host: str = ""
    id: str = ""  # of a container that may be on other networks too

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Its addresses, as the lines of a column."""
        return [("", address) for address in self.addresses]


@dataclass
class Net:
    """A network: what to say of it, who is on it, and which ways to call work."""

    name: str
    about: list[str]
    ends: list[End]
    plugged: bool = True  # by cables
    ways: list[tuple[bool, str]] = field(default_factory=list)


def draw(nets: Sequence[Net]) -> str:
    """Bridges as bars, containers above them; below, those that are on several of NETS."""
    sheet, ends = Drawing(), [end for net in nets for end in net.ends]
    homes = Counter(end.id for end in ends)
    shared = [one for one, count in homes.items() if one and count > 1]
    tall = 30 + 17 * max((len(end.addresses) for end in ends), default=0)
    top = 34 if any(end.host for end in ends) else 10
    bar = top + tall + 34
    foot = bar + 31 + 17 * max(len(net.about) + len(net.ways) for net in nets)
    x, plugs, hint = 10.0, list[tuple[float, End]](), "cable: a veth pair"
    for net in nets:
        own = [end for end in net.ends if end.id not in shared]
        width = max(LEAST, PITCH * len(own) + 10)
        middle, left = x + width / 2, x + (width - PITCH * len(own) + 10) / 2
        for host, some in groupby(own, attrgetter("host")):
            group = list(some)
            if host:
                sheet.box("frame", left - 4, 8, PITCH * len(group) - 2, top + tall)
                sheet.text("say", left + 4, 26, f"host {host}")
            for end in group:
                if net.plugged:
                    sheet.cable(left + BOX / 2, top + tall, bar)
                    sheet.text("say", left + BOX / 2 + 9, bar - 11, hint)
                    hint = ""
                sheet.box("box", left, top, BOX, tall)
                y = top + (20 if end.addresses else tall / 2 + 5)
                sheet.column(left + BOX / 2, y, ("name", end.container), *end.shown)
                left += PITCH
        if not net.ends:
            sheet.text("say mid", middle, top + tall / 2 + 4, "no container")
        sheet.box("bar" if net.plugged else "bar bare", x, bar, width, foot - bar)
        lines = [("say", line) for line in net.about]
        for good, way in net.ways:
            lines.append(("say ok", f"\u2713 {way}") if good else ("say bad", f"\u2717 {way}"))
        sheet.column(middle, bar + 22, ("name", net.name), *lines)
        for end in (end for end in net.ends if end.id in shared):
            plugs.append((x + width * (shared.index(end.id) + 1) / (len(shared) + 1), end))
        x += width + 15
    for row, one in enumerate(shared):
        y, mine = foot + 34 + row * (tall + 20), [plug for plug in plugs if plug[1].id == one]
        start, stop = mine[0][0], mine[-1][0]
        for at, _ in mine:
            sheet.cable(at, foot, y)
        sheet.box("box", start - BOX / 2, y, stop - start + BOX, tall)
        for at, end in mine:
            sheet.column(at, y + 19, *end.shown)
        sheet.column((start + stop) / 2, y + tall - 11, ("name", end.container))
    height = foot + 10 + bool(shared) * (24 + (tall + 20) * len(shared))
    told = [f"{n.name}: {', '.join(e.container for e in n.ends) or 'no container'}" for n in nets]
    return sheet.svg(x - 5, height, "; ".join(told))


def read(data: dict[str, Any]) -> Net:
    """From one object of `docker network inspect --verbose`."""
    driver, options = data["Driver"], data.get("Options") or {}
    ranges = (data.get("IPAM") or {}).get("Config") or []
    # Swarm's tasks, wherever they run; else the containers of this engine.
    ends = [
        End(service.rpartition("_")[2], (task["EndpointIP"],), task["Info"]["Host IP"])
        for service, found in (data.get("Services") or {}).items()
        for task in found["Tasks"] or ()
        if service
    ]
    for key, one in data["Containers"].items() if not ends else ():
        given = [one[f"IPv{n}Address"].partition("/")[0] for n in (4, 6)]
        ends.append(End(one["Name"], tuple(filter(None, given)), id=key))
    tasks = Counter(end.host for end in ends)
    ends.sort(key=lambda end: (-tasks[end.host], end.host, end.container))
    if driver in BARE:
        return Net(data["Name"], [BARE[driver]], ends, plugged=False)
    interface = options.get("com.docker.network.bridge.name", f"br-{data['Id'][:12]}")
    kinds = {"bridge": f"bridge {interface}", "overlay": "overlay: VXLAN across hosts"}
    about = [kinds.get(driver, driver), " ".join(one["Subnet"] for one in ranges)]
    gateway = f": {ranges[0]['Gateway']}," if ranges and "Gateway" in ranges[0] else ""
    out = "no way out (internal)" if data["Internal"] else f"way out{gateway} by the host"
    about += [out] if driver == "bridge" else []
    default = options.get("com.docker.network.bridge.default_bridge") == "true"
    way = (False, f"no {HOSTS}") if default else (True, DNS)
    return Net(data["Name"], about, ends, ways=[way])


def file(text: str) -> Path:
    """Where a drawing may go, of an option --svg; UsageError where TEXT is no such place."""
    if (path := Path(text)).is_dir() or not path.parent.is_dir():
        raise UsageError(f"--svg {path}: expected a file, in a directory that is there")
    return path


def save(path: Path, svg: str) -> None:
    """Write a drawing; Failed where that cannot be."""
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise Failed(f"--svg {path}: cannot be written: {error.strerror}") from error


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `./lab draw`."""
    told = "a network; without it, all that have a container"
    parser.add_argument("names", metavar="NAME", nargs="*", help=told)


def main(args: argparse.Namespace) -> int:
    """Draw; return the exit code."""
    known = docker.run("network", "ls", "--format", "{{.Name}}").split()
    for name in args.names:
        if name not in known:
            raise UsageError(f"NAME '{name}': expected a network (docker network ls lists them)")
    found = [read(one) for one in docker.inspect("network", ["--verbose", *(args.names or known)])]
    if not (nets := [net for net in found if args.names or net.ends]):
        raise Failed("no network has a container: name those that you want to see")
    print(draw(nets), end="")
    return 0
