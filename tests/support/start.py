"""The fixture that starts containers, for every folder of tests on a real engine."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.engine import LABEL, docker


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Starts containers detached and removes them afterwards; returns the container's id."""
    made: list[str] = []

    def start(*words: str) -> str:
        made.append(docker("run", "--detach", *LABEL, *words).stdout.strip())
        return made[-1]

    yield start
    if made:
        docker("rm", "--force", *made)
