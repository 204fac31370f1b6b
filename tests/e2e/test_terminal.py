"""What `./lab` shows on a terminal of 80 columns: no line is wider, nothing is coloured."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.columns import on_a_terminal
from tests.support.engine import LABEL, fresh_name, run

# As long as the pair's own.
PAIR = {"COMPOSE_PROJECT_NAME": fresh_name()[: len("two-bridges")], "WEBAPP_PORT": "0"}


@pytest.fixture(scope="module")
def up() -> Iterator[list[str]]:
    """What `./lab up` shows."""
    try:
        yield on_a_terminal("./lab", "up", env=PAIR)
    finally:
        run("./lab", "down", env=PAIR)


def test_up_ends_with_where_it_is(up: list[str]) -> None:
    assert re.fullmatch(r"the pair is up: http://127\.0\.0\.1:\d+/ .*", up[-1])


def test_the_doctor_of_the_machine(up: list[str]) -> None:
    assert on_a_terminal("./lab", "doctor", env=PAIR)[-1].startswith("port ")


@pytest.mark.parametrize("name", ["webapp", "nobody-here"])
def test_the_doctor_ends_with_the_verdict(up: list[str], name: str) -> None:
    client = f"{PAIR['COMPOSE_PROJECT_NAME']}-client-1"
    told = on_a_terminal("./lab", "doctor", client, name)
    verdict = max(n for n, line in enumerate(told) if line.startswith("verdict "))
    assert all(line.startswith(" " * 11) for line in told[verdict + 1 :])


def test_trace_ends_with_what_became_of_it(
    networks: Callable[..., str], start: Callable[..., str]
) -> None:
    net = networks("--subnet", "10.97.1.0/24")  # the engine's own may have longer addresses
    names = [fresh_name()[:10] for _ in range(2)]
    for name in names:
        start("--name", name, "--network", net, "alpine", "sleep", "600")
    assert on_a_terminal("./lab", "trace", *names)[-1].startswith("answered: ")


@pytest.mark.parametrize(
    "words", [[], ["help"], ["test", "-h"], ["up", "-h"], ["nodes", "-h"], ["test", "nothing"]]
)
def test_words_that_only_tell(words: list[str]) -> None:
    assert on_a_terminal("./lab", *words)


def test_a_failure_of_the_client_is_folded_at_its_sentences() -> None:
    words = ("docker", "run", "--rm", "--tty", *LABEL, "two-bridges-client")
    first, second, third = on_a_terminal(*words, width=100)
    assert "FAILED to resolve (exit 6)" in first
    assert second.startswith("  Resolver ")
    assert third.startswith("  Put both ")
