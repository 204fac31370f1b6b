"""docs/reference.md: the client's exit codes are all there, and each command ends with its code."""

import re

import pytest

import client
from tests.support.engine import ROOT, Pair, run

TEXT = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| .+ \| `(.+)` \|$", TEXT, re.M)


def test_every_code_is_there() -> None:
    assert [code for code, _ in ROWS] == re.findall(r"^  (\d+) ", str(client.__doc__), re.M)


@pytest.mark.parametrize(("code", "typed"), ROWS, ids=[f"exit-{code}" for code, _ in ROWS])
def test_the_command_ends_with_its_code(pair: Pair, code: str, typed: str) -> None:
    for name, ours in (
        ("two-bridges_pair", pair.network),
        ("two-bridges-webapp-1", pair.container("webapp")),
    ):
        typed = typed.replace(name, ours)
    short = f'client() {{ docker run --rm --network {pair.network} two-bridges-client "$@"; }}'
    done = run("bash", "-c", f"{short}\n{typed}", check=False)
    assert done.returncode == int(code), done.stdout + done.stderr
