"""A fork without the labs, renamed: its own test command on the engine that is there.

By default its quick parts, in a few minutes less; with --thorough all that `./lab test` runs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import docker
from tests.support.fork import Fork

NAME = "corner-shop"


@pytest.fixture
def fork(tmp_path: Path) -> Iterator[Fork]:
    fork = Fork(tmp_path / "fork")
    done = fork.rename(NAME, "--without-labs")
    assert done.returncode == 0, done.stderr
    fork.commit()
    yield fork
    docker("image", "rm", f"{NAME}-webapp", f"{NAME}-client", check=False)


@pytest.mark.timeout(1800)
def test_its_whole_test_command_is_green(fork: Fork, pytestconfig: pytest.Config) -> None:
    thorough = pytestconfig.getoption("--thorough")
    for words in [()] if thorough else [("lint",), ("unit",)]:
        done = fork.run("env", "CI=true", "./lab", "test", *words, limit=1700)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert fork.git("status", "--porcelain") == ""
