"""The page in Debian's Chromium, over a real engine. `./lab test browser` installs the browser."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import Look
from tests.support.engine import Pair, fresh_name
from tests.support.start import start as start

# A terminated run must clean up as an interrupted one does.
signal.signal(signal.SIGTERM, signal.default_int_handler)
# Nothing of its own goes out: whatever leaves the page would be the page's.
FLAGS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-sync", *FLAGS]
        )


@pytest.fixture
def look(chromium: Browser) -> Iterator[Callable[..., Look]]:
    """Opens pages, and holds at the end that they kept to themselves."""
    made: list[Look] = []

    def look(url: str, width: int = 1440, **options: Any) -> Look:
        made.append(Look(chromium, url, width, **options))
        return made[-1]

    yield look
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def make_pair() -> Iterator[Callable[..., Pair]]:
    """Pairs of services, as `docker compose up` starts them with these words and variables."""
    made: list[Pair] = []

    def make(*words: str, **env: str) -> Pair:
        made.append(Pair(fresh_name(), {"CLIENT_FORMAT": "json", **env}))
        made[-1].compose("up", "--detach", "--wait", *words)
        return made[-1]

    yield make
    for pair in made:
        pair.compose("down", "--remove-orphans", "--timeout", "0")
