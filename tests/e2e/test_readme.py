"""The client's lines in README.md against what it prints now; test_compare holds the table."""

import pytest

from tests.support.engine import LABEL, Pair, docker
from tests.support.readme import HELD, steady

PREFIX = "client-1  | "  # Compose's own


@pytest.mark.parametrize(("network", "shown"), [("", 0), ("bridge", 1)], ids=["own", "default"])
def test_the_clients_line(pair: Pair, network: str, shown: int) -> None:
    network = network or pair.network
    words = ("--network", network, "two-bridges-client", "http://webapp:8000/")
    done = docker("run", "--rm", *LABEL, *words, check=False)
    assert steady(PREFIX + done.stdout.splitlines()[0]) == steady(HELD[shown])
