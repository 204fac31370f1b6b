"""`./lab bench` on a real engine, one round of its cheapest row: nothing of it is left."""

import signal
import subprocess
import sys

from bench.engine import LABEL
from tests.support.engine import ROOT, cut_off, docker

ROW = [sys.executable, "-m", "bench", "e", "--rounds", "1"]


def left() -> list[str]:
    """What is on the engine under the label of the bench."""
    kinds = (("container", "--all"), ("network", "--no-trunc"), ("image", "--all"))
    return [
        found
        for kind, every in kinds
        for found in docker(
            kind, "ls", every, "--quiet", "--filter", f"label={LABEL}"
        ).stdout.split()
    ]


def test_a_row_is_measured_and_nothing_is_left() -> None:
    done = subprocess.run(ROW, cwd=ROOT, text=True, capture_output=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert "e    `docker compose up --wait` ÷ two bare containers" in done.stdout
    assert done.stderr.startswith("- building the pair's images\n- e: ")
    assert left() == []


def test_an_interrupted_one_leaves_nothing() -> None:
    assert cut_off(ROW, lambda: any(left()), signal.SIGTERM) == 143
    assert left() == []
