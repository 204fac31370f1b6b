"""What the chaos tests share: a seed, a pair for each file, a line for each fault at the end."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chaos import SETTINGS, Tell, Troubled
from tests.support.engine import fresh_name

# A terminated run must clean up as an interrupted one does.
signal.signal(signal.SIGTERM, signal.default_int_handler)
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the engine's restart to --long."""
    long = config.getoption("--long")
    return True if collection_path.name == "test_engine.py" and not long else None


@pytest.fixture(scope="session")
def seed() -> int:
    """The first sequence's; each further one has the next number."""
    return SEED


@pytest.fixture(scope="module")
def trouble() -> Iterator[Troubled]:
    """A pair as `docker compose up --wait` starts it, with a second client."""
    pair = Troubled(fresh_name(), SETTINGS)
    try:
        pair.up()
        yield pair
    finally:
        pair.down()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Say a line here, where a failure shows it, and at the end of the run."""

    def tell(line: str) -> None:
        print(line)
        request.node.user_properties.append(("chaos", line))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have told, whichever worker ran them."""
    for state in ("passed", "failed"):
        for report in terminalreporter.getreports(state):
            for _, line in report.user_properties:
                terminalreporter.write_line(line)
