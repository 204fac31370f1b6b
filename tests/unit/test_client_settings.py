"""The settings: where they come from, and what is said about those that cannot be used."""

import io
from dataclasses import asdict
from pathlib import Path

import pytest

from client.main import main
from client.settings import Settings, load


def loaded(*argv: str, **environ: str) -> Settings:
    settings = load(argv, environ, io.StringIO())
    assert settings is not None
    return settings


def test_defaults_are_those_of_the_readme():
    assert asdict(loaded()) == {
        "url": "http://webapp:8000/",
        "count": 1,
        "interval": 1.0,
        "connect_timeout": 3.0,
        "read_timeout": 5.0,
        "retries": 0,
        "backoff_max": 8.0,
        "format": "text",
        "state": None,
        "check": False,
    }


SETTINGS = [
    ("url", "https://web_app:9/x", "https://web_app:9/x"),
    ("count", "0", 0),
    ("interval", "0.5", 0.5),
    ("connect_timeout", "1", 1.0),
    ("read_timeout", "2.25", 2.25),
    ("retries", "3", 3),
    ("backoff_max", "0", 0.0),
    ("format", "json", "json"),
    ("state", "/tmp/s", Path("/tmp/s")),
]


@pytest.mark.parametrize(("name", "text", "value"), SETTINGS, ids=[s[0] for s in SETTINGS])
def test_each_setting_has_an_option_and_a_variable(name, text, value):
    option = [text] if name == "url" else ["--" + name.replace("_", "-"), text]
    variable = {"CLIENT_" + name.upper(): text}
    assert getattr(loaded(*option), name) == value
    assert getattr(loaded(**variable), name) == value


def test_an_option_wins_over_its_variable_even_over_a_wrong_one():
    assert loaded("--count", "2", CLIENT_COUNT="many").count == 2


def test_an_empty_variable_counts_as_unset():
    assert loaded(CLIENT_COUNT="", CLIENT_STATE="", CLIENT_URL="") == loaded()


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
def test_urls_that_docker_users_write_are_taken(url):
    assert loaded(url).url == url


WHOLE = "expected a whole number from 0 to 999999999"
SECONDS = "expected seconds from 0 to 86400, such as 1 or 0.5"
SCHEME = "expected http:// or https:// at its start"
HOST = "expected HOST or HOST:PORT, with a port from 1 to 65535"


@pytest.mark.parametrize(
    ("argv", "environ", "message"),
    [
        (["--count", "x"], {}, f"--count: 'x': {WHOLE}"),
        (["--count", "-1"], {}, f"--count: '-1': {WHOLE}"),
        (["--count", "1.5"], {}, f"--count: '1.5': {WHOLE}"),
        (["--count", ""], {}, f"--count: '': {WHOLE}"),
        (["--count", "1\n2"], {}, f"--count: '1\\n2': {WHOLE}"),
        (["--count", "\u0661"], {}, f"--count: '\\u0661': {WHOLE}"),
        ([], {"CLIENT_COUNT": "True"}, f"CLIENT_COUNT: 'True': {WHOLE}"),
        ([], {"CLIENT_RETRIES": "1_0"}, f"CLIENT_RETRIES: '1_0': {WHOLE}"),
        (["--interval", "nan"], {}, f"--interval: 'nan': {SECONDS}"),
        (["--interval=-1"], {}, f"--interval: '-1': {SECONDS}"),
        (["--interval", "86401"], {}, f"--interval: '86401': {SECONDS}"),
        ([], {"CLIENT_BACKOFF_MAX": "inf"}, f"CLIENT_BACKOFF_MAX: 'inf': {SECONDS}"),
        ([], {"CLIENT_READ_TIMEOUT": "1e3"}, f"CLIENT_READ_TIMEOUT: '1e3': {SECONDS}"),
        (["--read-timeout", "0"], {}, "--read-timeout: '0': expected more than 0 seconds"),
        (
            ["--connect-timeout", "0.0"],
            {},
            "--connect-timeout: '0.0': expected more than 0 seconds",
        ),
        (["--format", "xml"], {}, "--format: 'xml': expected text or json"),
        (["--state", "/"], {}, "--state: '/': expected a file"),
        (["webapp:8000"], {}, f"URL: 'webapp:8000': {SCHEME}"),
        (["ftp://webapp/"], {}, f"URL: 'ftp://webapp/': {SCHEME}"),
        ([], {"CLIENT_URL": "webapp"}, f"CLIENT_URL: 'webapp': {SCHEME}"),
        (["http:///who"], {}, f"URL: 'http:///who': {HOST}"),
        (["http://:8000/"], {}, f"URL: 'http://:8000/': {HOST}"),
        (["http://webapp:0/"], {}, f"URL: 'http://webapp:0/': {HOST}"),
        (["http://webapp:65536/"], {}, f"URL: 'http://webapp:65536/': {HOST}"),
        (["http://webapp:http/"], {}, f"URL: 'http://webapp:http/': {HOST}"),
        (["http://[::1/"], {}, f"URL: 'http://[::1/': {HOST}"),
        (["http://web*/"], {}, f"URL: 'http://web*/': {HOST}"),
        (
            ["http://me:secret@webapp/"],
            {},
            "URL: 'http://***@webapp/': "
            "expected no user or password: they would show in every log line",
        ),
        (
            ["http://web app/"],
            {},
            "URL: 'http://web app/': expected printable ASCII without spaces",
        ),
        (["--cuont=3"], {}, "unrecognized arguments: --cuont=3"),
        (["--inter=3"], {}, "unrecognized arguments: --inter=3"),
        (["--count"], {}, "argument --count: expected one argument"),
        (
            ["--check"],
            {},
            "--check: no file to read: expected --state FILE or CLIENT_STATE",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_setting_that_cannot_be_used_ends_the_run_with_2_and_one_line(argv, environ, message):
    out, err = io.StringIO(), io.StringIO()
    assert main(argv, environ, out, err) == 2
    assert err.getvalue() == f"client: {message} (see --help)\n"
    assert out.getvalue() == ""


def test_help_names_every_variable_and_every_exit_code():
    out = io.StringIO()
    assert main(["--help"], {}, out, io.StringIO()) == 0
    for name, _, _ in SETTINGS:
        assert "CLIENT_" + name.upper() in out.getvalue()
    for code in (0, 1, 2, 6, 7, 22, 23, 28):
        assert f"\n  {code} " in out.getvalue()


@pytest.mark.parametrize(
    ("interval", "cap", "waits"),
    [
        ("1", "8", [1, 2, 4, 8, 8]),
        ("0", "1", [0.1, 0.2, 0.4, 0.8, 1]),
        ("20", "8", [8, 8, 8, 8, 8]),
        ("1", "0", [0, 0, 0, 0, 0]),
    ],
)
def test_the_backoff_between_attempts_doubles_up_to_its_cap(interval, cap, waits):
    settings = loaded("--interval", interval, "--backoff-max", cap)
    assert [settings.backoff(n) for n in range(1, 6)] == waits


def test_the_backoff_of_a_service_that_fails_for_days_is_still_a_number():
    assert loaded("--interval", "3").backoff(1_000_000) == 8


@pytest.mark.parametrize(
    ("argv", "pauses"),
    [
        (["--count", "0"], [1, 1, 2, 4, 8, 8]),
        (["--count", "0", "--interval", "20"], [20, 20, 20, 20, 20, 20]),
        (["--count", "9"], [1, 1, 1, 1, 1, 1]),
    ],
    ids=["service", "service-with-long-interval", "finite"],
)
def test_only_a_service_waits_longer_after_failed_calls_and_never_less_than_its_interval(
    argv, pauses
):
    assert [loaded(*argv).pause(failures) for failures in range(6)] == pauses


def test_the_longest_call_counts_every_attempt_and_every_wait():
    assert loaded().longest_call == 2 * 3 + 3 * 5
    assert loaded("--retries", "2").longest_call == 3 * (2 * 3 + 3 * 5) + 2 * 8
