"""A fork of this checkout, as it stands, in a git repository of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.engine import ROOT, Done

AWAY = shutil.ignore_patterns(".git", ".lab", ".*_cache", "__pycache__")


class Fork:
    """A copy of the repository in FOLDER, committed, whose `./lab rename` is at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=AWAY)
        self.git("init", "--quiet")
        self.commit()

    def run(self, *words: str, limit: float = 110) -> Done:
        pipe = subprocess.PIPE
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # ruff is there
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            text=True,
            stdout=pipe,
            stderr=pipe,
        ) as process:
            try:
                said = process.communicate(timeout=limit)
            except BaseException:
                process.terminate()  # `./lab` then removes what its tests have made
                process.communicate()
                raise
        return Done(words, process.returncode, *said)

    def git(self, *words: str) -> str:
        done = self.run("git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "as it is")

    def rename(self, *words: str) -> Done:
        return self.run("./lab", "rename", *words)
