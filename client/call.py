"""One call in three steps: resolve the name, connect, ask; by requests, with urllib3 below it."""

import json
import socket
import time
from datetime import UTC, datetime
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry, exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from client.report import Result, plain
from client.resolver import IN_POD

Pair = tuple[float, float]
BODY_LIMIT = 1024 * 1024  # bytes that are read; a longer answer is one by a service unknown
HEADERS = {"Accept": "application/json", "User-Agent": "two-bridges-client"}
_PORT = "Check that it listens on 0.0.0.0, on its container's own port, and still has that address"
_READY = "Check that the Service has ready pods: kubectl get endpointslices"
_TLS = "Check that it speaks TLS, with a certificate for this name"
_PATH, _LOG = "Check the path in the URL", "Check the service's log: docker logs"
# The first of these in a failed call's chain of causes tells the step, the exit code, the cure.
# The second is a kind of the third, that one of the fourth. The root has the system's words.
CAUSES = (
    (ConnectionRefusedError, "connect", 7, _READY if IN_POD else _PORT),
    (NameResolutionError, "resolve", 6, None),  # the cure depends on the resolver
    (NewConnectionError, "connect", 7, "Check that both containers share a network"),
    (ConnectTimeoutError, "connect", 28, "Check that both share a network, without a firewall"),
    (requests.exceptions.SSLError, "connect", 7, _TLS),
    (TimeoutError, "ask", 28, "Check the service's log, or raise --read-timeout"),
    (Exception, "ask", 7, "Check that it speaks HTTP on this port, and its log: docker logs"),
)


class _Answer(HTTPResponse):
    """Limits the whole answer, head and body; a socket limits each read, so nothing that drips."""

    def begin(self) -> None:
        raw: Any = self.fp.raw
        sock, read, end = raw._sock, raw.readinto, time.monotonic() + raw._sock.gettimeout()

        def readinto(buffer: Any) -> Any:
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left)
            if not (got := read(buffer)) and self.headers is None:  # else a head cut off is whole
                raise RemoteDisconnected("Remote end closed connection without response")
            return got

        raw.readinto = readinto
        super().begin()
        while self.status < 200:  # not yet the answer (RFC 9110, 15.2)
            self.headers = None  # type: ignore[assignment]
            super().begin()


class _Connection(HTTPConnection):
    """Tries the addresses of its name in their order, as its parent does, and notes them."""

    response_class = _Answer
    addresses: ClassVar[tuple[str, ...]] = ()  # of the class: a client makes one call at a time
    address: ClassVar[str | None] = None

    def _new_conn(self) -> socket.socket:
        _Connection.addresses, _Connection.address = (), None
        try:
            # As bytes: a str goes through IDNA first, which raises other errors for a bad name.
            found = socket.getaddrinfo(self._dns_host.encode(), self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        _Connection.addresses = tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        for address in _Connection.addresses:
            _Connection.address = address
            try:
                return HTTPConnection(address, self.port, timeout=self.timeout)._new_conn()
            except ConnectTimeoutError:
                if address == _Connection.addresses[-1]:
                    raise
        raise NewConnectionError(self, "the name has no address")


class _TlsConnection(_Connection, HTTPSConnection): ...


class _Retry(Retry):
    def increment(self, *args: Any, **kwargs: Any) -> Self:
        # To keep the connection, the rest of the answer would be read, which may never end.
        if response := kwargs.get("response"):
            response.close()
        return super().increment(*args, **kwargs)


class Caller(HTTPAdapter):
    """Calls one URL again and again; keeps a connection that works. All times are in seconds."""

    # No session: it follows redirects, hoards cookies, heeds the HTTP_PROXY that Docker injects.
    def __init__(self, url: str, timeouts: Pair, retries: int, waits: Pair) -> None:
        rules: dict[str, Any] = {"status_forcelist": range(500, 600), "raise_on_status": False}
        rules |= {"backoff_factor": waits[0] / 2, "backoff_max": waits[1]}
        super().__init__(max_retries=_Retry(retries, respect_retry_after_header=False, **rules))
        self._url, self._timeouts, self._retries = url, timeouts, retries

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool whose connections are ours."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _TlsConnection if pool.scheme == "https" else _Connection
        return pool

    def call(self, n: int) -> Result:
        """Make call number `n`, with its retries. Never raises for a call that fails."""
        result = Result(n, self._url, urlsplit(self._url).hostname or "")
        started, known = time.perf_counter(), _Connection.addresses
        try:
            request = requests.Request("GET", self._url, HEADERS).prepare()
            with self.send(request, stream=True, timeout=self._timeouts) as response:
                raw: Any = response.raw
                result.status, result.attempts = raw.status, len(raw.retries.history) + 1
                if raw.status < 400:
                    result.answered_by = self._hostname(raw)
                else:
                    result.code, result.error = 22, f"HTTP status {raw.status}"
                    result.cure = _PATH if raw.status < 500 else _LOG
        except (requests.RequestException, exceptions.HTTPError) as error:
            result.attempts += 0 if result.status else self._retries
            chain: list[BaseException] = [error]
            while cause := chain[-1].__cause__ or chain[-1].__context__:
                chain.append(cause)
            chain += [arg for arg in chain[-1].args if isinstance(arg, Exception)]
            result.error = plain(getattr(chain[-1], "strerror", None) or str(chain[-1]))
            row = next(row for row in CAUSES if any(isinstance(link, row[0]) for link in chain))
            _, result.step, result.code, result.cure = row
        result.addresses, result.address = _Connection.addresses, _Connection.address
        if result.code:
            self.close()  # the name may stand for another address now
            _Connection.addresses = ()
        if known and known is result.addresses and (result.code, result.status) == (7, None):
            # A server may close an idle connection just as we ask on it: that is no failure.
            return self.call(n)
        result.ms = round((time.perf_counter() - started) * 1000, 3)
        result.time = datetime.now(UTC)
        return result

    def _hostname(self, raw: Any) -> str | None:
        """Return who answered: the "hostname" of a JSON object, if the body is one that has it."""
        body = b""
        while len(body) <= BODY_LIMIT and (chunk := raw.read1(65536)):
            body += chunk
        try:
            name = json.loads(body)["hostname"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return plain(name, 64) or None if isinstance(name, str) else None
