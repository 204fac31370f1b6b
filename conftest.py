"""What `./lab test` takes beside pytest's own options."""

import pytest


# labs:
def pytest_configure(config: pytest.Config) -> None:
    """Register the pages' plugin: a conftest's own hooks reach the files beside it alone."""
    from tests.support.pages import Pages

    config.pluginmanager.register(Pages(), "lab-pages")


# :labs
def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options that run more."""
    parser.addoption(
        "--long", action="store_true", help="run more of what is cut short: examples, pages, words"
    )
    parser.addoption(
        "--thorough", action="store_true", help="run what takes minutes too: the dev container, …"
    )
    # labs:
    parser.addoption(
        "--write-verified", action="store_true", help="write the run into labs/README.md's table"
    )
    # :labs


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is marked as long to --long, which CI gives on the newest engine."""
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip("only with --long"))
