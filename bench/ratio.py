"""Requests a second of `/`, as a ratio to plain Flask: same image, same gunicorn settings.

Usage: python3 bench/ratio.py [IMAGE [ROUNDS]]; needs wrk (a Debian package) and an engine on this
Linux. Each round loads both for a second: what else the machine does meets both, and the median
of the rounds' ratios counts.
"""

import re
import statistics
import subprocess
import sys

PLAIN = """\
import sys, flask, gunicorn.app.wsgiapp
app = flask.Flask("plain")
app.add_url_rule("/", view_func=lambda: "Hello, World!")
sys.modules["plain"] = sys.modules["__main__"]
sys.argv[1:] = ["--config", "python:webapp.gunicorn_conf", "plain:app"]
gunicorn.app.wsgiapp.run()
"""
WAIT = """\
import socket, sys, time
for _ in range(300):
    try:
        sys.exit(socket.create_connection((sys.argv[1], 8000), 1).close())
    except OSError:
        time.sleep(0.1)
sys.exit("it did not listen within 30 s")
"""
LABEL = "two-bridges=bench"
SERVERS = {"webapp": ("-m", "webapp"), "flask": ("-c", PLAIN)}


def docker(*argv: str) -> str:
    """Return what `docker ARGV` prints."""
    return subprocess.run(("docker", *argv), check=True, capture_output=True, text=True).stdout


def rate(address: str, seconds: int = 1) -> float:
    """Return the requests a second that the server at `address` answers."""
    argv = ("wrk", "-t", "1", "-c", "16", "-d", str(seconds), f"http://{address}:8000/")
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or not (found := re.search(r"Requests/sec:\s+([\d.]+)", out)):
        raise SystemExit(out)
    return float(found[1])


def main(image: str = "two-bridges-webapp", rounds: str = "15") -> None:
    """Print both medians, and that of the ratios."""
    run = ("run", "--rm", "--read-only", "--label", LABEL, "--entrypoint", "python")
    try:
        addresses = {}
        for name, argv in SERVERS.items():
            made = docker(*run, "--detach", "--tmpfs", "/tmp", image, *argv).strip()  # noqa: S108
            look = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
            addresses[name] = docker("inspect", "--format", look, made).strip()
            docker(*run, image, "-c", WAIT, addresses[name])
        rates = [{name: rate(at) for name, at in addresses.items()} for _ in range(int(rounds))]
    finally:
        docker("rm", "--force", *docker("ps", "-aq", "--filter", f"label={LABEL}").split())
    for name in SERVERS:
        print(f"{name} {statistics.median(one[name] for one in rates):.0f} requests/s")
    print(f"ratio {statistics.median(one['webapp'] / one['flask'] for one in rates):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
