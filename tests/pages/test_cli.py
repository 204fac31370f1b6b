"""`./lab run|check|clean|record` as a reader uses them, on a page of the test's own."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "import sys; from pathlib import Path; from scripts.pages.__main__ import main;"
    "sys.exit(main(sys.argv[2:], Path(sys.argv[1]), Path(sys.argv[1])))"
)
PAGE = """# 07 A page of the tests

## Start

```console
$ docker run -d --name NAME alpine sleep 300
0f7ba8c2d6e91b34a5c07d8e2f416b93c8d05e7a1f2b3c4d5e6f708192a3b4c5
$ docker network create NAME-net
5a1c9e3b7d2f48066e8b1a4c7f0d2e5b8a1c4f7e0d3b6a9c2f5e8b1d4a7c0f3e
```

<!-- lab: file note.txt -->
```text
remember
```

## Look

It runs. It is alpine.

<!-- lab: check go back to Start -->
```console
$ docker container inspect NAME --format '{{.State.Status}} {{.Config.Image}}'
running alpine
```

```console
$ cat note.txt
remember
$ sleep 0
```

## Clean up

```console
$ docker rm --force NAME
NAME
$ docker network rm NAME-net
NAME-net
$ rm note.txt
```
"""


class Lab:
    """A folder with one page, whose container and network have a name of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"tb-pages-{uuid4().hex[:8]}"
        self.page = folder / "07-a-page.md"
        self.page.write_text(PAGE.replace("NAME", self.name))

    def change(self, old: str, new: str) -> None:
        text = self.page.read_text()
        assert old in text
        self.page.write_text(text.replace(old, new, 1))

    def start(self, *args: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CODE, str(self.folder), *args],
            cwd=ROOT, text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __call__(self, *args: str) -> tuple[int, str]:
        done = self.start(*args)
        out, _ = done.communicate(timeout=60)
        return done.returncode, out

    def there(self) -> list[str]:
        """What the page made and is still there."""
        found = [path.name for path in self.folder.iterdir() if path != self.page]
        for kind, what in (("ps", "--all"), ("network", "ls")):
            out = subprocess.check_output(
                ["docker", kind, what, "--filter", f"name={self.name}", "--quiet"], text=True
            )
            found += out.split()
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    subprocess.run(["docker", "rm", "--force", lab.name], capture_output=True, check=False)
    subprocess.run(["docker", "network", "rm", f"{lab.name}-net"], capture_output=True, check=False)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_run_plays_the_page_and_leaves_nothing(lab: Lab) -> None:
    code, out = lab("run", "07", "--yes")
    assert code == 0, out
    assert "running alpine" in out
    assert "It runs." in out
    assert "It is alpine" not in out  # the prose in short
    assert lab.there() == []


def test_keep_check_clean(lab: Lab) -> None:
    code, out = lab("run", "07", "--yes", "--keep")
    assert code == 0
    assert "./lab clean 07 removes it" in out
    assert lab("check", "07") == (0, "holds: Look\n")
    subprocess.run(["docker", "stop", "--time", "0", lab.name], check=True, capture_output=True)
    code, out = lab("check", "07")
    assert code == 1
    assert (
        out
        == "does not hold: Look: expected 'running alpine', got 'exited alpine'; go back to Start\n"
    )
    assert len(lab.there()) == 3
    code, out = lab("clean", "07")
    assert code == 0
    assert {line.split()[3] for line in out.splitlines()} == {"container", "network", "file"}
    assert lab.there() == []
    assert lab("clean") == (0, "lab 07: nothing to remove\n")
    assert lab("check", "07")[0] == 1


def test_what_is_there_already_stops_the_page_before_it_runs_anything(lab: Lab) -> None:
    subprocess.run(
        ["docker", "network", "create", f"{lab.name}-net"], check=True, capture_output=True
    )
    code, out = lab("run", "07", "--yes")
    assert code == 3
    assert f"lab: network {lab.name}-net is already there" in out
    assert "./lab clean 07 removes it" in out
    assert len(lab.there()) == 1


def test_a_wrong_output_is_shown_as_a_difference_with_its_place(lab: Lab) -> None:
    lab.change("running alpine", "running debian")
    code, out = lab("run", "07", "--yes")
    assert code == 1
    assert "/07-a-page.md:23: Look" in out
    assert "  -running debian\n  +running alpine\n" in out
    assert "rm note.txt" not in out  # the page was not played on
    assert lab.there() == []


def test_a_wrong_status_is_shown_with_what_the_command_said(lab: Lab) -> None:
    lab.change("cat note.txt\nremember", "cat other.txt\ncat: other.txt: No such file or directory")
    code, out = lab("run", "07", "--yes")
    assert code == 1
    assert "expected exit status 0, got 1" in out
    assert lab.there() == []


def test_a_clean_up_that_is_broken_itself_leaves_nothing(lab: Lab) -> None:
    lab.change(f"docker network rm {lab.name}-net", "false")
    assert lab("run", "07", "--yes")[0] == 1
    assert lab.there() == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_it_cleans_up(lab: Lab, number: signal.Signals, code: int) -> None:
    lab.change("sleep 0", "echo $PPID; sleep 300")
    running = lab.start("run", "07", "--yes")
    wait_for(lambda: len(lab.there()) == 3)
    running.send_signal(number)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == code, out
    assert "Cleaning up" in out
    assert "interrupted" in out
    assert lab.there() == []


@pytest.mark.parametrize("delay", [0, 0.3, 0.6])
def test_interrupted_while_things_are_made_it_leaves_nothing(lab: Lab, delay: float) -> None:
    lab.change("sleep 0", "sleep 300")
    running = lab.start("run", "07", "--yes")
    assert running.stdout is not None
    running.stdout.readline()  # from here on it answers a signal
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    time.sleep(1)  # a docker run that was cut off makes its container a moment later
    assert running.returncode == 130
    assert lab.there() == []


def test_in_a_terminal_it_asks_and_q_stops(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    try:
        running = lab.start("run", "07", stdin=theirs)
        os.write(ours, b"\n")  # runs the first command
        wait_for(lambda: len(lab.there()) == 1)
        os.write(ours, b"q\n")
        out, _ = running.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Enter: run it" in out
    assert running.returncode == 0
    assert lab.there() == []


def test_record_writes_what_changed_and_no_more(lab: Lab) -> None:
    before = lab.page.read_text()
    assert lab("record", "07")[0] == 0
    assert lab.page.read_text() == before
    lab.change("running alpine", "paused alpine")
    assert lab("record", "07")[0] == 0
    assert lab.page.read_text() == before
    assert lab.there() == []


def test_record_writes_nothing_where_a_status_is_wrong(lab: Lab) -> None:
    lab.change("remember\n$ sleep 0", "forget\n$ false")
    before = lab.page.read_text()
    code, out = lab("record", "07")
    assert code == 1
    assert "nothing is written" in out
    assert lab.page.read_text() == before
    assert lab.there() == []


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["run", "08", "--yes"], 2, "there is no page '08': expected one of 07"),
        (["clean", "x"], 2, "there is no page 'x': expected one of 07"),
        (["run", "07"], 2, "no terminal to ask in: expected --yes"),
        (["run"], 2, "NN"),
        (["fly", "07"], 2, "invalid choice: 'fly'"),
    ],
)
def test_bad_arguments(lab: Lab, args: list[str], code: int, message: str) -> None:
    got, out = lab(*args)
    assert got == code
    assert message in out


def test_a_page_that_cannot_be_read_is_named_with_the_line(lab: Lab) -> None:
    lab.change("```console\n$ docker run", "```console\noutput\n$ docker run")
    code, out = lab("check", "07")
    assert code == 1
    assert "07-a-page.md:6: expected a command" in out


def test_without_an_engine_it_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    code, out = lab("run", "07", "--yes")
    assert code == 3
    assert "lab: docker ps: " in out
