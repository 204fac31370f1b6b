from pathlib import Path

import pytest

from scripts.pages.parse import load
from scripts.pages.things import Thing, creates, files, made_by, remove


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("docker run -dit --name container1 alpine ash", ["container container1"]),
        ("docker run --rm --name=c alpine", ["container c"]),
        ("docker container create --name c alpine", ["container c"]),
        ("docker run --rm \\\n  --name c alpine", ["container c"]),
        ("x=$(docker run --name c a) && docker run --name d a", ["container c", "container d"]),
        ("for i in 1 2; do docker run --name c$i alpine; done", []),
        ("DOCKER_BUILDKIT=1 sudo docker run --name c alpine", ["container c"]),
        ("docker run alpine echo --namely", []),
        ("docker network create --driver bridge --subnet 10.1.0.0/24 my-net", ["network my-net"]),
        ("docker network create my-net --internal --subnet=10.1.0.0/24", ["network my-net"]),
        ("docker network create --internal my-net >/dev/null 2>&1", ["network my-net"]),
        ("docker run --name c alpine > out 2> err", ["container c"]),
        ("docker network create --subnet 10.1.0.0/24 bridge", []),
        ("docker network connect my-net container1", []),
        ("docker build -q -t app .", ["image app:latest"]),
        ("docker build --tag app:2 --tag=b .", ["image app:2", "image b:latest"]),
        ("docker buildx build -t app .", ["image app:latest"]),
        ("docker tag app other:1", ["image other:1"]),
        ("docker build -t two-bridges-webapp .", []),
        ("docker volume create v", ["volume v"]),
        ("docker compose up --detach --wait", ["project two-bridges"]),
        ("docker compose -p mine -f x.yaml up", ["project mine"]),
        ("docker compose ps", []),
        ("ip netns add blue", ["netns blue"]),
        ("ip link add veth-a type veth peer name veth-b", ["interface veth-a"]),
        ("docker run --rm --network host x sh -c 'ip link add br9 type bridge'", ["interface br9"]),
        ("docker exec c ip link add inside type dummy", []),
        ("mkdir -p my-app", ["file my-app"]),
        ("./lab nodes up", ["nodes two-bridges-nodes"]),
        ("node 1 run --name c alpine; ./lab nodes down", []),
        ("docker rm -f c; docker network rm my-net", []),
        ("echo it's", []),
    ],
)  # fmt: skip
def test_what_a_command_makes(command: str, expected: list[str]) -> None:
    assert [str(thing) for thing in creates(command)] == expected


def test_what_a_page_makes_each_once(tmp_path: Path) -> None:
    path = tmp_path / "01-x.md"
    path.write_text(
        "```console\n$ docker run --name c a\n$ docker run --name c a\n```\n"
        "<!-- lab: file app.py -->\n```python\n```\n"
    )
    assert made_by(load(path)) == [Thing("container", "c"), Thing("file", "app.py")]


def test_files_show_by_name_and_by_change(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("x")
    (tmp_path / "a").write_text("1")
    before = files(tmp_path)
    assert [thing.name.split()[0] for thing in before] == ["a"]
    (tmp_path / "a").write_text("2")
    assert files(tmp_path) != before


def test_only_files_below_the_root_are_removed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "app").mkdir(parents=True)
    (root / "app" / "x").touch()
    outside.touch()
    for name in ("app", "../outside", ".", "not-there"):
        remove(Thing("file", name), root)
    assert (root.exists(), list(root.iterdir()), outside.exists()) == (True, [], True)
