"""The record of the last call, and the healthcheck that reads it."""

import io
import json
import socket
import subprocess
import sys
import time

import pytest

from client.main import main
from client.state import SLACK, check, record
from client.trouble import Code


@pytest.fixture
def closed_port():
    """A port that nobody listens on; bound, so that nobody else takes it meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def checked(path) -> tuple[int, str]:
    out = io.StringIO()
    code = main(["--check"], {"CLIENT_STATE": str(path)}, out, io.StringIO())
    return code, out.getvalue()


@pytest.mark.parametrize("code", [Code.ANSWERED, Code.RESOLVE, Code.TIMEOUT], ids=str)
def test_check_repeats_the_last_calls_line_and_code(tmp_path, code):
    record(tmp_path / "last", code, "12:00:00  webapp  what happened", 10)
    assert checked(tmp_path / "last") == (code, "12:00:00  webapp  what happened\n")


def test_a_new_record_replaces_the_old_one_and_leaves_no_other_file(tmp_path):
    record(tmp_path / "last", Code.CONNECT, "first", 10)
    record(tmp_path / "last", Code.ANSWERED, "second", 10)
    assert check(tmp_path / "last") == (Code.ANSWERED, "second")
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_two_clients_record_at_once(tmp_path):
    """As the service does, and a `docker exec` beside it."""
    code = (
        "import sys; from pathlib import Path; from client.state import record\n"
        "for n in range(300): record(Path(sys.argv[1]), 0, str(n), 10)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "last")]
    both = [subprocess.Popen(argv) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert check(tmp_path / "last") == (Code.ANSWERED, "299")
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_without_a_record_check_returns_1_and_says_so(tmp_path):
    code, line = checked(tmp_path / "last")
    assert code == 1
    assert line == f"no call recorded yet in {tmp_path}/last\n"


def test_a_stale_record_of_a_good_call_is_not_good(tmp_path):
    record(tmp_path / "last", Code.ANSWERED, "all well", -SLACK - 7)
    code, line = checked(tmp_path / "last")
    assert code == 1
    assert line == "stale by 7 s, last call: all well\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"code": 99, "line": "", "valid_until": 9e9}',
        b'{"code": 0, "line": "", "valid_until": "soon"}',
        b'{"code": 0, "line": "", "valid_until": null}',
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "binary", "list", "null", "no-keys", "code", "time", "no-time", "deep"],
)
def test_a_file_that_is_no_record_returns_1_and_says_so(tmp_path, content):
    (tmp_path / "last").write_bytes(content)
    code, line = checked(tmp_path / "last")
    assert code == 1
    assert line == f"not a record of a call: {tmp_path}/last\n"


def test_a_record_without_a_time_that_means_anything_is_stale(tmp_path):
    (tmp_path / "last").write_text('{"code": 0, "line": "", "valid_until": NaN}')
    assert checked(tmp_path / "last")[0] == 1


def test_a_file_that_cannot_be_read_returns_1_and_says_why(tmp_path):
    assert checked(tmp_path) == (1, f"cannot read {tmp_path}: Is a directory\n")


def test_a_record_cannot_print_a_second_line(tmp_path):
    record(tmp_path / "last", Code.ANSWERED, "one\ntwo", 10)
    assert checked(tmp_path / "last") == (0, "one?two\n")


def test_a_run_keeps_its_last_call_for_as_long_as_the_next_may_take(tmp_path, closed_port):
    path = tmp_path / "last"
    out = io.StringIO()
    argv = [f"http://127.0.0.1:{closed_port}/", "--state", str(path), "--format", "json"]
    assert main(argv, {}, out, io.StringIO()) == 7
    kept = json.loads(path.read_text())
    assert kept["code"] == 7
    assert "FAILED to connect (exit 7): Connection refused" in kept["line"]
    interval, longest_call = 1, 2 * 3 + 3 * 5
    assert kept["valid_until"] - time.time() == pytest.approx(interval + longest_call + 5, abs=1)


def test_a_state_that_cannot_be_written_is_said_once_and_the_run_goes_on(tmp_path, closed_port):
    out, err = io.StringIO(), io.StringIO()
    argv = [f"http://127.0.0.1:{closed_port}/", "--count", "3", "--interval", "0"]
    assert main([*argv, "--state", str(tmp_path / "no" / "last")], {}, out, err) == 7
    assert out.getvalue().count("FAILED to connect") == 3
    assert err.getvalue() == f"client: cannot write {tmp_path}/no/last: No such file or directory\n"


def test_check_does_without_requests_as_it_runs_every_few_seconds(tmp_path):
    script = (
        "import sys; from client.main import main;"
        "code = main(['--check', '--state', sys.argv[1]], {}, sys.stdout, sys.stderr);"
        "assert code == 1, code; assert not {'requests', 'urllib3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "last")], check=True)
