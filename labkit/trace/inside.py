"""What runs in the box, a container in the host's network that sees the host's processes.

The plan comes on stdin, and one JSON object goes to stdout: `text`, `data` and `svg`, or the text
alone where no probe could be sent. The captures stay in OUT.
"""

import json
import sys
import time
from pathlib import Path

from labkit.trace.capture import capturing, counters, send
from labkit.trace.sight import Trace, complete, sight
from labkit.trace.tell import as_data, as_svg, as_text
from labkit.trace.way import NoWay, Plan, find_way

OUT = Path("/out")
WAIT = 2.0  # seconds for the answer


def follow(plan: Plan) -> Trace:
    """Send the probe of PLAN, and read what the captures hold of it."""
    find_way(plan)
    OUT.mkdir()
    before = counters(plan)
    with capturing(plan, OUT) as read:
        sender, mark, error = send(plan)
        until = time.monotonic() + WAIT
        while not complete(seen := sight(read(), plan, mark), plan) and not error:
            error = "" if time.monotonic() < until else "timed out"
        sender.close()
    return Trace(plan, seen, error, counters(plan) - before)


if __name__ == "__main__":
    try:
        trace = follow(Plan(**json.load(sys.stdin)))
        told = {"text": as_text(trace), "data": as_data(trace), "svg": as_svg(trace)}
    except NoWay as reason:
        told = {"text": f"not answered: {reason}"}
    json.dump(told, sys.stdout)
