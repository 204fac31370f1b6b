"""What a command shows on a terminal of so many columns."""

import os
import pty
import re
import struct
import subprocess
from collections.abc import Mapping
from fcntl import ioctl
from termios import TIOCSWINSZ

from tests.support.engine import LIMIT, ROOT

ERASE = "\r\x1b[K"  # to the beginning of the line, and the rest of it away


def on_a_terminal(*words: str, width: int = 80, env: Mapping[str, str] | None = None) -> list[str]:
    """The lines that WORDS leave there; what was written over must have fitted too."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    seen = b""
    with subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            while some := os.read(ours, 65536):
                seen += some
        except OSError:  # all that had it have ended
            pass
        process.wait(LIMIT)
    os.close(ours)
    text = seen.decode().replace("\r\n", "\n")
    shown = re.split(f"\n|{re.escape(ERASE)}", text)
    assert [line for line in shown if len(line) > width or "\x1b" in line] == [], text
    return [line.rpartition(ERASE)[2] for line in text.rstrip("\n").split("\n")]
