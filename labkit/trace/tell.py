"""One trace as text, as data for JSON, and as a drawing."""

from html import escape
from string import Template
from textwrap import wrap
from typing import Any

from labkit.table import table
from labkit.trace.capture import DROPS
from labkit.trace.sight import Trace


def as_text(trace: Trace) -> str:
    """What is seen, a line for each sighting of it and for each change, and the verdict."""
    plan, rows, what = trace.plan, [], ""
    for one in trace.sightings:
        ends = f"{one.source} -> {one.destination}"
        rows.append((f"{one.ms:.3f} ms", str(plan.hops[one.hop]), ends, f"TTL {one.ttl}"))
    first = f"{plan.probe} from {plan.sender} ({plan.source}) to {plan.target} ({plan.address})"
    lines = fold(first)
    for one, row in zip(trace.sightings, table(rows), strict=True):
        lines += [one.what] if one.what != what else []
        lines += [row, *(f"{'':10}{change}" for change in one.changes)]
        what = one.what
    return "\n".join(lines + [part for line in verdict(trace) for part in fold(line)])


def fold(line: str) -> list[str]:
    """LINE in 80 columns, at its blanks."""
    return wrap(line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def verdict(trace: Trace) -> list[str]:
    """What became of the probe and, where a rule dropped it, which."""
    seen = trace.sightings
    if not seen:
        return [f"not answered: no packet left {trace.plan.sender} ({trace.error})"]
    if trace.outcome == "answered":
        on = len({one.hop for one in seen})
        return [f"answered: seen {len(seen)} times on {on} interface{'s' if on > 1 else ''}"]
    dropped = [f"dropped by {r.table} {r.rule}" for r in trace.rules if r.target in DROPS]
    which = "answer" if seen[-1].answer else "request"
    last = trace.plan.hops[seen[-1].hop]
    return [f"not answered: {which} last seen on {last}", *dropped[:1]]


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


DRAWING = Template("""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 $height" role="img" aria-labelledby="t d">
  <title id="t">$title</title>
  <desc id="d">$ending</desc>
  <style>
    text { font: 12px ui-monospace, monospace; fill: #24292f; }
    .name { font: 600 13px system-ui, sans-serif; }
    .dim { opacity: 0.75; } .new { fill: #9a6700; font-weight: 600; }
    .ok { fill: #1a7f37; } .bad { fill: #cf222e; }
    .wire { stroke: #8c959f; stroke-width: 2; } .cut { stroke: #cf222e; stroke-dasharray: 3 4; }
    .box { fill: #0969da22; stroke: #0969da; } .host { fill: #8c959f22; stroke: #8c959f; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .new { fill: #d29922; } .ok { fill: #3fb950; } .bad { fill: #ff7b72; }
    }
  </style>
  $body
</svg>
""")


def as_svg(trace: Trace) -> str:
    """The way from top to bottom: the request beside each hop on the left, the answer on the right.

    What NAT or a router changed is coloured. No times: the same packets give the same drawing.
    """
    plan, seen, answered = trace.plan, trace.sightings, trace.outcome == "answered"
    hops = sorted({one.hop for one in seen}) if answered else range(len(plan.hops))
    title, ending = f"{plan.probe} from {plan.sender} to {plan.target}", verdict(trace)
    body, texts = [], [("name", 10, 24, title)]
    y = 40
    for hop in hops:
        mine = [one for one in seen if one.hop == hop]
        where, interface, _ = plan.hops[hop]
        if y > 40:
            body.append(f'<path class="wire{"" if mine else " cut"}" d="M110 {y - 24}v24"/>')
        kind = "host" if where == "host" else "box"
        body.append(f'<rect class="{kind}" x="10" y="{y}" width="200" height="46" rx="6"/>')
        texts += [("name", 20, y + 19, where), ("", 20, y + 37, interface)]
        for one in mine:
            x, arrow = (570, "\u2191") if one.answer else (230, "\u2193")
            ends = f"{arrow} {one.source} \u2192 {one.destination}"
            texts.append(("new" if one.changes else "", x, y + 19, ends))
            texts.append(("dim", x, y + 37, f"{one.what}, TTL {one.ttl}"))
        if not mine:
            texts.append(("bad", 230, y + 28, "not seen"))
        y += 70
    for line in ending:
        texts.append(("ok" if answered else "bad", 10, y + 16, line))
        y += 20
    for kind, x, row, text in texts:
        body.append(f'<text class="{kind}" x="{x}" y="{row}">{escape(text)}</text>')
    told = {"title": escape(title), "ending": escape("; ".join(ending)), "body": "\n  ".join(body)}
    return DRAWING.substitute(told, height=y + 10)
