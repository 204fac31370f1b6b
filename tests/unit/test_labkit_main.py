"""`python3 -m labkit WORD`: one set of exit codes, whatever the word."""

import signal
import sys
from argparse import ArgumentParser, Namespace
from types import ModuleType

import pytest

from labkit import Failed, UsageError, docker
from labkit.__main__ import WORDS, main
from labkit.table import table


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What the word `trial` raises, if anything."""
    todo: list[BaseException] = []

    def run(args: Namespace) -> int:
        for error in todo:
            raise error
        print(args.word, args.what)
        return 1

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("what")

    module = ModuleType("trial", "What it does.")
    vars(module).update(configure=configure, main=run)
    monkeypatch.setitem(sys.modules, "trial", module)
    monkeypatch.setitem(WORDS, "trial", "trial")
    monkeypatch.setattr(docker, "take_signals", lambda: None)
    return todo


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("name 'x': expected y"), 2, "lab: name 'x': expected y\n"),
        (Failed("page 03 does not hold"), 1, "lab: page 03 does not hold\n"),
        (docker.EngineError("docker ps: exit 1: no"), 3, "lab: docker ps: exit 1: no\n"),
        (docker.Interrupted(signal.SIGHUP), 129, "lab: interrupted\n"),
    ],
)
def test_each_end_has_its_code(
    raised: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    text: str,
) -> None:
    raised.append(error)
    assert main(["trial", "x"]) == code
    assert capsys.readouterr() == ("", text)


def test_the_words_own_code(
    raised: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trial", "x"]) == 1
    assert capsys.readouterr().out == "trial x\n"


def test_the_arguments_alone(
    raised: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parse", "trial", "x"]) == 0
    assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit, match="2"):
        main(["parse", "trial"])


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        ([], 2, "./lab: error: the following arguments are required: word"),
        (["nope"], 2, "invalid choice: 'nope'"),
        (["trial"], 2, "./lab trial: error: the following arguments are required: what"),
        (["trial", "x", "--fast"], 2, "unrecognized arguments: --fast"),
        (["trial", "--help"], 0, "What it does."),
    ],
)
def test_arguments_and_help(
    raised: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    text: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == code
    told = capsys.readouterr()
    assert text in told.out + told.err


def test_it_takes_the_signals_before_anything_else(
    raised: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {number: signal.getsignal(number) for number in docker.SIGNALS}
    monkeypatch.undo()
    try:
        with pytest.raises(SystemExit):
            main([])
        assert {signal.getsignal(number) for number in before}.isdisjoint(before.values())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_table() -> None:
    rows = [("", "default bridge"), ("network", "bridge"), ("a longer name", "")]
    assert table(rows) == [
        "               default bridge",
        "network        bridge",
        "a longer name",
    ]
    with pytest.raises(ValueError, match="zip"):
        table([("a", "b"), ("c",)])
