"""`python -m client`: takes the signals, then leaves the rest to the command."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:  # once: a second signal must not disturb the summary
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    # Held back until there is a call to interrupt. A handler, as PID 1 has no default action.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    from client.main import command

    command(prog_name="python -m client")
