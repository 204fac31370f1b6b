"""A fork without the labs, renamed: its whole test command, and the commands of its docs/extend.md.

Only with --long, as both take minutes. What is quick of it stands in tests/unit/test_rename.py.
"""

from collections.abc import Iterator

import pytest

from labkit.pages.parse import load
from labkit.pages.play import Run
from tests.support.engine import docker
from tests.support.fork import Fork

NAME = "corner-shop"


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    fork = Fork(tmp_path_factory.mktemp("lean") / "fork")
    done = fork.rename(NAME, "--without-labs")
    assert done.returncode == 0, done.stderr
    fork.commit()
    yield fork
    docker("image", "rm", f"{NAME}-webapp", f"{NAME}-client", check=False)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_its_whole_test_command_is_green(fork: Fork) -> None:
    done = fork.run("env", "CI=true", "./lab", "test", limit=1700)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    print(done.stdout)
    assert fork.git("status", "--porcelain") == ""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_its_guide_holds(fork: Fork) -> None:
    """Played by us: the lean one has no player."""
    run = Run(load(fork.folder / "docs" / "extend.md"), fork.folder)
    run.start()
    try:
        for part in run.page.actions:
            run.act(part)
    finally:
        left = run.finish(interrupted=True)
    assert left == []
