"""Bad input to the real service: no 5xx that was not asked for, no hang, nothing that grows.

Schemathesis goes by the document that the service serves, Hypothesis by what a socket can carry.
The same seed makes the same cases: BAD_INPUT_SEED, or the one that stands here. --long: 10,000.
"""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.support.engine import LABEL, docker
from tests.support.pair import COMPOSE
from tests.support.until import until

SEED = int(os.environ.get("BAD_INPUT_SEED", "12"))
LIMIT = 30  # seconds in which an answer has come, or the connection has ended
GROWTH = 32  # MiB that all of gunicorn's processes together may hold more than before
FILES = 8  # more of them: each worker opens its metrics' at the first request that it answers
# What is asked for: any status, and what a resolver that refuses makes of a name.
CONFIG = """
[[operations]]
include-path = "/delay/{seconds}"
parameters = { "path.seconds" = 0.01 }
[[operations]]
include-path = "/status/{code}"
checks.not_a_server_error.enabled = false
checks.positive_data_acceptance.enabled = false
[[operations]]
include-path = "/resolve"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "502", "504"]
checks.positive_data_acceptance.enabled = false
"""
# Process id, resident memory in KiB and open files of each of gunicorn's processes.
LOOK = r"""
import json, os
from pathlib import Path
found = {}
for one in Path("/proc").glob("[0-9]*"):
    if b"-m\0gunicorn\0" in (one / "cmdline").read_bytes():
        status = dict(line.split(":", 1) for line in (one / "status").read_text().splitlines())
        found[one.name] = int(status["VmRSS"].split()[0]), len(os.listdir(one / "fd"))
print(json.dumps(found))
"""


class Service(NamedTuple):
    """The webapp in a container, hardened and limited as in compose.yaml, its resolver refusing."""

    container: str
    address: str

    def processes(self) -> dict[str, tuple[int, int]]:
        found = json.loads(docker("exec", self.container, "python", "-c", LOOK).stdout)
        return {pid: (memory, files) for pid, (memory, files) in found.items()}

    def health(self) -> int:
        url = f"http://{self.address}:8000/healthz"
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:
            return int(answer.status)

    def ask(self, pieces: tuple[bytes, ...], half: bool) -> bytes:
        """What comes back for PIECES, sent one after the other, when nothing more is sent.

        With HALF the connection is reset instead.
        """
        answer = b""
        with socket.create_connection((self.address, 8000), timeout=LIMIT) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                if half:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    return answer
                connection.shutdown(socket.SHUT_WR)
                while chunk := connection.recv(65536):
                    answer += chunk
            except (ConnectionResetError, BrokenPipeError):
                pass  # a refusal, with some of the request unread
        return answer


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    webapp = COMPOSE["webapp"]
    limits = webapp["deploy"]["resources"]["limits"]
    container = docker(
        "run", "--detach", *LABEL, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--security-opt", *webapp["security_opt"], "--memory", limits["memory"],
        "--pids-limit", str(limits["pids"]), "--dns", "127.0.0.1", "--env", "WEBAPP_FAULTS=on",
        "--env", "WEBAPP_RESOLVE_TIMEOUT=0.1", webapp["image"],
    ).stdout.strip()  # fmt: skip
    try:
        where = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
        address = docker("inspect", container, "--format", where).stdout.strip()
        check = ("exec", container, "python", "-m", "webapp.check")
        until(lambda: docker(*check, check=False).returncode == 0)
        yield Service(container, address)
    finally:
        docker("rm", "--force", container)


@pytest.fixture
def unharmed(service: Service) -> Iterator[None]:
    """Afterwards the service is healthy, with the same processes, and no larger than before."""
    service.health()
    before = service.processes()
    yield
    assert service.health() == 200

    files = sum(files for _, files in before.values())
    # Connections that were kept open run into gunicorn's own limits first.
    until(lambda: sum(n for _, n in service.processes().values()) <= files + FILES)
    after = service.processes()
    assert after.keys() == before.keys(), "a worker has died"
    grown = (sum(m for m, _ in after.values()) - sum(m for m, _ in before.values())) / 1024
    print(
        f"open files: {files}, then {sum(n for _, n in after.values())}; memory: {grown:+.1f} MiB"
    )
    assert grown < GROWTH
    said = docker("logs", service.container)
    assert "Traceback" not in said.stdout + said.stderr


def told(cases: int, failures: int) -> None:
    print(f"cases: {cases}, failures: {failures}, seed: {SEED}")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.timeout(3600)
def test_the_service_keeps_to_its_document(
    service: Service, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"http://{service.address}:8000"
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=LIMIT) as answer:
        # From a file: a document's own address it would leave out.
        (tmp_path / "openapi.json").write_bytes(answer.read())
    (tmp_path / "config.toml").write_text(CONFIG)
    examples = 700 if request.config.option.long else 15
    done = subprocess.run(
        [Path(sys.executable).parent / "schemathesis", "--config-file", "config.toml", "run",
         "openapi.json", "--url", url, "--phases", "examples,coverage,fuzzing", "--no-color",
         "--max-examples", str(examples), "--seed", str(SEED), "--generation-database", "none",
         "--request-timeout", str(LIMIT), "--continue-on-failure"],
        cwd=tmp_path, text=True, capture_output=True, check=False,
    )  # fmt: skip
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated, done.stdout + done.stderr
    told(int(generated[1]), done.stdout.count("- ST"))
    assert done.returncode == 0, done.stdout


PATHS = (
    "/", "/?live", "/healthz", "/metrics", "/openapi.json", "/static/live.js", "/static/", "/nope",
    "/static/..%2fapp.py", "/static/%00", "//", "/delay/0", "/delay/-0.0", "/delay/1e9",
    "/status/503", "/status/204", "/resolve", "/resolve?name=localhost", "*", "http://x/", "x:80",
)  # fmt: skip
NAMES = (
    "accept", "accept-encoding", "range", "if-none-match", "if-modified-since", "if-range",
    "content-type", "content-length", "transfer-encoding", "expect", "host", "connection",
    "cookie", "upgrade", "x-forwarded-for", "x-forwarded-proto", "forwarded",
    "script_name", "path_info", "user-agent",
)  # fmt: skip
VALUES = (
    "text/html", "*/*;q=nan", "bytes=9-1", "bytes=-99999999999", "chunked", "gzip, chunked",
    "-1", "9" * 20, "close", "keep-alive, upgrade", "100-continue", "::", "[",
    "multipart/form-data", "Fri, 99 Foo 99999 99:99:99 GMT", "=;=", "/a",
)  # fmt: skip
BODIES = (
    b"", b"x", b"0\r\n\r\n", b"-1\r\n", b"zz\r\n\r\n", b"fffffffffffffffff\r\nx", b"5\r\nab",
    b"1;" + b"x" * 9000, b"0\r\nA: " + b"x" * 9000, b"GET /status/200 HTTP/1.1\r\n\r\n", b"\0" * 99,
)  # fmt: skip

junk = st.binary(max_size=40).map(lambda some: some.decode("latin-1"))
names = st.text(max_size=80).map(lambda name: f"/resolve?name={quote(name, errors='ignore')}")
good_names, good_paths = st.sampled_from(NAMES), st.sampled_from(PATHS) | names
long_paths = st.integers(1000, 9000).map(lambda n: "/resolve?name=" + "a." * n)
good_values = st.sampled_from(VALUES)
values = good_values | junk | st.sampled_from(["", "a" * 9000, "\x7f"])
methods = st.sampled_from(["GET", "GET", "HEAD", "OPTIONS", "POST", "BREW"])
# What a server has to look at, each with what may stand there instead.
PARTS: dict[str, tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "method": (methods, st.sampled_from(["TRACE", "CONNECT", ""]) | junk),
    "path": (good_paths, long_paths | junk.map(lambda some: "/" + some)),
    "version": (st.just("HTTP/1.1"), st.sampled_from(["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", ""])),
    "heads": (
        st.lists(st.tuples(good_names, good_values), max_size=3),
        st.lists(st.tuples(good_names | junk, values), max_size=9) | st.just([("a", "b")] * 150),
    ),
    "end": (st.just("\r\n"), st.sampled_from(["\n", "\r", "\r\n ", "\0\r\n"])),
    "body": (st.just(b""), st.sampled_from(BODIES)),
}


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request with one part of it spoilt, or none, or what is no request at all."""
    spoilt = draw(st.sampled_from(["", "", "", *PARTS, "all"]))
    if spoilt == "all":
        return bytes(draw(st.binary(max_size=200)))
    drawn = {part: draw(some[part == spoilt]) for part, some in PARTS.items()}
    heads = [f"{name}: {value}" for name, value in drawn["heads"]]
    line = f"{drawn['method']} {drawn['path']} {drawn['version']}"
    text: str = drawn["end"].join([line, "Host: webapp", *heads, "", ""])
    body: bytes = drawn["body"]
    return text.encode("latin-1", "ignore") + body


@st.composite
def sent(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A connection's bytes: one to three requests, at once, in two pieces, or cut off."""
    whole = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    cut = draw(st.integers(0, len(whole)))
    pieces = draw(st.sampled_from(["one", "one", "two", "cut off"]))
    return {"one": (whole,), "two": (whole[:cut], whole[cut:]), "cut off": (whole[:cut],)}[pieces]


def asked_for(status: int, request: bytes) -> bool:
    """Whether a 5xx is an answer to what REQUEST says (501: RFC 9112, 6.1)."""
    words = {501: b"transfer-encoding", 502: b"/resolve", 503: b"/status/", 504: b"/resolve"}
    return words.get(status, b"\0never") in request.lower()


@pytest.mark.usefixtures("unharmed")
@pytest.mark.timeout(3600)
def test_whatever_a_connection_carries(service: Service, request: pytest.FixtureRequest) -> None:
    cases = 0

    @seed(SEED)
    @settings(
        max_examples=8000 if request.config.option.long else 400,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sent(), st.integers(0, 9))
    def case(pieces: tuple[bytes, ...], reset: int) -> None:
        nonlocal cases
        cases += 1
        answer = service.ask(pieces, half=reset == 0)
        assert not answer or answer.startswith(b"HTTP/1."), answer[:99]
        for status in map(int, re.findall(rb"^HTTP/1\.\d (\d{3}) ", answer, re.M)):
            assert status < 500 or asked_for(status, b"".join(pieces)), answer[:999]

    case()
    told(cases, 0)
