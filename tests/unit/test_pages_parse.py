from pathlib import Path

import pytest

from labkit.pages.parse import Fence, Page, PageError, Prose, find, load

PAGE = r"""# 07 A page

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
    assert [c.line for c in first] == [11, 16, 17]


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
    assert page.files == fences[:1]


def test_title_number_and_place(page: Page) -> None:
    assert (page.title, page.number) == ("07 A page", "07")
    assert page.at(3).endswith("/07-a-page.md:3")
    assert isinstance(page.parts[0], Prose)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("```console\nout\n$ a\n```", 2, "expected a command"),
        ("```console\n```", 1, "without a command"),
        ("```console\n$ a", 1, "never closed"),
        ("  ```console\n  $ a\n  ```", 1, "column 1"),
        ("```console\n$ a\n...\n```", 2, "hides the whole output"),
        ("<!-- lab: exit 0 -->\n```console\n$ a\n```", 1, "'exit 0': expected exit N"),
        ("<!-- lab: exit x -->\n```console\n$ a\n```", 1, "'exit x': expected exit N"),
        ("<!-- lab: skip -->\n```console\n$ a\n```", 1, "'skip': expected exit N"),
        ("<!-- lab: check -->\n```console\n$ a\n```", 1, "'check': expected exit N"),
        ("<!-- lab: exit 1 -->\n```text\na\n```", 1, "'exit 1': expected file NAME"),
        ("<!-- lab: exit 1 -->\n\n```console\n$ a\n```", 1, "right before a fence"),
        ("<!-- lab: exit 1 -->", 1, "right before a fence"),
        ("<!-- lab exit 1 -->\n```console\n$ a\n```", 1, "expected <!-- lab:"),
    ],
)
def test_a_page_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(PageError, match=rf"07-a-page\.md:{line}: ") as caught:
        written(tmp_path, text)
    assert message in str(caught.value)


def test_pages_are_found_by_number(tmp_path: Path) -> None:
    for name in ("02-b.md", "01-a.md", "README.md", "1-x.md", "03-c.sh"):
        (tmp_path / name).touch()
    assert [(n, p.name) for n, p in find(tmp_path).items()] == [
        ("01", "01-a.md"),
        ("02", "02-b.md"),
    ]
