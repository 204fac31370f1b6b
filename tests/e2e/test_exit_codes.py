"""Each exit code of the client, provoked for real in containers; and who reaches whom by it."""

import json
from collections.abc import Callable

import pytest

from tests.support.engine import LABEL, Done, Pair, docker


def client(network: str, *words: str) -> Done:
    return docker(
        "run", "--rm", *LABEL, "--network", network, "two-bridges-client", *words, check=False
    )


def outcome(network: str, *words: str) -> tuple[int, str]:
    """The exit code, and the step that the line names."""
    done = client(network, "--format", "json", *words)
    line = json.loads(done.stdout.splitlines()[0])
    assert (line["code"], line["ok"]) == (done.returncode, done.returncode == 0)
    return done.returncode, line["step"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["http://webapp:8000/"], (0, "ask")),
        (["http://no-such-name:8000/"], (6, "resolve")),
        (["http://webapp:8001/"], (7, "connect")),
        (["http://webapp:8000/status/503"], (22, "ask")),
        (["--read-timeout", "0.5", "http://webapp:8000/delay/3"], (28, "ask")),
    ],
    ids=["answered", "unknown-name", "refused-port", "error-status", "slow-answer"],
)
def test_on_the_same_network(pair: Pair, words: list[str], expected: tuple[int, str]) -> None:
    assert outcome(pair.network, *words) == expected


def test_by_address_only_the_same_network_reaches_the_webapp(
    pair: Pair, networks: Callable[..., str]
) -> None:
    """The engine drops packets from one bridge to another without a word."""
    url = f"http://{pair.end('webapp')['IPAddress']}:8000/"
    assert outcome(pair.network, url) == (0, "ask")
    for other in ("bridge", networks()):
        assert outcome(other, "--connect-timeout", "1", url) == (28, "connect")


def test_an_address_that_no_one_has_is_unreachable(networks: Callable[..., str]) -> None:
    network = networks("--subnet", "10.213.7.0/24")
    # The kernel gives up after three ARP requests, a second each: long before this limit.
    words = ("--connect-timeout", "60", "http://10.213.7.99:8000/")
    assert outcome(network, *words) == (7, "connect")


def test_a_name_of_another_network_does_not_resolve(networks: Callable[..., str]) -> None:
    assert outcome(networks(), "http://webapp:8000/") == (6, "resolve")


def test_bad_arguments_exit_2_and_name_what_was_wrong() -> None:
    done = client("none", "webapp:8000")
    assert (done.returncode, done.stdout) == (2, "")
    assert "webapp:8000" in done.stderr
