"""Makes the lab pages tests, and what needs an engine a matter of asking: see tests/support."""

import pytest

from tests.support.pages import Pages


def pytest_configure(config: pytest.Config) -> None:
    """Register the pages' plugin: a conftest's own hooks reach the files beside it alone."""
    config.pluginmanager.register(Pages(), "lab-pages")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take --long, --thorough and --write-verified."""
    parser.addoption(
        "--long", action="store_true", help="type all of pages 00 to 05, play a project reworded"
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="break pages off at every step, play all reworded, try the dev container",
    )
    parser.addoption(
        "--write-verified", action="store_true", help="write the run into labs/README.md's table"
    )
