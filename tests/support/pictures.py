"""The pictures in docs/, drawn again: all but what differs from run to run must be the same."""

from io import StringIO

from rich.console import Console
from rich.text import Text

from labkit.pages.match import Bindings, rewrite
from labkit.pages.rules import Rule, one_to_one
from tests.support.machine import ROOT

NEW = ROOT / ".lab" / "artefacts"
# For rich: its own form, but light and dark, and without a font from elsewhere.
TERMINAL = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="720" role="img">
<style>
text {{ font: {char_height}px ui-monospace, "DejaVu Sans Mono", monospace; fill: #1f2328; }}
rect {{ fill: #f6f8fa; stroke: #818b98; }}
.{unique_id}-r2 {{ fill: #d1242f; }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #f0f6fc; }}
rect {{ fill: #151b23; stroke: #656c76; }}
.{unique_id}-r2 {{ fill: #f85149; }}
}}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{matrix}
</g>
</svg>"""
# The engine chooses the range of a network that names none.
POOL = Rule(
    "pool",
    r"(?<![\d.])(?:172\.(?:1[89]|2\d|3[01])\.0\.0/16|192\.168\.\d+\.0/20)",
    lambda value: (("subnet", value.rpartition(".0/")[0]),),
)
# Swarm chooses the node of a task.
NODE = Rule("node", r"(?<![\d.])10\.109\.0\.[1-3](?![\d.])", one_to_one("node"))


def as_held(name: str, svg: str, known: Bindings) -> str:
    """SVG with the ids and addresses of docs/NAME where it is the same but for them.

    Those that KNOWN has are a page's, but for ports: a trace has others each time.
    """
    bindings = Bindings([NODE, *known.rules.rules])
    bindings.real = {key: real for key, real in known.real.items() if key[0] != "port"}
    bindings.page = {key: page for key, page in known.page.items() if key[0] != "port"}
    path = ROOT / "docs" / name
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    return "\n".join(rewrite(old.splitlines(), svg.splitlines(), bindings)) + "\n"


def changed(name: str, new: str) -> str:
    """What to do where NEW is not docs/NAME, byte for byte; empty where it is."""
    path = ROOT / "docs" / name
    if path.exists() and path.read_text(encoding="utf-8") == new:
        return ""
    NEW.mkdir(parents=True, exist_ok=True)
    (NEW / name).write_text(new, encoding="utf-8")
    return f"docs/{name} is not what is drawn now: look at .lab/artefacts/{name}, and put it there"


def terminal(command: str, output: str) -> str:
    """A terminal in which COMMAND has printed OUTPUT, what failed in red."""
    shown = Text(f"$ {command}\n{output}")
    shown.highlight_regex(r"(?m)\bfails\b|\b6(?= +0$)", "red")
    console = Console(record=True, width=72, file=StringIO())
    console.print(shown, soft_wrap=True)
    return console.export_svg(title=command, unique_id="lab", code_format=TERMINAL) + "\n"
