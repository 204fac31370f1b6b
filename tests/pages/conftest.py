"""Makes the lab pages tests: `pytest labs tests/labs` runs them."""

import pytest

from tests.labs.collect import Pages


def pytest_configure(config: pytest.Config) -> None:
    # Registered, not written here: a conftest's own hooks reach the files beside it alone.
    config.pluginmanager.register(Pages(), "lab-pages")
