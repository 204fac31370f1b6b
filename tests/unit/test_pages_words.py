"""The words on a page that makes files only; `docker` is a command that has nothing."""

import os
import pty
from pathlib import Path

import pytest

from labkit.pages.parse import load
from tests.support.lab import NO_ENGINE, Lab
from tests.support.until import until

PAGE = """# 07 A page of the tests

<!-- lab: makes file made note.txt -->

## Start

```console
$ mkdir made
$ echo 0f7ba8c2d6e9
0f7ba8c2d6e9
```

<!-- lab: file note.txt -->
```text
remember
```

## Look

It runs. It is here.

<!-- lab: check go back to Start -->
```console
$ ls -d made
made
```

```console
$ cat note.txt
remember
$ sleep 0
```

## Clean up

```console
$ rmdir made
$ rm note.txt
```
"""
FAULT = """# Fault 1: it is gone

<!-- lab: makes file made -->

> It was there
> yesterday.

## Break it

```console
$ mkdir made
```

## Symptom

<!-- lab: exit 1 -->
```console
$ cat made/it
cat: made/it: No such file or directory
```

## Solution

```console
$ touch made/it
```

## Check

<!-- lab: check is it there? -->
```console
$ cd made && ls it && cd ..
it
```

## Clean up

```console
$ rm -r made
```
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path, PAGE)
    lab.command("docker", NO_ENGINE)
    return lab


@pytest.fixture
def fault(tmp_path: Path) -> Lab:
    """A folder with lab 08 and one fault."""
    lab = Lab(tmp_path, FAULT, "faults/08-01-gone.md")
    lab.command("docker", NO_ENGINE)
    (tmp_path / "labs" / "08-a-page.md").write_text("# 08 A page\n\n```console\n$ true\n```\n")
    return lab


OTHER_WORDS = ("$ ls -d made\nmade", "$ ls -d made\nmake")


def test_run_plays_the_page_and_leaves_nothing(lab: Lab) -> None:
    code, out = lab("run", "07", "--yes")
    assert code == 0, out
    assert "$ ls -d made\nmade\n" in out
    assert "It runs. It is here." in out
    assert lab.files() == []


def test_keep_check_clean(lab: Lab) -> None:
    code, out = lab("run", "07", "--yes", "--keep")
    assert (code, out.splitlines()[-1][-29:]) == (0, "e: ./lab clean 07 removes it.")
    held = (0, "holds: Look\nlab 07: 1 hold, 0 do not, 0 are not done yet\n")
    assert lab("check", "07") == held
    assert lab("check", "7") == held
    assert lab("clean", "07") == (0, "lab 07: removed file made\nlab 07: removed file note.txt\n")
    assert lab.files() == []
    assert lab("clean") == (0, "nothing to remove\n")


def test_check_tells_what_was_not_done_from_what_does_not_hold_each_step_once(lab: Lab) -> None:
    lab.change(
        "```console\n$ cat note.txt", "<!-- lab: check again -->\n```console\n$ cat note.txt"
    )
    lab.change(
        "## Clean up",
        """## Later

<!-- lab: check go back to step Later -->
```console
$ cat later.txt
late
```

## Clean up""",
    )
    lab.change("note.txt -->", "note.txt later.txt -->")
    assert lab("check", "07") == (
        1,
        "not done yet: Look (there is no file made)\n"
        "not done yet: Later (there is no file made)\n"
        "lab 07: 0 hold, 0 do not, 2 are not done yet\n",
    )
    (lab.folder / "made").mkdir()
    (lab.folder / "note.txt").write_text("forget\n")
    assert lab("check", "07") == (
        1,
        "does not hold: Look: expected 'remember', got 'forget'; again\n"
        "not done yet: Later (there is no file later.txt)\n"
        "lab 07: 0 hold, 1 do not, 1 are not done yet\n",
    )
    (lab.folder / "later.txt").write_text("early\n")
    assert "\ndoes not hold: Later: expected 'late', got 'early'\n" in lab("check", "07")[1]


def test_what_is_there_already_stops_the_page_before_it_runs_anything(lab: Lab) -> None:
    (lab.folder / "note.txt").touch()
    code, out = lab("run", "07", "--yes")
    assert code == 3
    assert "lab: already there, from an earlier run or another lab: file note.txt;" in out
    assert "./lab clean 07 removes it" in out
    assert lab.files() == ["note.txt"]


def test_another_wording_is_shown_with_its_place_and_the_page_goes_on(lab: Lab) -> None:
    lab.change(*OTHER_WORDS)
    code, out = lab("run", "07", "--yes")
    assert code == 1
    assert "/07-a-page.md:24: Look" in out
    assert "\n-make\n+made\n" in out
    assert "$ cat note.txt\nremember\n" in out
    assert "\n1 of 7 outputs differ from the page's. Another version of Docker may" in out
    assert "Cleaning up" not in out
    assert lab.files() == []


def test_a_value_in_an_output_that_differs_is_known_from_then_on(lab: Lab) -> None:
    lab.change("$ echo 0f7ba8c2d6e9\n0f7ba8c2d6e9", "$ echo is 5a1c9e3b7d2f\nwas 0f7ba8c2d6e9")
    lab.change("$ sleep 0", "$ echo 5a1c9e3b7d2f\n5a1c9e3b7d2f")
    code, out = lab("run", "07", "--yes")
    assert (code, "\n1 of 7 outputs differ" in out) == (1, True), out


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("cat note.txt\nremember", "cat x\ncat: y: No such file or directory", "status 0, got 1"),
        ("rmdir made", "false", "exit status 0, got 1"),
        ("sleep 0", "exit 3", "it ended the shell (status 3)"),
        ("file note.txt -->", "file no/x -->", "file no/x: its directory is not there"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_and_leaves_nothing(
    lab: Lab, was: str, now: str, told: str
) -> None:
    lab.change(was, now)
    code, out = lab("run", "07", "--yes")
    assert code == 1
    assert told in out
    assert "Another version" not in out
    assert "sleep 0" not in out.partition(told)[2]  # it was not played on
    assert lab.files() == []


def test_in_a_terminal_it_asks_and_q_stops(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    try:
        running = lab.start("run", "07", stdin=theirs)
        os.write(ours, b"\n")  # runs the first command
        until(lab.files)
        os.write(ours, b"q\n")
        out, _ = running.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Enter: run it" in out
    assert (running.returncode, lab.files()) == (0, [])


def test_record_writes_what_changed_and_no_more(lab: Lab) -> None:
    before = lab.page.read_text()
    assert lab("record", "07")[0] == 0
    assert lab.page.read_text() == before
    lab.change("$ ls -d made\nmade", "$ ls -d made\nmake")
    assert lab("record", "07")[0] == 0
    assert (lab.page.read_text(), lab.files()) == (before, [])


def test_record_writes_nothing_where_a_status_is_wrong(lab: Lab) -> None:
    lab.change("remember\n$ sleep 0", "forget\n$ false")
    before = lab.page.read_text()
    code, out = lab("record", "07")
    assert (code, "nothing is written" in out) == (1, True)
    assert (lab.page.read_text(), lab.files()) == (before, [])


def test_break_check_fix_check_clean(fault: Lab) -> None:
    code, out = fault("break", "1")
    assert code == 0, out
    assert "It was there yesterday." in out
    assert "  $ cat made/it\ncat: made/it: No such" in out
    assert "mkdir" not in out, "what gives it away is shown"
    code, out = fault("check", "08-1")
    assert (code, out.splitlines()[-1]) == (1, "fault 08-01 is not fixed")
    assert "expected exit status 0, got 2: ls: cannot access 'it'" in out
    code, out = fault("fix", "1")
    assert code == 0, out
    assert fault("check", "08-01") == (0, "holds: Check\nfault 08-01 is fixed\n")
    assert fault("break", "08-1")[0] == 3
    assert fault("clean", "08") == (0, "lab 08-01: removed file made\n")
    assert fault.files() == []


def test_check_of_no_page_is_the_course_at_a_glance(fault: Lab) -> None:
    begun = "all that is begun:"
    lines = [f"{'08 A page':41} not begun", f"{begun} 0 hold, 0 do not, 0 are not done yet"]
    assert fault("check") == (0, "\n".join([*lines, ""]))
    fault("break", "1")
    row = f"{load(fault.page).title:41} 0 hold, 1 do not, 0 are not done yet"
    lines[1:] = [row, f"{begun} 0 hold, 1 do not, 0 are not done yet"]
    assert fault("check") == (1, "\n".join([*lines, ""]))
    assert fault("clean", "08")[0] == 0


ADVICE = "FAILED to connect (exit 7): refused"


def test_a_riddle_is_shown_without_advice_and_in_any_wording(fault: Lab) -> None:
    said = f"echo '{ADVICE}. Resolver 127.0.0.11: Docker. Check that it listens'"
    fault.change("mkdir made\n", "mkdir made; echo made\n")
    fault.change(
        "cat made/it\ncat: made/it: No such file or directory", f"{said}; false\nold words"
    )
    fault.change("cd made && ls it && cd ..", f"test -e made/it && echo it || {said}")
    code, out = fault("break", "1")
    assert (code, f"\n{ADVICE}\n" in out) == (0, True), out
    assert "old words" not in out
    assert fault("check", "8-1") == (
        1,
        f"does not hold: Check: expected 'it', got '{ADVICE}'\nfault 08-01 is not fixed\n",
    )


@pytest.mark.parametrize("args", [("check", "08-1"), ("fix", "1")])
def test_what_is_not_set_up_is_neither_checked_nor_fixed(fault: Lab, args: tuple[str, str]) -> None:
    code, out = fault(*args)
    assert (code, fault.files()) == (3, [])
    assert out == "lab: nothing of lab 08-01 is there: expected what ./lab break 08-01 sets up\n"


@pytest.mark.parametrize(("was", "now"), [("cat made/it", "true"), ("mkdir made", "false")])
def test_a_fault_that_does_not_break_is_told_and_leaves_nothing(
    fault: Lab, was: str, now: str
) -> None:
    fault.change(was, now)
    code, out = fault("break", "1")
    assert code == 1
    assert "08-01-gone.md" in out
    assert "expected exit status" in out
    assert fault.files() == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "9", "--yes"], "there is no page '9': expected 08 to 08, 08-01 to 08-01"),
        (["check", "08-2"], "there is no page '08-2'"),
        (["clean", "8", "x"], "there is no page 'x'"),
        (["parse", "run", "9", "--yes"], "there is no page '9'"),
        (["run", "08"], "required: --yes"),
        (["run"], "NN"),
        (["fly", "07"], "invalid choice: 'fly'"),
        (["break"], "required: N"),
        (["fix", "x"], "argument N: there is no fault 'x': expected 1 to 1"),
        (["break", "99"], "there is no fault '99'"),
        (["break", "08"], "there is no fault '08'"),
        (["break", "08-"], "there is no fault '08-'"),
        (["fix", "07-1"], "there is no fault '07-1'"),
    ],
)
def test_bad_arguments(fault: Lab, args: list[str], message: str) -> None:
    code, out = fault(*args)
    assert (code, message in out) == (2, True), out


@pytest.mark.parametrize("number", ["1", "01", "8-1", "08-1", "8-01", "08-01"])
def test_a_fault_has_one_name_in_all_spellings(fault: Lab, number: str) -> None:
    assert fault("break", number)[0] == 0
    assert fault("fix", number)[0] == 0
    assert fault("clean", "8", number if "-" in number else "08-1")[0] == 0
    assert fault.files() == []


def test_arguments_alone_can_be_looked_at(fault: Lab) -> None:
    assert fault("parse", "break", "1") == (0, "")
    assert fault.files() == []


def test_a_page_that_cannot_be_read_is_named_with_the_line(lab: Lab) -> None:
    lab.change("```console\n$ mkdir", "```console\noutput\n$ mkdir")
    code, out = lab("check", "07")
    assert (code, "07-a-page.md:8: expected a command" in out) == (1, True)


def test_without_an_engine_it_says_so(lab: Lab) -> None:
    lab.command("docker", "#!/bin/sh\necho 'nobody answers' >&2\nexit 1\n")
    lab.change("makes file", "makes volume x, file")
    assert lab("run", "07", "--yes") == (3, "lab: docker volume: exit 1: nobody answers\n")
