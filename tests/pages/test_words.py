"""Every word once on a real engine, and the one runner broken off by each signal at each moment."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.pages.things import Thing, inventory
from tests.support.lab import Lab

MAKES = "<!-- lab: makes network NAME-net, container NAME -->"
# Off docker0, where pages may be counting addresses at this moment.
START = """```console
$ docker network create NAME-net
5a1c9e3b7d2f48066e8b1a4c7f0d2e5b8a1c4f7e0d3b6a9c2f5e8b1d4a7c0f3e
$ docker run -d --name NAME --network NAME-net alpine sleep 300
0f7ba8c2d6e91b34a5c07d8e2f416b93c8d05e7a1f2b3c4d5e6f708192a3b4c5
```
"""
CLEAN_UP = """
## Clean up

```console
$ docker rm --force NAME
NAME
$ docker network rm NAME-net
NAME-net
```
"""
PAGE = f"""# 07 A page of the tests

{MAKES}

## Start

{START}
## Look

<!-- lab: check go back to Start -->
```console
$ docker container inspect NAME --format '{{{{.State.Status}}}} {{{{.Config.Image}}}}'
running alpine
```

```console
$ echo waits; sleep 0
waits
```
{CLEAN_UP}"""
FAULT = f"""# Fault 1: it is gone

{MAKES}

> It was there.

## Break it

{START}
## Symptom

<!-- lab: exit 1 -->
```console
$ docker exec NAME cat /it
cat: can't open '/it': No such file or directory
```

## Solution

```console
$ docker exec NAME touch /it
```

## Check

<!-- lab: check is it there? -->
```console
$ docker exec NAME ls /it 2>&1
/it
```
{CLEAN_UP}"""


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Lab]]:
    """Folders with a page; at the end nothing of any may be there, however late it came."""
    made: list[Lab] = []

    def make(page: str, name: str = "07-a-page.md") -> Lab:
        made.append(Lab(tmp_path_factory.mktemp("lab"), page, name))
        return made[-1]

    yield make
    late = [found for lab in made for found in lab.on_engine()]
    for lab in made:
        lab.remove()
    assert late == []


def test_run_check_clean_record(make: Callable[..., Lab]) -> None:
    lab = make(PAGE)
    before = lab.page.read_text()
    code, out = lab("run", "07", "--yes", "--keep")
    assert (code, "running alpine" in out) == (0, True), out
    assert lab("check", "07") == (
        0,
        "holds: Look\nlab 07: 1 hold, 0 do not, 0 are not done yet\n",
    )
    subprocess.run(["docker", "kill", lab.name], check=True, capture_output=True)
    code, out = lab("check", "07")
    assert code == 1
    assert out == (
        "does not hold: Look: expected 'running alpine', got 'exited alpine'; go back to Start\n"
        "lab 07: 0 hold, 1 do not, 0 are not done yet\n"
    )
    assert len(lab.on_engine()) == 2
    removed = f"lab 07: removed network {lab.name}-net\nlab 07: removed container {lab.name}\n"
    assert lab("clean", "07") == (0, removed)
    lab.change("running alpine", "paused alpine")
    assert lab("record", "07")[0] == 0
    assert (lab.page.read_text(), lab.on_engine()) == (before, [])


def test_break_check_fix_clean(make: Callable[..., Lab]) -> None:
    lab = make(FAULT, "faults/08-01-gone.md")
    code, out = lab("break", "1")
    assert code == 0, out
    assert lab("check", "08-1")[0] == 1
    assert lab("break", "08-1")[0] == 3
    code, out = lab("fix", "1")
    assert code == 0, out
    assert lab("check", "08-1")[0] == 0
    assert len(lab.on_engine()) == 2
    assert lab("clean", "08-1")[0] == 0
    assert lab.on_engine() == []


# What it has just printed when the signal comes.
MOMENTS = {
    "at the start": "07 A page",
    "while a container is made": "$ docker run",
    "while a command waits": "$ echo waits",
    "while it cleans up": "$ docker rm",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_broken_off_it_cleans_up(
    make: Callable[..., Lab], number: signal.Signals, moment: str
) -> None:
    lab = make(PAGE)
    if moment == "while a command waits":
        lab.change("sleep 0", "sleep 300")
    running = lab.start("run", "07", "--yes")
    assert running.stdout
    said = ""
    while MOMENTS[moment] not in said:
        line = running.stdout.readline()
        assert line, said
        said += line
    # Twice, as impatient people do: the second must not break the clean-up off.
    running.send_signal(number)
    os.kill(running.pid, number)
    out, _ = running.communicate(timeout=100)
    assert (running.returncode, lab.on_engine()) == (128 + number, []), said + out
    assert out.endswith("lab: interrupted\n")


@pytest.mark.parametrize(("word", "number"), [("break", signal.SIGTERM), ("fix", signal.SIGINT)])
def test_broken_off_a_fault_is_removed(
    make: Callable[..., Lab], word: str, number: signal.Signals
) -> None:
    lab = make(FAULT, "faults/08-01-gone.md")
    if word == "break":
        lab.change("cat /it\n", "sh -c 'sleep 300; cat /it'\n")
    else:
        assert lab("break", "1")[0] == 0
        lab.change("touch /it", "sleep 300")
    running = lab.start(word, "1")
    assert running.stdout
    while "sleep 300" not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(number)
    running.communicate(timeout=100)
    assert (running.returncode, lab.on_engine()) == (128 + number, [])


def test_a_project_is_there_by_what_compose_started(make: Callable[..., Lab]) -> None:
    name = make(PAGE).name
    argv = ["docker", "create", "--name", name, "--network", "none"]
    argv.append(f"--label=com.docker.compose.project={name}")
    for more, there in ([], False), (["--label=com.docker.compose.container-number=1"], True):
        subprocess.run([*argv, *more, "alpine"], check=True, capture_output=True)
        assert (Thing("project", name) in inventory()) is there
        subprocess.run(["docker", "rm", name], check=True, capture_output=True)


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path, PAGE)
    lab.env["DOCKER_HOST"] = "unix:///nowhere.sock"
    code, out = lab("run", "07", "--yes")
    assert code == 3
    assert out.startswith("lab: docker ")
