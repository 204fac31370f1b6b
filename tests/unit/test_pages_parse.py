from pathlib import Path

import pytest

from labkit import Failed
from labkit.pages.parse import Fence, Page, find, load
from labkit.pages.things import Thing

PAGE = r"""# 07 A page

<!-- lab: makes container c1 c2, image app:1 -->
<!-- lab: makes file app.py -->
<!-- lab: varies rate [5-9]\d(?= calls) -->
<!-- lab: one-to-one calls \d+(?= sent) -->
Prose.

## Step

<!-- lab: exit 6 -->
<!-- lab: limit 60 -->
<!-- lab: check go back to step 1 -->
```console
$ one \
>   more
out

> not a continuation
$ two
$ cat <<END
> a
>
> b
> END
a
```

<!-- lab: file app.py -->
```python
print("hi")
```

<!-- lab: lines labs/x.sh -->
```bash
x
```

## Clean up

```console
$ rm app.py
```

### Still

<!-- lab: no-compare -->
```console
$ date
today
```

## Exercise

```console
$ three
```

```bash
$ never
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return written(tmp_path, PAGE)


def written(folder: Path, text: str) -> Page:
    path = folder / "07-a-page.md"
    path.write_text(text)
    return load(path)


def test_commands_their_continuations_and_outputs(page: Page) -> None:
    first = page.blocks[0].commands
    assert [c.text for c in first] == ["one \\\n  more", "two", "cat <<END\na\n\nb\nEND"]
    assert [c.expected for c in first] == [("out", "", "> not a continuation"), (), ("a",)]
    assert [c.line for c in first] == [15, 20, 21]


def test_an_output_is_where_its_slice_says(page: Page) -> None:
    for block in page.blocks:
        for command in block.commands:
            assert tuple(page.lines[command.output]) == command.expected


def test_directives_hold_for_their_block_only(page: Page) -> None:
    step, clean_up, still, exercise = page.blocks
    assert (step.exit, step.limit, step.check, step.compare) == (6, 60.0, "go back to step 1", True)
    assert (clean_up.exit, clean_up.limit, clean_up.check, clean_up.compare) == (
        0,
        30.0,
        None,
        True,
    )
    assert not still.compare
    assert exercise.compare


def test_the_clean_up_lasts_until_the_next_heading_of_its_level(page: Page) -> None:
    assert [b.cleanup for b in page.blocks] == [False, True, True, False]


def test_a_file_and_a_fence_that_is_only_shown(page: Page) -> None:
    fences = [part for part in page.parts if isinstance(part, Fence)]
    assert [(f.name, f.lines, f.source) for f in fences] == [
        ("app.py", None, ['print("hi")']),
        (None, "labs/x.sh", ["x"]),
        (None, None, ["$ never"]),
    ]
    assert page.actions == [part for part in page.parts if part in [*page.blocks, fences[0]]]
    assert page.section("Still") == [page.blocks[2]]


def test_title_number_and_place(page: Page) -> None:
    assert (page.title, page.number) == ("07 A page", "07")
    assert page.at(3).endswith("/07-a-page.md:3")
    assert page.parts[0] == page.lines[0]


def test_what_holds_for_the_whole_page(page: Page) -> None:
    assert [str(thing) for thing in page.makes] == [
        "container c1",
        "container c2",
        "image app:1",
        "file app.py",
    ]
    assert page.makes[0] == Thing("container", "c1")
    rate, calls = page.rules
    assert (rate.name, rate.pattern, rate.keys("51")) == ("rate", r"[5-9]\d(?= calls)", ())
    assert (calls.name, calls.keys("7")) == ("calls", (("calls", "7"),))
    assert page.needs is None


OLDER = """```console
$ a
new
$ b \\
>   c
same
```
<!-- lab: before 29
$ b \\
>   c
-->
<!-- lab: before 28.5
$ a
old

$ b \\
>   c
older
-->
Prose.
"""


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ((29, 0, 0), [("new",), ("same",)]),
        ((28, 5), [("new",), ()]),
        ((28, 4, 9), [("old", ""), ("older",)]),
    ],
)
def test_a_block_holds_what_older_engines_print(
    tmp_path: Path, engine: tuple[int, ...], expected: list[tuple[str, ...]]
) -> None:
    page = written(tmp_path, OLDER)
    held = [command.on(engine) for command in page.blocks[0].commands]
    assert [command.expected for command in held] == expected
    assert [tuple(page.lines[command.output]) for command in held] == expected
    assert page.parts[1:] == ["Prose."]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("```console\nout\n$ a\n```", 2, "expected a command"),
        ("```console\n```", 1, "without a command"),
        ("```console\n$ a", 1, "never closed"),
        ("  ```console\n  $ a\n  ```", 1, "column 1"),
        ("```console\n$ a\n...\n```", 2, "hides the whole output"),
        (
            "<!-- lab: exit 0 -->\n```console\n$ a\n```",
            1,
            "'exit 0': expected exit, limit, no-compare, check",
        ),
        (
            "<!-- lab: exit x -->\n```console\n$ a\n```",
            1,
            "'exit x': expected exit, limit, no-compare, check",
        ),
        (
            "<!-- lab: skip -->\n```console\n$ a\n```",
            1,
            "'skip': expected exit, limit, no-compare, check",
        ),
        (
            "<!-- lab: check -->\n```console\n$ a\n```",
            1,
            "'check': expected exit, limit, no-compare, check",
        ),
        ("<!-- lab: exit 1 -->\n```text\na\n```", 1, "'exit 1': expected file, lines"),
        ("<!-- lab: exit 1 -->\n\n```console\n$ a\n```", 1, "right before a fence"),
        ("<!-- lab: exit 1 -->", 1, "right before a fence"),
        ("<!-- lab: makes container -->", 1, "makes: expected KIND NAME, and KIND one of nodes"),
        ("<!-- lab: makes luck x -->", 1, "makes: expected KIND NAME"),
        ("<!-- lab: makes container c, -->", 1, "makes: expected KIND NAME"),
        ("<!-- lab: makes -->", 1, "makes: expected KIND NAME"),
        ("```console\n$ a\n```\n<!-- lab: makes file x -->", 4, "makes: expected before any fence"),
        ("<!-- lab: needs luck -->", 1, "needs: expected one of kubectl, nodes, once"),
        ("<!-- lab: needs -->", 1, "needs: expected one of kubectl"),
        ("<!-- lab: needs nodes -->\n<!-- lab: needs nodes -->", 2, "once"),
        ("```console\n$ a\n```\n<!-- lab: needs nodes -->", 4, "needs: expected before any fence"),
        ("<!-- lab: varies rate -->", 1, "varies: expected NAME PATTERN"),
        ("<!-- lab: varies rate (x) -->", 1, "varies: expected NAME PATTERN, no group"),
        ("<!-- lab: one-to-one rate [x -->", 1, "one-to-one: expected a pattern: "),
        ("<!-- lab: before 28\n$ a\n-->", 1, "right after a compared block"),
        (
            "```console\n$ a\n```\n\n<!-- lab: before 28\n$ a\n-->",
            5,
            "right after a compared block",
        ),
        (
            "<!-- lab: no-compare -->\n```console\n$ a\n```\n<!-- lab: before 28\n$ a\n-->",
            5,
            "right after a compared block",
        ),
        ("```text\na\n```\n<!-- lab: before 28\n$ a\n-->", 4, "right after a compared block"),
        (
            "```console\n$ a\n```\n<!-- lab: before\n$ a\n-->",
            4,
            "expected <!-- lab: before VERSION",
        ),
        (
            "```console\n$ a\n```\n<!-- lab: before now\n$ a\n-->",
            4,
            "expected <!-- lab: before VERSION",
        ),
        (
            "```console\n$ a\n```\n<!-- lab: before 28\n$ b\n-->",
            5,
            "before 28: 'b': expected a command of the block above, once",
        ),
        (
            "```console\n$ a\n```\n<!-- lab: before 28\n$ a\n$ a\n-->",
            6,
            "before 28: 'a': expected a command of the block above, once",
        ),
        (
            "```console\n$ a\n```\n<!-- lab: before 28\n$ a\n-->\n<!-- lab: before 28\n$ a\n-->",
            8,
            "before 28: 'a'",
        ),
        ("```console\n$ a\n```\n<!-- lab: before 28\n-->", 4, "without a command"),
        ("```console\n$ a\n```\n<!-- lab: before 28\nold\n-->", 5, "expected a command"),
        ("```console\n$ a\n```\n<!-- lab: before 28\n$ a", 4, "never closed"),
        ("```console\n$ a\n```\n<!-- lab: before 28\n$ a\nx --> y\n-->", 4, "never closed"),
        ("<!-- lab exit 1 -->\n```console\n$ a\n```", 1, "expected <!-- lab:"),
    ],
)
def test_a_page_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(Failed, match=rf"07-a-page\.md:{line}: ") as caught:
        written(tmp_path, text)
    assert message in str(caught.value)


def test_pages_are_found_by_number(tmp_path: Path) -> None:
    for name in ("02-b.md", "01-a.md", "README.md", "1-x.md", "03-c.sh"):
        (tmp_path / name).touch()
    assert [(n, p.name) for n, p in find(tmp_path).items()] == [
        ("01", "01-a.md"),
        ("02", "02-b.md"),
    ]
