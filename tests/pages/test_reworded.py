"""`./lab run NN --yes` on an engine with other words: each is played to its end.

A page and a fault; with --long one with a project, with --thorough all of 00 to 08 and the faults.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.pages.parse import Page, find, load
from tests.support.machine import ROOT, snapshot
from tests.support.pages import LABS, changes

# Of what newer versions add, this is the commonest: a line on standard error.
DOCKER = """#!/bin/sh
case "$1" in run | compose) echo 'WARNING: what the page does not know' >&2 ;; esac
exec {} "$@"
"""
SOME = ("02", "08-03")
PROJECT = ("05",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = [load(path) for number, path in find(LABS).items() if number < "09"]
    if not metafunc.config.getoption("--thorough"):
        some = SOME + PROJECT * metafunc.config.getoption("--long")
        every = [page for page in every if page.number in some]
    # The scheduler goes by the page's number.
    metafunc.parametrize("page", every, ids=[f"{page.number} reworded" for page in every])


@pytest.mark.timeout(600)
def test_a_page_goes_on_where_the_engine_has_other_words(page: Page, tmp_path: Path) -> None:
    before = snapshot()
    shim = tmp_path / "docker"
    shim.write_text(DOCKER.format(shutil.which("docker")))
    shim.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "labkit", "run", page.number, "--yes"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    commands = sum(len(block.commands) for block in page.blocks)
    last = done.stdout.splitlines()[-1]
    assert f" of {commands} outputs differ from the page's." in last, done.stdout
    assert "\n+WARNING: what the page does not know\n" in done.stdout
    assert changes(page, before) == []
