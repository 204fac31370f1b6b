"""Three replicas, recreated one after the other while they are called: no call is lost."""

from collections.abc import Iterator

import pytest

from tests.support.chaos import SETTINGS, Following, Tell, log, served, tally
from tests.support.engine import LABEL, Pair, docker, fresh_name
from tests.support.until import until

CALLERS = 4


@pytest.fixture
def replicas() -> Iterator[Pair]:
    """Three of compose.yaml's webapp, without its client."""
    pair = Pair(fresh_name(), SETTINGS)
    try:
        scale(pair)
        yield pair
    finally:
        pair.compose("down", "--timeout", "0")


@pytest.fixture
def callers(replicas: Pair) -> Iterator[dict[str, Following]]:
    """Clients that call about a hundred times a second together, until they are stopped."""
    options = (
        "--count=0",
        "--interval=0.01",
        "--retries=500",
        "--backoff-max=0.2",
        "--format=json",
    )
    argv = ("run", "--detach", *LABEL, "--network", replicas.network, "two-bridges-client")
    made = [docker(*argv, *options).stdout.strip() for _ in range(CALLERS)]
    try:
        yield {one: Following(one) for one in made}
    finally:
        docker("rm", "--force", *made)


def scale(pair: Pair) -> list[str]:
    """Have three replicas healthy, and leave those as they are that there are."""
    up = ("up", "--detach", "--wait", "--no-recreate", "--scale", "webapp=3", "webapp")
    pair.compose(*up)
    return pair.compose("ps", "--quiet", "webapp").stdout.split()


@pytest.mark.timeout(600)  # --long on a busy machine
def test_a_rolling_recreate_under_load_loses_no_call(
    replicas: Pair, callers: dict[str, Following], tell: Tell, pytestconfig: pytest.Config
) -> None:
    wanted = 10_000 if pytestconfig.getoption("--long") else 1_000
    rounds, gone = 0, 0

    def calls() -> int:
        return sum(len(one.lines) for one in callers.values())

    def each_calls() -> None:
        before = {name: len(one.lines) for name, one in callers.items()}
        until(lambda: all(len(one.lines) > before[name] for name, one in callers.items()))

    each_calls()
    while rounds == 0 or calls() < wanted:
        for old in scale(replicas):
            docker("stop", old)
            gone += served(log(old))
            docker("rm", old)
            scale(replicas)
        rounds += 1
    each_calls()
    docker("stop", *callers)
    runs = [one.whole() for one in callers.values()]
    outcome = tally(runs)._replace(served=gone + sum(served(log(one)) for one in scale(replicas)))
    tell(f"three replicas recreated {rounds} times: {outcome}")
    assert outcome.sent - outcome.retried >= wanted
    assert all(call["ok"] for run in runs for call in run[:-1])
    assert [run[-1]["answered"] for run in runs] == [len(run) - 1 for run in runs]
    # Under way when a caller was stopped: one of each at most.
    assert 0 <= outcome.served - outcome.answered <= len(callers)
