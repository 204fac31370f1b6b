"""One trace as text, as data for JSON, and as a drawing."""

import re
from itertools import groupby
from typing import Any

from labkit.draw import Drawing
from labkit.table import fold, table
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


def as_svg(trace: Trace) -> str:
    """The way from top to bottom: beside each interface the request, and the answer.

    What NAT or a router changed is coloured. No times: the same packets give the same drawing.
    """
    plan, seen, answered = trace.plan, trace.sightings, trace.outcome == "answered"
    sheet, y, foot = Drawing(), 62, 0
    sheet.text("title", 10, 26, f"{plan.probe} from {plan.sender} to {plan.target}")
    for answer, x, arrow in ((False, 226, "\u2193"), (True, 526, "\u2191")):
        told = dict.fromkeys(one.what for one in seen if one.answer is answer)
        sheet.text("say", x, 50, f"{arrow} {', '.join(told)}" if told else "")
    shown = sorted({one.hop for one in seen}) if answered else range(len(plan.hops))
    for where, some in groupby(shown, lambda number: plan.hops[number].where):
        numbers = list(some)
        sheet.box("bar" if where == "host" else "box", 10, y, 200, 30 + 44 * len(numbers))
        sheet.text("name", 20, y + 20, where)
        y += 30
        for number in numbers:
            interface, mine = plan.hops[number].interface, [s for s in seen if s.hop == number]
            if foot:
                sheet.cable(170, foot, y, "cable" if mine else "cable cut")
            sheet.box("pill" if mine else "pill bare", 20, y, 180, 30)
            sheet.text("" if mine else "dim", 30, y + 20, interface)
            if interface in plan.bridges:
                sheet.text("say end", 192, y + 20, "bridge")
            for one in mine:
                x, new = 526 if one.answer else 226, " new" if one.changes else ""
                sheet.text(f"ends{new}", x, y + 12, f"{one.source} \u2192 {one.destination}")
                changes = ", ".join(map(brief, one.changes)) or f"TTL {one.ttl}"
                sheet.text(f"say{new}", x, y + 28, changes)
            if not mine:
                sheet.text("say bad", 226, y + 20, "\u2717 not seen")
            y, foot = y + 44, y + 30
        y += 20
    last = [s.destination for s in seen if s.hop == shown[-1] and not s.answer]
    if last and plan.hops[shown[-1]].where == "host" and not plan.inner:
        sheet.cable(170, foot, y, "cable")
        sheet.box("box bare", 10, y, 200, 30)
        sheet.text("", 20, y + 20, last[0])
        y += 50
    ending = verdict(trace)[:1]
    if any(rule.target in DROPS for rule in trace.rules) and not answered:
        ending.append("a firewall rule of the host dropped it")
    kind, sign = ("say ok", "\u2713") if answered else ("say bad", "\u2717")
    for line in ending:
        sheet.text(kind, 10, y + 4, f"{sign} {line}")
        y += 20
    return sheet.svg(
        830, y, "; ".join([f"{plan.probe} from {plan.sender} to {plan.target}", *ending])
    )


def brief(change: str) -> str:
    """A CHANGE without the addresses, which stand above it."""
    return re.sub(r"(source|destination) \S+ -> \S+", r"new \1", change).replace("->", "\u2192")
