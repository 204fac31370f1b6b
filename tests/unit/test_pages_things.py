from pathlib import Path

import pytest

from labkit import docker
from labkit.pages.things import Thing, remove


def test_only_files_below_the_root_are_removed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "app").mkdir(parents=True)
    (root / "app" / "x").touch()
    outside.touch()
    remove([Thing("file", name) for name in ("app", "../outside", ".", "not-there")], root)
    assert (root.exists(), list(root.iterdir()), outside.exists()) == (True, [], True)


def test_who_uses_something_is_removed_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(docker, "command", lambda *argv: ran.append(" ".join(argv)))
    made = [Thing(kind, "x") for kind in ("image", "network", "project", "container")]
    remove(made, tmp_path)
    assert ran == [
        "docker rm --force --volumes x",
        "docker compose -p x down --remove-orphans --timeout 2",
        "docker network rm x",
        "docker image rm x",
    ]
