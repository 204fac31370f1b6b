"""`./lab run|check|clean|record|break|fix` as a reader uses them, on pages of the tests' own."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from tests.support.machine import ROOT

CODE = (
    "import sys; from pathlib import Path; from labkit import __main__; "
    "from labkit.pages import words; "
    "words.ROOT = Path(sys.argv[1]); sys.exit(__main__.main(sys.argv[2:]))"
)
NO_ENGINE = "#!/bin/sh\n"  # a docker that has nothing and says nothing


class Lab:
    """A folder with one page in labs/; NAME in it is a name that nobody else has."""

    def __init__(self, folder: Path, page: str, name: str = "07-a-page.md") -> None:
        self.folder, self.name = folder, f"tb-pages-{uuid4().hex[:8]}"
        self.page = folder / "labs" / name
        self.page.parent.mkdir(parents=True)
        self.page.write_text(page.replace("NAME", self.name))
        self.env = dict(os.environ)

    def command(self, name: str, text: str) -> None:
        """Put a command of ours before the machine's."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        self.env["PATH"] = f"{path.parent}:{os.environ['PATH']}"

    def change(self, old: str, new: str) -> None:
        text = self.page.read_text()
        assert old in text
        self.page.write_text(text.replace(old, new, 1))

    def start(self, *args: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CODE, str(self.folder), *args],
            cwd=ROOT, env=self.env, text=True, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __call__(self, *args: str) -> tuple[int, str]:
        done = self.start(*args)
        out, _ = done.communicate(timeout=100)
        return done.returncode, out

    def files(self) -> list[str]:
        """What the page has made in the folder and is still there."""
        ours = {"labs", "bin"}
        return sorted(path.name for path in self.folder.iterdir() if path.name not in ours)

    def on_engine(self) -> list[str]:
        """The ids of what the page has made on the engine and is still there."""
        found = []
        for kind, what in (("ps", "--all"), ("network", "ls")):
            words = ["docker", kind, what, "--filter", f"name={self.name}", "--quiet"]
            found += subprocess.check_output(words, text=True).split()
        return found

    def remove(self) -> None:
        """Leave nothing on the engine, whatever a test has seen."""
        for argv in (["rm", "--force", self.name], ["network", "rm", f"{self.name}-net"]):
            subprocess.run(["docker", *argv], capture_output=True, check=False)
