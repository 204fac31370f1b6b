"""One bash that stays, and takes a page's commands one after the other."""

import contextlib
import os
import secrets
import select
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

MOST = 1_000_000  # bytes of output that one command may print
_GRACE = 1.0  # seconds between asking processes to end and killing them


@dataclass(frozen=True)
class Outcome:
    """What a command did: its output by line, its status, and why it was ended where it was."""

    output: list[str]
    status: int | None  # None: it never came to one
    trouble: str = ""


class Session:
    """A bash in ROOT, in a process group of its own, with standard error in its output.

    What a command changes in the shell (variables, directory) stays for the next. Standard input
    of every command is empty. A command that hangs, or ends the shell, ends the session: the next
    command finds a fresh one, without the variables.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bash: subprocess.Popen[bytes] | None = None

    def _start(self) -> subprocess.Popen[bytes]:
        quiet = {"LC_ALL": "C.UTF-8", "TERM": "dumb", "BUILDKIT_PROGRESS": "plain"}
        bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.root,
            env={**os.environ, **quiet, "DOCKER_CLI_HINTS": "false"},
            start_new_session=True,  # Ctrl-C reaches us alone, and we end the whole group
        )
        assert bash.stdin  # noqa: S101  # a pipe
        # return: the next command finds $? as the one before left it.
        bash.stdin.write(b"lab_end() { printf '%s %s\\n' $1 $2; return $2; }\n")
        return bash

    def run(self, command: str, limit: float) -> Outcome:
        """Run COMMAND to its end, or until LIMIT seconds have passed."""
        bash = self.bash = self.bash or self._start()
        assert bash.stdin  # noqa: S101  # a pipe
        assert bash.stdout  # noqa: S101  # a pipe
        mark = secrets.token_hex(16)
        # eval: a syntax error stays in the command, and the redirection does not make a subshell.
        line = f"eval {shlex.quote(command)} </dev/null\nlab_end {mark} $?\n"
        with contextlib.suppress(BrokenPipeError):
            bash.stdin.write(line.encode())
            bash.stdin.flush()
        seen, end = b"", time.monotonic() + limit
        while True:
            text, found, rest = seen.partition(mark.encode() + b" ")
            if found and rest.endswith(b"\n"):
                return Outcome(_lines(text), int(rest))
            wait = min(0.2, max(0.0, end - time.monotonic()))
            ready, _, _ = select.select([bash.stdout], [], [], wait)
            chunk = os.read(bash.stdout.fileno(), 65536) if ready else b""
            seen += chunk
            trouble = ""
            if len(seen) > MOST:
                seen, trouble = seen[:2000], f"it printed more than {MOST} bytes"
            elif not ready and time.monotonic() > end:
                trouble = f"it did not end within {limit:g} s"
            elif not chunk and bash.poll() is not None:
                trouble = f"it ended the shell (status {bash.returncode})"
            if trouble:
                status = bash.returncode  # None where it was not the shell that ended
                self.close()
                return Outcome(_lines(seen), status, trouble)

    def close(self) -> None:
        """End the shell and whatever runs in its process group."""
        bash, self.bash = self.bash, None
        if bash is None:
            return
        deadline = time.monotonic() + _GRACE
        with contextlib.suppress(ProcessLookupError, PermissionError):  # once all have ended
            # Gently first: docker then tells the engine that nobody waits any more.
            os.killpg(bash.pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                bash.poll()  # reaps it, else its group would never be gone
                os.killpg(bash.pid, 0)
                time.sleep(0.02)
            os.killpg(bash.pid, signal.SIGKILL)
        with contextlib.suppress(OSError), bash:
            pass  # closes the pipes


def _lines(text: bytes) -> list[str]:
    return text.decode(errors="replace").removesuffix("\n").split("\n") if text else []
