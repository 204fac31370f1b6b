"""A drawing of networks: all that is there is in it, whatever its name, and nothing overlaps."""

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labkit.draw import End, Net, draw, read
from tests.support.lab import NO_ENGINE, Lab

SVG = "{http://www.w3.org/2000/svg}"


def net(name: str, *containers: str) -> Net:
    ends = [End(one, (f"10.0.0.{n}",), id=one) for n, one in enumerate(containers, 2)]
    return Net(name, ["about it"], ends, ways=[(True, "by name"), (False, "by <address>")])


def boxes(svg: str) -> list[tuple[float, ...]]:
    """The edges of each rectangle but the paper: left, top, right, foot."""
    found = [rect.attrib for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect")][1:]
    places = [[float(one[key]) for key in ("x", "y", "width", "height")] for one in found]
    return [(x, y, x + width, y + height) for x, y, width, height in places]


def test_all_that_is_there_is_drawn_once_and_nothing_overlaps() -> None:
    svg = draw(
        [net("left", "a", "both", "all"), net("mid", "all", "b", "c"), net("right", "all", "both")]
    )
    texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    for name in ("left", "mid", "right", "a", "b", "c", "both", "all"):
        assert texts.count(name) == 1
    assert texts.count("10.0.0.2") == 3
    assert svg.count("<path") == 8
    for one, other in combinations(boxes(svg), 2):
        apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
        assert apart, (one, other)
    size = ElementTree.fromstring(svg).attrib
    assert max(box[2] for box in boxes(svg)) < float(size["width"])
    assert max(box[3] for box in boxes(svg)) < float(size["height"])


def test_a_name_is_text_and_the_same_networks_give_the_same_drawing() -> None:
    svg = draw([net("<b>&", "<script>")])
    assert "<b>" not in svg
    assert "<script>" not in svg
    assert svg == draw([net("<b>&", "<script>")])


def test_an_empty_network_says_so() -> None:
    assert "no container" in draw([net("empty")])


def test_tasks_of_a_swarm_are_drawn_by_host_the_fullest_first() -> None:
    tasks = [{"EndpointIP": f"10.0.1.{n}", "Info": {"Host IP": f"h{n % 2}"}} for n in (1, 2, 3)]
    found = read(
        {
            "Name": "pair", "Id": "0", "Driver": "overlay", "Internal": False, "Containers": {},
            "Services": {"": {"Tasks": tasks}, "pair_webapp": {"Tasks": tasks}},
        }
    )  # fmt: skip
    assert [(end.host, end.container) for end in found.ends] == [
        ("h1", "webapp"), ("h1", "webapp"), ("h0", "webapp"),
    ]  # fmt: skip
    assert draw([found]).count('class="frame"') == 2


@pytest.mark.parametrize(
    ("docker", "words", "code", "said"),
    [
        (NO_ENGINE, ["net"], 2, "NAME 'net': expected a network (docker network ls lists them)"),
        (NO_ENGINE, [], 1, "no network has a container: name those that you want to see"),
        ("#!/bin/sh\necho no engine >&2; exit 1\n", [], 3, "docker network: exit 1: no engine"),
    ],
)
def test_what_cannot_be_drawn(
    tmp_path: Path, docker: str, words: list[str], code: int, said: str
) -> None:
    lab = Lab(tmp_path, "# A page\n")
    lab.command("docker", docker)
    assert lab("draw", *words) == (code, f"lab: {said}\n")
