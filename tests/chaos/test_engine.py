"""The engine is restarted: both clients go on, or come back, and no call stays without an answer.

It is one of the test's own, which takes a while to start: with --long.
"""

from datetime import UTC, datetime
from functools import partial

import pytest

from tests.support.chaos import CLIENTS, SETTINGS, Tell, Troubled, log, served, tally
from tests.support.chaos_engine import engine
from tests.support.engine import docker, fresh_name
from tests.support.nodes import needed
from tests.support.until import until

NAME = "newest-9"  # tests/e2e/test_engines.py has it at another time


@needed
@pytest.mark.parametrize(
    "options", ["", "--live-restore"], ids=["stops-containers", "leaves-containers"]
)
@pytest.mark.timeout(300)
def test_the_engine_is_restarted(options: str, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(NAME, options) as (host, restart):
        monkeypatch.setenv("DOCKER_HOST", host)
        pair = Troubled(fresh_name(), SETTINGS)
        pair.compose("up", "--detach", "--wait")
        lives = pair.lives()

        restart()
        restarted = datetime.now(UTC).isoformat()

        def answered(service: str) -> bool:
            last = log(pair.container(service))[-1]
            return last["event"] == "call" and bool(last["ok"] and last["time"] > restarted)

        for name in CLIENTS:
            until(partial(answered, name))
        goes_on = pair.lives() == lives
        docker("stop", *map(pair.container, CLIENTS))
        runs = [log(pair.container(name)) for name in CLIENTS]
        outcome = tally(runs)._replace(served=served(log(pair.container("webapp"))))
    tell(f"engine restarted {options}: {outcome}")
    assert outcome.lost == 0
    # An engine that stops them does it by SIGTERM, and starts them again: each says its sum twice.
    sums = [[line for line in run if line["event"] == "summary"] for run in runs]
    assert (goes_on, [len(one) for one in sums]) == ((True, [1, 1]) if options else (False, [2, 2]))
    assert sum(s["answered"] for one in sums for s in one) == outcome.answered
    # Under way when a client or the webapp was stopped.
    assert 0 <= outcome.served - outcome.answered <= len(CLIENTS) * 2
