"""Lab 08: its faults have one form, and `./lab break|check|fix|clean` play one from end to end.

That each fault is real, its check and its solution are right and the doctor knows its cause is
tested as its page is run (collect.py).
"""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.pages import faults
from scripts.pages.parse import Page, find, load
from tests.labs.collect import LABS
from tests.labs.test_cli import Lab, wait_for

FAULTS = [load(path) for number, path in find(LABS).items() if faults.is_fault(number)]
SECTIONS = ["Break it", "Symptom", "Hints", "Solution", "Check", "Clean up"]
FAULT = """# Fault 1: it is gone

> It was there
> yesterday.

## Break it

```console
$ docker run -d --name NAME alpine sleep 300
0f7ba8c2d6e91b34a5c07d8e2f416b93c8d05e7a1f2b3c4d5e6f708192a3b4c5
$ docker network create NAME-net
5a1c9e3b7d2f48066e8b1a4c7f0d2e5b8a1c4f7e0d3b6a9c2f5e8b1d4a7c0f3e
```

## Symptom

<!-- lab: exit 1 -->
```console
$ docker exec NAME cat /it
cat: can't open '/it': No such file or directory
```

## Solution

```console
$ docker exec NAME touch /it
$ docker exec NAME sleep 0.1
```

## Check

<!-- lab: check is it there? -->
```console
$ docker exec NAME ls /it 2>&1
/it
```

## Clean up

```console
$ docker rm --force NAME
NAME
$ docker network rm NAME-net
NAME-net
```
"""


@pytest.mark.parametrize("page", FAULTS, ids=lambda page: page.number)
def test_a_fault_has_every_section_once_and_folds_what_gives_it_away(page: Page) -> None:
    text = page.path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    assert faults.said(page).endswith((".", "?", '"')), "nobody says it"
    for heading in SECTIONS:
        assert faults.section(page, heading), f"{heading} runs nothing"
    hints = text.partition("## Hints")[2].partition("## Solution")[0]
    assert re.findall(r"<summary>(.+)</summary>", hints)[-3:] == [
        "Hint 1",
        "Hint 2",
        "What the doctor says",
    ]
    for heading in ("Break it", "Hints", "Solution"):
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        folded = re.sub(r"<details>.*?</details>", "", section, flags=re.S)
        assert folded.strip() == "", f"{heading} is not folded"


def test_the_table_of_the_lab_is_its_files() -> None:
    text = (LABS / "08-break-it-and-fix-it.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \| \[Fault (\d+)\]\((.+)\) \|$", text, re.M)
    assert rows == [
        (n, title[0].upper() + title[1:], n, f"faults/{page.path.name}")
        for page in FAULTS
        for n, title in [re.fullmatch(r"Fault (\d+): (.+)", page.title).groups()]  # type: ignore[union-attr]
    ]
    assert [int(row[0]) for row in rows] == [int(page.number[3:]) for page in FAULTS]
    assert len(FAULTS) >= 10


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder with lab 08, one fault, and nothing of it on the engine."""
    lab = Lab(tmp_path)
    lab.page.unlink()
    (tmp_path / "faults").mkdir()
    lab.page = tmp_path / "faults" / "08-01-gone.md"
    lab.page.write_text(FAULT.replace("NAME", lab.name))
    (tmp_path / "08-a-page.md").write_text("# 08 A page\n\n```console\n$ ./lab break 1\n```\n")
    yield lab
    lab("clean", "08")


def there(lab: Lab) -> int:
    """How many of the fault's two things are there."""
    return len(lab.there()) - 2  # the folder's own files


def test_break_check_fix_check_clean(lab: Lab) -> None:
    code, out = lab("break", "1")
    assert code == 0, out
    assert "It was there yesterday." in out
    assert f"  $ docker exec {lab.name} cat /it\ncat: can't open" in out
    assert "docker run" not in out, "what gives it away is shown"
    code, out = lab("check", "08-1")
    assert (code, out.splitlines()[-1]) == (1, "fault 08-01 is not fixed")
    assert "got 1: ls: /it: No such file or directory; is it there?" in out
    code, out = lab("fix", "1")
    assert code == 0, out
    assert lab("check", "08-01") == (0, "holds: Check\nfault 08-01 is fixed\n")
    assert there(lab) == 2
    code, out = lab("clean", "08-1")
    assert code == 0, out
    assert there(lab) == 0


def test_clean_of_the_lab_removes_its_faults(lab: Lab) -> None:
    assert lab("break", "01")[0] == 0
    code, out = lab("clean", "08")
    assert code == 0
    assert f"removed container {lab.name}" in out
    assert there(lab) == 0


def test_twice_it_is_refused_and_what_is_there_stays(lab: Lab) -> None:
    assert lab("break", "1")[0] == 0
    code, out = lab("break", "08-1")
    assert code == 3
    assert "./lab clean 08-01 removes it" in out
    assert there(lab) == 2


@pytest.mark.parametrize("args", [("check", "08-1"), ("fix", "1")])
def test_what_is_not_set_up_is_neither_checked_nor_fixed(lab: Lab, args: tuple[str, str]) -> None:
    code, out = lab(*args)
    assert (code, there(lab)) == (3, 0)
    assert out == "lab: nothing of lab 08-01 is there: expected what ./lab break 08-01 sets up\n"


@pytest.mark.parametrize("delay", [0, 0.3, 0.6, 0.9])
def test_break_interrupted_leaves_nothing(lab: Lab, delay: float) -> None:
    lab.change("cat /it\n", "sh -c 'sleep 300; cat /it'\n")
    running = lab.start("break", "1")
    assert running.stdout is not None
    running.stdout.readline()  # from here on it answers a signal
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 130, out
    time.sleep(1)  # a docker run that was cut off makes its container a moment later
    assert there(lab) == 0


def test_fix_interrupted_leaves_nothing(lab: Lab) -> None:
    lab.change("sleep 0.1", "sleep 300")
    assert lab("break", "1")[0] == 0
    running = lab.start("fix", "1")
    assert running.stdout is not None
    wait_for(lambda: "sleep 300" in running.stdout.readline())  # type: ignore[union-attr]
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 143, out
    assert "Cleaning up" in out
    assert there(lab) == 0


@pytest.mark.parametrize(("was", "now"), [("cat /it", "true"), ("docker network create", "false")])
def test_a_fault_that_does_not_break_is_told_and_leaves_nothing(
    lab: Lab, was: str, now: str
) -> None:
    lab.change(was, now)
    code, out = lab("break", "1")
    assert code == 1
    assert "08-01-gone.md" in out
    assert "expected exit status" in out
    assert there(lab) == 0


@pytest.mark.parametrize("command", ["break", "fix"])
@pytest.mark.parametrize("number", ["99", "0", "x", "08", "07-1"])
def test_a_number_that_is_none_names_those_that_are(lab: Lab, command: str, number: str) -> None:
    code, out = lab(command, number)
    assert (code, out) == (2, f"lab: there is no fault '{number}': expected one of 08-01\n")


@pytest.mark.parametrize("args", [["break"], ["fix"], ["check", "08-2"]])
def test_bad_arguments(lab: Lab, args: list[str]) -> None:
    assert lab(*args)[0] == 2
