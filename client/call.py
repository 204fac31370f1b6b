"""One call in three steps, each bounded in time: resolve the name, connect, ask."""

import json
import queue
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from client.settings import Settings
from client.trouble import Code, Trouble, plain

# Bytes of an answer that are read; what is longer counts as answered, by a service unknown.
BODY_LIMIT = 1024 * 1024


@dataclass
class Result:
    """How a call ended, filled in as its steps are taken.

    `addresses` are all that the name resolved to, `address` is the one connected to or tried last.
    `ms` is the time of the last attempt in milliseconds, from the look-up to the last byte.
    """

    n: int
    attempts: int
    addresses: tuple[str, ...] = ()
    address: str | None = None
    status: int | None = None
    answered_by: str | None = None
    trouble: Trouble | None = None
    error: str | None = None
    ms: float = 0.0
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def code(self) -> Code:
        """The exit code that this call stands for."""
        return self.trouble.code if self.trouble else Code.ANSWERED


class CallError(Exception):
    """A step that failed, and why."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


def resolve(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """Return the addresses of a host, as the system prefers them. Raise CallError.

    `timeout` is in seconds.
    """
    answer: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            # As bytes: a str goes through IDNA first, which raises other errors for a bad name.
            answer.put(socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM))
        except OSError as error:
            answer.put(error)

    # getaddrinfo has no timeout and no signal ends it, so it waits in a thread of its own. A thread
    # left behind ends when the C library gives up (`man resolv.conf`), or with the process.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answer.get(timeout=timeout)
    except queue.Empty:
        reason = f"no answer from the resolver within {timeout:g} s"
        raise CallError(Trouble.UNRESOLVED, reason) from None
    if isinstance(found, OSError):
        raise CallError(Trouble.UNRESOLVED, plain(found.strerror or str(found)))
    return tuple(dict.fromkeys(sockaddr[0] for *_, sockaddr in found))


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        # A redirect is an answer. Looking for its target, requests would read all of its body.
        return None


class _TlsByName(HTTPAdapter):
    """Checks the certificate for the name, although the connection is made to an address."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"server_hostname": self._name, "assert_hostname": self._name}
        super().init_poolmanager(*args, **kwargs)


def _diagnose(error: BaseException) -> CallError:
    """Say which step an error of requests or urllib3 means, and why, in the system's words."""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    root = chain[-1]
    reason = plain(getattr(root, "strerror", None) or str(root) or type(root).__name__)
    # In this order: NewConnectionError is a kind of ConnectTimeoutError.
    for kind, trouble in (
        (ConnectionRefusedError, Trouble.REFUSED),
        (NewConnectionError, Trouble.UNREACHABLE),
        (ConnectTimeoutError, Trouble.UNANSWERED),
        (ReadTimeoutError, Trouble.SLOW),
        (SSLError, Trouble.TLS),
    ):
        if any(isinstance(link, kind) for link in chain):
            return CallError(trouble, reason)
    return CallError(Trouble.BROKEN, reason)


def _hostname(body: bytes) -> str | None:
    """Return who answered: the "hostname" of a JSON object, if the body is one that has it."""
    try:
        name = json.loads(body)["hostname"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return plain(name, 64) or None if isinstance(name, str) else None


class Caller:
    """Calls one URL again and again; keeps a connection that works, else begins with the name.

    Not for several threads.
    """

    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.url)
        self.name = parts.hostname or ""
        self._settings = settings
        self._parts = parts
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._addresses: tuple[str, ...] = ()
        self._address: str | None = None
        self._connection: HTTPConnection | None = None
        self._session = self._new_session()

    def close(self) -> None:
        """Close the connection that is kept between calls, if there is one."""
        # A session leaves the closing of its idle connections to the garbage collector.
        if self._connection:
            self._connection.close()
        self._session.close()

    def call(self, n: int) -> Result:
        """Make call number `n`, with its retries. Never raises for a call that fails."""
        for attempt in range(1, self._settings.retries + 2):
            if attempt > 1:
                time.sleep(self._settings.backoff(attempt - 1))
            result = self._attempt(n, attempt)
            if result.trouble in (None, Trouble.REJECTED):
                break
        return result

    def _attempt(self, n: int, attempt: int) -> Result:
        started = time.perf_counter()
        reused = self._connection is not None and self._connection.is_connected
        result = Result(n, attempt)
        try:
            self._take_steps(result, reused)
        except CallError as error:
            self._start_over()
            if reused and error.trouble is Trouble.BROKEN and result.status is None:
                # A server may close an idle connection just as we ask on it: that is no failure.
                return self._attempt(n, attempt)
            result.trouble, result.error = error.trouble, str(error)
        result.ms = (time.perf_counter() - started) * 1000
        result.time = datetime.now(UTC)
        return result

    def _take_steps(self, result: Result, reused: bool) -> None:
        if not reused:
            self._start_over()
            self._addresses = resolve(self.name, self._port, self._settings.connect_timeout)
        result.addresses = self._addresses
        with closing(self._ask(result, reused)) as response:
            self._connection = response.raw.connection
            result.status = response.status_code
            body = self._read(response)
        if result.status >= 400:
            trouble = Trouble.REJECTED if result.status < 500 else Trouble.FAILING
            raise CallError(trouble, f"HTTP status {result.status}")
        result.answered_by = _hostname(body)

    def _ask(self, result: Result, reused: bool) -> requests.Response:
        """Connect to the first address that lets us, ask, and return the answer's head."""
        addresses = (self._address,) if reused and self._address else self._addresses
        # Shared out, so that an address that swallows packets leaves time for the next.
        timeout = (self._settings.connect_timeout / len(addresses), self._settings.read_timeout)
        for address in addresses:
            self._address = result.address = address
            literal = f"[{address}]" if ":" in address else address
            url = self._parts._replace(netloc=f"{literal}:{self._port}").geturl()
            try:
                return self._session.get(url, timeout=timeout, stream=True)
            except (requests.RequestException, HTTPError) as error:
                failed = _diagnose(error)
            if failed.trouble.step != "connect":
                break
        raise failed

    def _read(self, response: requests.Response) -> bytes:
        """Return the body, at most a little over BODY_LIMIT; one that only drips in is cut off."""
        deadline = time.monotonic() + self._settings.read_timeout
        body = b""
        try:
            # read1 returns what is there; the other ways wait until their buffer is full.
            while len(body) <= BODY_LIMIT and (chunk := response.raw.read1(65536)):
                body += chunk
                if time.monotonic() > deadline:
                    raise CallError(Trouble.SLOW, "timed out before the whole answer")
        except HTTPError as error:
            raise _diagnose(error) from None
        return body

    def _start_over(self) -> None:
        self.close()
        self._session = self._new_session()
        self._connection = None

    def _new_session(self) -> requests.Session:
        session = _Session()
        # An HTTP_PROXY that Docker's client configuration injects would carry calls off the bridge.
        session.trust_env = False
        session.mount("https://", _TlsByName(self.name.rstrip(".")))
        session.headers = {
            "Host": self._parts.netloc,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "two-bridges-client",
        }
        return session
