"""What can go wrong with a call: the step that failed, the exit code, what to try."""

from enum import Enum, IntEnum


class Code(IntEnum):
    """The exit codes, explained in the package's docstring."""

    ANSWERED = 0
    NO_RECORD = 1
    USAGE = 2
    RESOLVE = 6
    CONNECT = 7
    STATUS = 22
    OUTPUT = 23
    TIMEOUT = 28


class Trouble(Enum):
    """Why a call was not answered, as (step, code, cure)."""

    UNRESOLVED = "resolve", Code.RESOLVE, "Check the name, and that this resolver knows it"
    REFUSED = (
        "connect",
        Code.CONNECT,
        "Check that it listens on 0.0.0.0, on its container's own port",
    )
    UNREACHABLE = "connect", Code.CONNECT, "Check that both containers share a network"
    UNANSWERED = "connect", Code.TIMEOUT, "Check that both share a network, without a firewall"
    TLS = "connect", Code.CONNECT, "Check that it speaks TLS, with a certificate for this name"
    BROKEN = "ask", Code.CONNECT, "Check that it speaks HTTP on this port, and its log: docker logs"
    SLOW = "ask", Code.TIMEOUT, "Check the service's log, or raise --read-timeout"
    REJECTED = "ask", Code.STATUS, "Check the path in the URL"
    FAILING = "ask", Code.STATUS, "Check the service's log: docker logs"

    def __init__(self, step: str, code: Code, cure: str) -> None:
        self.step = step
        self.code = code
        self.cure = cure


def plain(text: str, limit: int = 200) -> str:
    """Return text of unknown origin as printable ASCII on one line, of at most `limit` characters.

    What a service sends must not move a terminal's cursor or forge a second line.
    """
    return "".join(c if " " <= c <= "~" else "?" for c in text[:limit])
