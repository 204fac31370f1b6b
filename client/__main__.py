"""`python -m client`: takes the signals, then leaves the rest to the command."""

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(*_: object) -> None:
    # Once: a second signal must disturb neither the summary nor the exit code.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


# Held back until there is a call to interrupt. A handler, as PID 1 has no default action.
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
for number in SIGNALS:
    signal.signal(number, _interrupt)

from client.main import command  # noqa: E402

command(prog_name="python -m client")
