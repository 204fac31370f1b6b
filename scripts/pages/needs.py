"""What a page needs beside the engine, and whether that is in reach."""

import functools
import os
import subprocess
from pathlib import Path

NODES = str(Path(__file__).parents[1] / "nodes.sh")

# A command that succeeds where the need is met, and what to say where it is not.
PROBES = {
    "kubectl": (
        ("kubectl", "auth", "can-i", "create", "namespaces", "--request-timeout=5s"),
        "kubectl reaches no cluster in which it may make a namespace",
    ),
    "nodes": (
        (NODES, "able"),
        "this is no machine for three engines: Linux, root, dockerd, ip and iptables",
    ),
}


@functools.cache
def missing(need: str | None) -> str | None:
    """Why NEED is not met; None where it is, and where there is none."""
    # In CI nothing that a machine can have is left out: the page fails there, and says why.
    if need is None or (need == "nodes" and os.environ.get("CI") == "true"):
        return None
    probe, reason = PROBES[need]
    try:
        done = subprocess.run(probe, capture_output=True, timeout=20, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return reason
    return None if done.returncode == 0 else reason
