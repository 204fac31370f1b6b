"""Requests a second of `/` as a ratio to plain Flask: same gunicorn settings, in turns, with wrk.

Usage: python bench/ratio.py [ROUNDS [SECONDS]]; needs the run-time requirements, and wrk (Debian).
A round loads each server once, so that what else the machine does meets both. With what else runs
in the background both are slower, and the ratio of a round says little: look at the median.
"""

import re
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf")
SERVERS = {"webapp": (18391, ""), "flask": (18392, "bench.ratio:plain()")}


def plain():  # type: ignore[no-untyped-def]
    """Return the Flask of the first page of its manual."""
    from flask import Flask

    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "Hello, World!")
    return app


def rate(port: int, seconds: int) -> float:
    """Return the requests a second that the server on `port` answers."""
    argv = ["wrk", "-t", "2", "-c", "16", "-d", f"{seconds}s", f"http://127.0.0.1:{port}/"]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or not (found := re.search(r"Requests/sec:\s+([\d.]+)", out)):
        raise SystemExit(out)
    return float(found[1])


def main(rounds: int = 5, seconds: int = 5) -> None:
    """Print a line a round, and the median."""
    running, ratios = [], []
    for port, app in SERVERS.values():
        argv = [
            *GUNICORN,
            "--bind",
            f"127.0.0.1:{port}",
            "--log-level",
            "error",
            *filter(None, [app]),
        ]
        running.append(subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL))
    time.sleep(2)
    try:
        for _ in range(rounds):
            rates = {name: rate(port, seconds) for name, (port, _) in SERVERS.items()}
            ratios.append(rates["webapp"] / rates["flask"])
            print(*(f"{name} {value:.0f}/s" for name, value in rates.items()), f"{ratios[-1]:.2f}")
        print(f"median {statistics.median(ratios):.2f}")
    finally:
        for server in running:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
