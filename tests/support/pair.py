"""What compose.yaml, its neighbours and the code say of the pair, for tests that compare them."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
# By name, with the default that the example shows.
EXAMPLE = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
(USER,) = re.findall(r"^USER (\d+:\d+)$", (ROOT / "Dockerfile").read_text(), re.M)
# The client's health in a cluster, which restarts what is not alive: only 1 means that it hangs.
ALIVE = "python -m client --check; test $? -ne 1"
# Seconds from SIGTERM until gunicorn ends whatever is under way.
(GRACEFUL_TIMEOUT,) = map(
    int,
    re.findall(
        r"^graceful_timeout = (\d+)", (ROOT / "webapp" / "gunicorn_conf.py").read_text(), re.M
    ),
)
