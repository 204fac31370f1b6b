"""What no schema holds of .github: pins, rights, and that the forms ask for what an issue needs."""

import re
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parents[2] / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_hash_with_the_version_beside(path: Path) -> None:
    used = re.findall(r"\buses: (.+)", path.read_text(encoding="utf-8"))
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_no_right_that_it_does_not_name(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    writing = {n: job["permissions"] for n, job in workflow["jobs"].items()}
    assert {n for n, p in writing.items() if "write" in p.values()} == {"images"}


@pytest.mark.parametrize("path", sorted(GITHUB.glob("ISSUE_TEMPLATE/*.yml")), ids=lambda p: p.name)
def test_a_form_asks_for_the_report(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    (report,) = (field for field in form["body"] if field.get("id") == "report")
    assert report["attributes"]["label"].startswith("./lab doctor --report")
    assert report["validations"] == {"required": True}
