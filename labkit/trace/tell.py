"""One trace as text, as data for JSON, and as a drawing."""

from html import escape
from typing import Any

from labkit.table import table
from labkit.trace.capture import DROPS
from labkit.trace.sight import Trace


def as_text(trace: Trace) -> str:
    """One line for each sighting, and the verdict."""
    plan, rows = trace.plan, []
    for one in trace.sightings:
        where, ends = str(plan.hops[one.hop]), f"{one.source} -> {one.destination}"
        what = "; ".join([one.what, *one.changes])
        rows.append((f"{one.ms:.3f} ms", where, ends, f"TTL {one.ttl}", what))
    first = f"{plan.probe} from {plan.sender} ({plan.source}) to {plan.target} ({plan.address})"
    return "\n".join([first, *table(rows), verdict(trace)])


def verdict(trace: Trace) -> str:
    """What became of the probe, in one line."""
    seen = trace.sightings
    if not seen:
        return f"not answered: no packet left {trace.plan.sender} ({trace.error})"
    if trace.outcome == "answered":
        on = len({one.hop for one in seen})
        return f"answered: seen {len(seen)} times on {on} interface{'s' if on > 1 else ''}"
    dropped = [f"; dropped by {r.table} {r.rule}" for r in trace.rules if r.target in DROPS]
    which = "answer" if seen[-1].answer else "request"
    last = trace.plan.hops[seen[-1].hop]
    return f"not answered: {which} last seen on {last}{next(iter(dropped), '')}"


def as_data(trace: Trace) -> dict[str, Any]:
    """The same for JSON, with the MAC addresses and all rules that counted."""
    plan = trace.plan
    hops = [{"where": hop.where, "interface": hop.interface} for hop in plan.hops]
    packets = []
    for one in trace.sightings:
        seen = {key: value for key, value in vars(one).items() if key not in ("ms", "hop", "leg")}
        packets.append({"ms": round(one.ms, 3), **hops[one.hop], **seen})
    return {
        "from": {"name": plan.sender, "address": plan.source},
        "to": {"name": plan.target, "address": plan.address},
        "probe": {"kind": plan.kind, "port": plan.port, "name": plan.name},
        "outcome": trace.outcome,
        "hops": hops,
        "packets": packets,
        "rules": [{**rule._asdict(), "packets": packets} for rule, packets in trace.rules.items()],
    }


STYLE = """
    text { font: 12px ui-monospace, monospace; fill: #24292f; }
    .name { font: 600 13px system-ui, sans-serif; }
    .dim { fill: #57606a; } .new { fill: #9a6700; font-weight: 600; }
    .wire { stroke: #8c959f; stroke-width: 2; } .cut { stroke: #cf222e; stroke-dasharray: 3 4; }
    .box { fill: #ddf4ff; stroke: #0969da; } .host { fill: #eaeef2; stroke: #8c959f; }
    .ok { fill: #1a7f37; } .bad { fill: #cf222e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .dim { fill: #9198a1; } .new { fill: #d29922; }
      .box { fill: #0c2d6b; } .host { fill: #212830; }
      .ok { fill: #3fb950; } .bad { fill: #ff7b72; }
    }
"""


def words(kind: str, x: int, y: int, text: str) -> str:
    """One line of text in the drawing."""
    mark = f' class="{kind}"' if kind else ""
    return f'  <text{mark} x="{x}" y="{y}">{escape(text)}</text>'


def as_svg(trace: Trace) -> str:
    """The way from top to bottom: the request beside each hop on the left, the answer on the right.

    What NAT or a router changed is coloured. No times: the same packets give the same drawing.
    """
    plan, seen, answered = trace.plan, trace.sightings, trace.outcome == "answered"
    hops = sorted({one.hop for one in seen}) if answered else range(len(plan.hops))
    title = f"{plan.probe} from {plan.sender} to {plan.target}"
    ending = verdict(trace).split("; ")
    height = 70 * len(hops) + 50 + 20 * len(ending)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" role="img"'
        ' aria-labelledby="t d">',
        f'  <title id="t">{escape(title)}</title>',
        f'  <desc id="d">{escape(verdict(trace))}</desc>',
        f"  <style>{STYLE}  </style>",
        words("name", 10, 24, title),
    ]
    for y, hop in enumerate(hops):
        y = 40 + 70 * y
        mine = [one for one in seen if one.hop == hop]
        if y > 40:
            cut = "" if mine else " cut"
            out.append(f'  <path class="wire{cut}" d="M110 {y - 24}V{y}"/>')
        kind = "host" if plan.hops[hop].where == "host" else "box"
        out.append(f'  <rect class="{kind}" x="10" y="{y}" width="200" height="46" rx="6"/>')
        out.append(words("name", 20, y + 19, plan.hops[hop].where))
        out.append(words("", 20, y + 37, plan.hops[hop].interface))
        for one in mine:
            x, arrow = (570, "\u2191") if one.answer else (230, "\u2193")
            ends = f"{arrow} {one.source} \u2192 {one.destination}"
            out.append(words("new" if one.changes else "", x, y + 19, ends))
            out.append(words("dim", x, y + 37, f"{one.what}, TTL {one.ttl}"))
        if not mine:
            out.append(words("bad", 230, y + 28, "not seen"))
    for row, line in enumerate(ending):
        out.append(words("ok" if answered else "bad", 10, 70 * len(hops) + 56 + 20 * row, line))
    return "\n".join([*out, "</svg>", ""])
