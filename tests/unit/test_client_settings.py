"""The settings: where they come from, and what is said about those that cannot be used."""

from datetime import UTC, datetime

import pytest

from client.main import command
from tests.support.client_run import closed_port, run

DEFAULTS = {
    "CLIENT_URL": "http://webapp:8000/",
    "CLIENT_COUNT": 1,
    "CLIENT_INTERVAL": 1.0,
    "CLIENT_CONNECT_TIMEOUT": 3.0,
    "CLIENT_READ_TIMEOUT": 5.0,
    "CLIENT_RETRIES": 0,
    "CLIENT_BACKOFF_MAX": 8.0,
    "CLIENT_FORMAT": "text",
    "CLIENT_STATE": None,
}


def test_every_setting_but_check_has_a_variable_and_a_default() -> None:
    with command.make_context("client", []) as context:
        given = {p.envvar: context.params[p.name or ""] for p in command.params if p.envvar}
    assert given == DEFAULTS
    assert [p.name for p in command.params if not p.envvar] == ["check"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_variable_is_read_and_an_empty_one_counts_as_unset(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"CLIENT_URL": "http://172.18.0.2:8000/", "CLIENT_FORMAT": "json"}.get(name, "7")
    number = name not in ("CLIENT_URL", "CLIENT_FORMAT", "CLIENT_STATE")
    for text, expected in (("", DEFAULTS[name]), (value, float(value) if number else value)):
        monkeypatch.setenv(name, text)
        with command.make_context("client", []) as context:
            assert context.params[name.removeprefix("CLIENT_").lower()] == expected


def test_an_option_wins_over_its_variable_even_over_a_wrong_one() -> None:
    with closed_port() as port:
        ran = run(f"http://127.0.0.1:{port}/", "--count=2", "--interval=0", CLIENT_COUNT="many")
    assert "\n2 calls: " in ran.out


@pytest.mark.parametrize(
    "url",
    [
        "http://webapp",
        "http://webapp:8000/who?x=1",
        "HTTP://WebApp.my-net:65535",
        "http://web_app:8000/",
        "http://172.18.0.2:8000/",
        "https://[fd00::2]:8443/",
    ],
)
def test_urls_that_docker_users_write_are_taken(url: str) -> None:
    with command.make_context("client", [url]) as context:
        assert context.params["url"] == url


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--count", "x", "integer"),
        ("--count", "-1", "x>=0"),
        ("--count", "1.5", "integer"),
        ("--count", "", "integer"),
        ("--retries", "1\x1b", "integer"),
        ("--retries", "501", "0<=x<=500"),
        ("--interval", "nan", "a number"),
        ("--interval", "-1", "0<=x<=86400"),
        ("--interval", "86401", "0<=x<=86400"),
        ("--backoff-max", "inf", "0<=x<=86400"),
        ("--read-timeout", "0", "0<x<=86400"),
        ("--connect-timeout", "0.0", "0<x<=86400"),
        ("--format", "xml", "'text', 'json'"),
        ("--state", "/", "directory"),
        ("URL", "webapp:8000", "http[s]://"),
        ("URL", "ftp://webapp/", "http[s]://"),
        ("URL", "http://", "HOST"),
        ("URL", "http://webapp:99999/", "PORT"),
        ("URL", "http://webapp:0/", "PORT"),
        ("URL", "http://webapp:x/", "PORT"),
        ("URL", "http://[fd00::2/", "HOST"),
        ("URL", "http://[::::2]/", "HOST"),
        ("URL", "http://web*/", "HOST"),
        ("URL", "http://.webapp/", "HOST"),
        ("URL", "http://web app/", "HOST"),
        ("URL", "http://web\u00e4pp/", "HOST"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_value(
    option: str, value: str, expected: str
) -> None:
    variable = f"CLIENT_{option.lstrip('-').upper().replace('-', '_')}"
    by_option = run(value) if option == "URL" else run(f"{option}={value}")
    by_variable = run(**{variable: value}) if value else by_option
    for ran in (by_option, by_variable):
        assert (ran.code, ran.out) == (2, "")
        assert (option in ran.err, ascii(value).strip("'") in ran.err) == (True, True)
        assert expected in ran.err
    if option != "URL" and value:
        assert variable in by_variable.err


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    ran = run("http://me:secret@webapp/")
    assert ran.code == 2
    assert "'http://***@webapp/'" in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize("argv", [["--cuont=3"], ["--count"], ["--check"], ["a", "b"]])
def test_wrong_arguments_end_the_run_with_2(argv: list[str]) -> None:
    ran = run(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert "Error: " in ran.err


def test_help_names_every_variable_and_ends_with_every_exit_code() -> None:
    ran = run("--help", COLUMNS="100")
    assert ran.code == 0
    for name in set(DEFAULTS) - {"CLIENT_URL"}:
        assert name in ran.out
    table = ran.out.partition("--help")[2]
    for code in (0, 1, 2, 6, 7, 22, 23, 28):
        assert f"\n    {code} " in table


def test_a_service_waits_longer_after_each_failure_until_a_call_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert waits(monkeypatch, "--count=0", "--interval=1") == [0, 1, 2, 4, 8, 8, 1, 1]


def test_a_service_with_a_long_interval_keeps_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(monkeypatch, "--count=0", "--interval=20") == [0, *[20] * 7]


def test_a_finite_run_does_not_wait_longer_after_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(monkeypatch, "--count=9", "--interval=1") == [0, *[1] * 7]


def waits(monkeypatch: pytest.MonkeyPatch, *argv: str) -> list[float]:
    """The waits of a run whose first five calls fail, the sixth and seventh do not."""
    from client import call, report

    slept: list[float] = []
    codes = [7, 7, 7, 7, 7, 0, 7]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > len(codes):
            raise KeyboardInterrupt

    def made(_self: call.Caller, n: int) -> report.Result:
        return report.Result(n, "", "webapp", code=codes[n - 1], time=datetime.now(UTC))

    monkeypatch.setattr("client.main.time.sleep", sleep)
    monkeypatch.setattr(call.Caller, "call", made)
    run(*argv)
    return slept
