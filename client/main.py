"""The command: checks the settings, calls again and again, says what happened."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import click

import client
from client.state import Record, last_call

WHAT, CODES = (client.__doc__ or "").split("\n\n", 1)


def _url(text: str) -> str:
    pattern = r"https?://(\w[\w.-]*|\[[\w:.]+\])(:\d+)?([/?#][!-~]*)?"
    with suppress(ValueError):
        if re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE) and urlsplit(text).port != 0:
            return text
    shown = re.sub("//.*@", "//***@", text)  # it would show in every line of output
    raise click.BadParameter(f"{shown!a}: expected http[s]://HOST[:PORT][/PATH], no password")


def _number(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
    if value != value:  # only nan is not itself, and it passes every range
        raise click.BadParameter("nan: expected a number")
    return value


def _option(name: str, kind: Any, default: Any, note: str) -> Callable[[Any], Any]:
    variable = f"CLIENT_{name[2:].replace('-', '_').upper()}"
    shown: dict[str, Any] = {"show_envvar": True, "show_default": True, "callback": _number}
    return click.option(name, type=kind, default=default, envvar=variable, help=note, **shown)


def _say(line: str) -> None:
    try:
        click.echo(line)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            click.echo(f"client: cannot write the output: {error.strerror}", err=True)
        os._exit(23)  # sys.exit would flush once more, and fail a second time


WHOLE, TRIES = click.IntRange(0), click.IntRange(0, 500)  # urllib3 recurses with each retry
SECONDS, TIMEOUT = click.FloatRange(0, 86400), click.FloatRange(0, 86400, min_open=True)


@click.command(help=WHAT, epilog="\b\n" + CODES, context_settings={"max_content_width": 100})
@click.argument("url", type=_url, envvar="CLIENT_URL", default="http://webapp:8000/")
@_option("--count", WHOLE, 1, "Calls; 0 is for ever, as a service, which waits after failures.")
@_option("--interval", SECONDS, 1.0, "Wait between two calls.")
@_option("--connect-timeout", TIMEOUT, 3.0, "Per address. Of a look-up: man resolv.conf.")
@_option("--read-timeout", TIMEOUT, 5.0, "For the whole answer, head and body.")
@_option("--retries", TRIES, 0, "Without an answer, or after a 5xx. The first does not wait.")
@_option("--backoff-max", SECONDS, 8.0, "Longest wait after failures; it doubles up to it.")
@_option("--format", click.Choice(["text", "json"]), "text", "For people, or JSON lines.")
@_option("--state", click.Path(dir_okay=False, readable=False), None, "A service's last call.")
@click.option("--check", is_flag=True, help="Print the call kept in --state, exit with its code.")
def command(url: str, count: int, interval: float, state: str, check: bool, **rest: Any) -> None:
    """Do what the settings say, and exit with a code that the package's docstring explains."""
    if check:
        if not state:
            raise click.UsageError("--check: no file: expected --state FILE or CLIENT_STATE")
        code, line = last_call(state)
        _say(line)
        sys.exit(code)

    # Here, because they bring requests along, which --check, every few seconds, does without.
    from client.call import Caller
    from client.report import Summary, json_line, text_line
    from client.resolver import look

    as_json = rest["format"] == "json"
    timeouts = rest["connect_timeout"], rest["read_timeout"]
    retries, waits = rest["retries"], (max(interval, 0.1), rest["backoff_max"])
    # Seconds until the next call is recorded at the latest, on a busy machine.
    longest_call = (retries + 1) * (2 * timeouts[0] + 3 * timeouts[1] + waits[1]) + 5
    pause, backoff = 0.0, waits[0]
    summary, record = Summary(), Record(state) if state and not count else None
    with suppress(KeyboardInterrupt), closing(Caller(url, timeouts, retries, waits)) as caller:
        while not count or summary.calls < count:
            # Signals come through only here, so that no line of output is cut in half.
            held = signal.pthread_sigmask(signal.SIG_SETMASK, ())
            time.sleep(pause)
            result = caller.call(summary.calls + 1)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            summary.add(result)
            text = text_line(result, where := look())
            _say(json_line(result, where) if as_json else text)
            failed = result.code and not count
            pause = max(interval, min(backoff, waits[1])) if failed else interval
            backoff = min(2 * backoff, 86400) if failed else waits[0]
            if record:
                record.write(result.code, text, pause + longest_call)
    code = summary.last_failed if count else summary.last
    if as_json or count != 1:
        _say(summary.json(code) if as_json else summary.text())
    sys.exit(code)
