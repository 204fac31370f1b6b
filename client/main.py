"""The command: everything outside comes in as a parameter, the exit code goes out."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TextIO

from client import resolver, settings, state
from client.stop import Interrupted, Stop
from client.trouble import Code, plain


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    stdout: TextIO,
    stderr: TextIO,
    look: Callable[[], resolver.Resolver] = resolver.look,
) -> int:
    """Do what the arguments and the environment say; return the exit code.

    `look` tells the resolver and the bridge. Signal handlers are as before on return.
    """
    try:
        chosen = settings.load(argv, environ, stdout)
    except settings.SettingsError as error:
        print(f"client: {plain(str(error), 400)} (see --help)", file=stderr)
        return Code.USAGE
    try:
        if chosen is None:
            return Code.ANSWERED
        if chosen.check and chosen.state:
            code, line = state.check(chosen.state)
            print(line, file=stdout, flush=True)
            return code
        with Stop() as stop:
            return _run(chosen, stdout, stderr, look, stop)
    except BrokenPipeError:
        return Code.OUTPUT
    except OSError as error:
        print(f"client: cannot write the output: {error.strerror}", file=stderr)
        return Code.OUTPUT


def _run(
    chosen: settings.Settings,
    stdout: TextIO,
    stderr: TextIO,
    look: Callable[[], resolver.Resolver],
    stop: Stop,
) -> Code:
    # Here, because they bring requests along: --check runs every few seconds and needs none of it,
    # and as PID 1 a SIGTERM during this import would be lost without the handlers above.
    from client.call import Caller
    from client.report import Summary, json_line, text_line

    caller, summary = Caller(chosen), Summary()
    in_a_row, warned, interrupted = 0, False, False
    as_json = chosen.format == "json"
    try:
        for n in count(1):
            with stop.may_interrupt():
                result = caller.call(n)
            summary.add(result)
            where = look()
            text = text_line(result, caller.name, where)
            line = json_line(result, caller.name, chosen.url, where) if as_json else text
            print(line, file=stdout, flush=True)
            in_a_row = in_a_row + 1 if result.trouble else 0
            pause = chosen.pause(in_a_row)
            if chosen.state:
                try:
                    state.record(chosen.state, result.code, text, pause + chosen.longest_call)
                except OSError as error:
                    if not warned:
                        where_to = plain(str(chosen.state))
                        print(f"client: cannot write {where_to}: {error.strerror}", file=stderr)
                    warned = True
            if n == chosen.count:
                break
            with stop.may_interrupt():
                time.sleep(pause)
    except Interrupted:
        interrupted = True
    finally:
        caller.close()

    as_service = interrupted and chosen.count == 0
    code = summary.last if as_service else summary.last_failed
    if as_json:
        print(summary.json(code), file=stdout, flush=True)
    elif chosen.count != 1:
        print(summary.text(), file=stdout, flush=True)
    return code
