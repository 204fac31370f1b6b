"""A page's commands typed into an interactive bash, in a terminal of their own."""

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

from labkit.pages.session import Outcome, Session

PROMPT = re.compile(rb"<<(\d+)>> $")
ENTER = b"\x1b[?2004l\r\r\n"  # readline, when a line was typed: what comes now is not pasted
CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # control sequences: ECMA-48, 5.4
JOB = re.compile(r"\[\d+\](?: \d+|[-+ ] +(?:Done|Exit|Terminated|Running|Killed)\b.*)")


class Terminal(Session):
    """As Session, but each line is typed, and what commands print goes to a terminal.

    Left out is what a terminal alone shows: control sequences, and what bash says of its jobs.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(root)
            env = {**os.environ, "PS1": "<<$?>> ", "PS2": "", "TERM": "xterm-256color"}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], env)
        self._until_prompt(20)
        self.run("stty -echo", 20)  # readline then shows nothing of what is typed

    def _until_prompt(self, limit: float) -> bytes:
        """What is shown until bash asks for the next command; else for LIMIT seconds."""
        seen, end = b"", time.monotonic() + limit
        while not PROMPT.search(seen):
            left = max(0.0, end - time.monotonic())
            if not select.select([self.screen], [], [], left)[0]:
                return seen
            try:
                seen += os.read(self.screen, 65536)
            except OSError:  # the shell has ended
                return seen
        return seen

    def run(self, command: str, limit: float) -> Outcome:
        """Type COMMAND, and wait LIMIT seconds at most for the next prompt."""
        os.write(self.screen, command.encode() + b"\n")
        seen = self._until_prompt(limit)
        prompt = PROMPT.search(seen)
        shown = seen[: prompt.start() if prompt else None].rpartition(ENTER)[2]
        text = CODES.sub("", shown.decode(errors="replace")).removesuffix("\n")
        # What stands before a carriage return is written over.
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n") if text]
        output = [line for line in lines if not JOB.fullmatch(line)]
        if prompt is None:
            return Outcome(output, None, f"no prompt within {limit:g} s")
        return Outcome(output, int(prompt[1]))

    def close(self) -> None:
        """Hang up, as a window that is closed does; bash passes it on to its jobs."""
        if self.pid:
            os.kill(self.pid, signal.SIGHUP)
            os.close(self.screen)
            os.waitpid(self.pid, 0)
            self.pid = 0
