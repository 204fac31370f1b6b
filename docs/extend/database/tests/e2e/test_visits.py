import json
from collections.abc import Iterator

import pytest

from tests.support.engine import Pair
from tests.support.until import until

STATUS = "import requests; print(requests.get('http://webapp:8000{}').status_code)"
VISIT = "import requests; print(requests.post('http://webapp:8000/visits').text)"


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair("extended-test", {})
    try:
        pair.compose("up", "--detach", "--wait")
        pair.compose("run", "--rm", "webapp", "python", "-m", "webapp.migrate")
        yield pair
    finally:
        pair.compose("down", "--volumes", "--timeout", "0")


def status(pair: Pair, path: str) -> int:
    return int(pair.python("client", "-c", STATUS.format(path)))


def visit(pair: Pair) -> int:
    return int(json.loads(pair.python("client", "-c", VISIT))["visits"])


def test_ready_follows_the_database_and_no_visit_is_lost(pair: Pair) -> None:
    assert (status(pair, "/readyz"), visit(pair), visit(pair)) == (200, 1, 2)
    pair.compose("rm", "--force", "--stop", "database")
    assert (status(pair, "/readyz"), status(pair, "/healthz")) == (503, 200)
    pair.compose("up", "--detach", "--wait")
    until(lambda: status(pair, "/readyz") == 200)
    assert visit(pair) == 3
