"""Every setting, from the command line or the environment, checked before the first call."""

import argparse
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO
from urllib.parse import urlsplit

import client


class SettingsError(Exception):
    """A setting that cannot be used; its text is one line for the user."""


@dataclass(frozen=True)
class Settings:
    """The checked settings. Times are in seconds; a `count` of 0 means for ever."""

    url: str
    count: int
    interval: float
    connect_timeout: float
    read_timeout: float
    retries: int
    backoff_max: float
    format: str
    state: Path | None
    check: bool

    def backoff(self, failures: int) -> float:
        """Return the wait in seconds after so many failures in a row: it doubles up to the cap."""
        # An interval of 0 still backs off; 2**30 is past any cap, and larger powers overflow.
        return min(self.backoff_max, max(self.interval, 0.1) * 2.0 ** min(failures - 1, 30))

    def pause(self, failures: int) -> float:
        """Return the wait in seconds before the next call, after so many failed ones in a row."""
        if failures and self.count == 0:
            return max(self.interval, self.backoff(failures))
        return self.interval

    @property
    def longest_call(self) -> float:
        """The seconds that one call can take, with all its attempts and their waits."""
        # The look-up and the connect each take one timeout; head and body up to three (call.py).
        attempt = 2 * self.connect_timeout + 3 * self.read_timeout
        return (self.retries + 1) * attempt + self.retries * self.backoff_max


def _url(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("expected printable ASCII without spaces")
    if not text.lower().startswith(("http://", "https://")):
        raise ValueError("expected http:// or https:// at its start")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
        if ":" in host:
            ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError("expected HOST or HOST:PORT, with a port from 1 to 65535") from None
    if "@" in parts.netloc:
        raise ValueError("expected no user or password: they would show in every log line")
    if port == 0 or not re.fullmatch(r"[\w.:-]+", host):
        raise ValueError("expected HOST or HOST:PORT, with a port from 1 to 65535")
    return text


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("expected a whole number from 0 to 999999999")
    return int(text)


def _seconds(text: str) -> float:
    # A pattern, because float() also takes nan, inf, 1e9 and 1_000.
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) > 86400:
        raise ValueError("expected seconds from 0 to 86400, such as 1 or 0.5")
    return float(text)


def _timeout(text: str) -> float:
    seconds = _seconds(text)
    if seconds == 0:
        raise ValueError("expected more than 0 seconds")
    return seconds


def _format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("expected text or json")
    return text


def _state(text: str) -> Path | None:
    if text and not Path(text).name:
        raise ValueError("expected a file")
    return Path(text) if text else None


@dataclass(frozen=True)
class _Option:
    name: str
    default: str
    metavar: str
    parse: Callable[[str], object]
    help: str

    @property
    def flag(self) -> str:
        return "URL" if self.name == "url" else "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "CLIENT_" + self.name.upper()


_OPTIONS = (
    _Option("url", "http://webapp:8000/", "URL", _url, "what to call"),
    _Option("count", "1", "N", _whole, "how many calls; 0 is for ever, as a service"),
    _Option("interval", "1", "SECONDS", _seconds, "wait between two calls"),
    _Option("connect_timeout", "3", "SECONDS", _timeout, "for the look-up, and for the connect"),
    _Option(
        "read_timeout",
        "5",
        "SECONDS",
        _timeout,
        "longest silence, and for all of the answer's body",
    ),
    _Option(
        "retries", "0", "N", _whole, "further attempts of a failed call; never after an HTTP 4xx"
    ),
    _Option(
        "backoff_max", "8", "SECONDS", _seconds, "longest wait after failures; it doubles up to it"
    ),
    _Option(
        "format", "text", "text|json", _format, "lines for people, or one JSON object per line"
    ),
    _Option("state", "", "FILE", _state, "where to keep the last call's result, for --check"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def load(argv: Sequence[str], environ: Mapping[str, str], stdout: TextIO) -> Settings | None:
    """Return the settings: an option wins over its variable, an empty variable counts as unset.

    Print the help to `stdout` and return None if that is what was asked for. Raise SettingsError
    for anything that cannot be used.
    """
    what, rest = (client.__doc__ or "").split("\n", 1)
    parser = _Parser(
        prog="python -m client",
        description=what,
        epilog=rest.strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this and exit")
    parser.add_argument(
        "--check",
        action="store_true",
        help="print the last call kept in --state, exit with its code",
    )
    for option in _OPTIONS:
        note = f"{option.help} [{option.variable}, default {option.default or 'none'}]"
        nargs = {"nargs": "?"} if option.flag == "URL" else {}
        parser.add_argument(option.flag, metavar=option.metavar, help=note, **nargs)  # type: ignore[arg-type]
    given = vars(parser.parse_args(argv))
    if given["help"]:
        parser.print_help(stdout)
        return None

    values: dict[str, Any] = {"check": given["check"]}
    for option in _OPTIONS:
        source, text = option.flag, given["URL" if option.flag == "URL" else option.name]
        if text is None:
            source, text = option.variable, environ.get(option.variable) or option.default
        try:
            values[option.name] = option.parse(text)
        except ValueError as error:
            shown = re.sub(r"//.*@", "//***@", text)  # not even here a password
            raise SettingsError(f"{source}: {shown!a}: {error}") from None
    settings = Settings(**values)
    if settings.check and settings.state is None:
        raise SettingsError("--check: no file to read: expected --state FILE or CLIENT_STATE")
    return settings
