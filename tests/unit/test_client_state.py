"""The health record: who writes it, and the health check that reads it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client.state import Record
from tests.support.client_run import Ran, closed_port, run


def checked(path: Path) -> tuple[int, str]:
    ran = run("--check", CLIENT_STATE=str(path))
    return ran.code, ran.out


def write(path: Path, code: int, line: str, valid_for: float = 60) -> None:
    Record(str(path)).write(code, line, valid_for)


@pytest.mark.parametrize("code", [0, 6, 28])
def test_check_repeats_the_last_calls_line_and_code(tmp_path: Path, code: int) -> None:
    write(tmp_path / "last", code, "12:00:00  webapp  what happened")
    assert checked(tmp_path / "last") == (code, "12:00:00  webapp  what happened\n")


def test_a_new_record_replaces_the_old_one(tmp_path: Path) -> None:
    record = Record(str(tmp_path / "last"))
    record.write(7, "first", 60)
    record.write(0, "second", 60)
    assert checked(tmp_path / "last") == (0, "second\n")


def test_a_second_service_does_not_write_while_the_first_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `docker exec` starts one, which inherits CLIENT_COUNT=0 and CLIENT_STATE."""
    path = tmp_path / "last"
    script = (
        "import sys; from client.state import Record\n"
        "Record(sys.argv[1]).write(0, 'the service', 60); print('written', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "written\n"
        second = Record(str(path))
        second.write(7, "the other", 60)
        assert checked(path) == (0, "the service\n")
        first.stdin.close()
    second.write(7, "the other", 60)
    assert checked(path) == (7, "the other\n")
    assert capsys.readouterr().err == ""


def test_without_a_record_check_returns_1_and_says_so(tmp_path: Path) -> None:
    assert checked(tmp_path / "last") == (1, f"no call recorded yet in {tmp_path}/last\n")


def test_a_stale_record_of_a_good_call_is_not_good(tmp_path: Path) -> None:
    write(tmp_path / "last", 0, "all well", valid_for=-7)
    assert checked(tmp_path / "last") == (1, "stale by 7 s, last call: all well\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"code": 0, "line": "", "valid_until": "soon"}',
        b'{"code": 0, "line": "", "valid_until": null}',
    ],
    ids=["empty", "cut", "binary", "list", "null", "no-keys", "time", "no-time"],
)
def test_a_file_that_is_no_record_returns_1_and_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last").write_bytes(content)
    assert checked(tmp_path / "last") == (1, f"not a record of a call: {tmp_path}/last\n")


def test_a_record_without_a_time_that_means_anything_is_stale(tmp_path: Path) -> None:
    (tmp_path / "last").write_text('{"code": 0, "line": "", "valid_until": NaN}')
    assert checked(tmp_path / "last")[0] == 1


def service(monkeypatch: pytest.MonkeyPatch, path: Path, *argv: str, calls: int = 1) -> Ran:
    """Run against a port that nobody listens on, until a number of calls is made."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > calls:
            raise KeyboardInterrupt

    monkeypatch.setattr("client.main.time.sleep", sleep)
    with closed_port() as port:
        return run(f"http://127.0.0.1:{port}/", f"--state={path}", *argv)


def test_a_service_keeps_its_last_call_for_as_long_as_the_next_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last"
    before = time.time()
    service(monkeypatch, path, "--count=0", "--format=json")
    kept = json.loads(path.read_text())
    assert kept["code"] == 7
    assert "FAILED to connect (exit 7): Connection refused" in kept["line"]
    pause, longest_call, slack = 1, 2 * 3 + 3 * 5 + 8, 5
    assert before <= kept["valid_until"] - (pause + longest_call + slack) <= time.time()


def test_a_run_that_is_no_service_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(monkeypatch, tmp_path / "last", "--count=3", calls=3)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_cannot_be_written_is_said_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = service(monkeypatch, tmp_path / "no" / "last", "--count=0", calls=3)
    assert ran.out.count("FAILED to connect") == 3
    assert ran.err == f"client: cannot write {tmp_path}/no/last: No such file or directory\n"


def test_an_empty_state_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = service(monkeypatch, Path(), "--count=0", "--state=")
    assert (ran.err, list(tmp_path.iterdir())) == ("", [])


def test_check_does_without_requests_as_it_runs_every_few_seconds(tmp_path: Path) -> None:
    script = (
        "import sys; from client.main import command\n"
        "try: command(['--check', '--state', sys.argv[1]])\n"
        "except SystemExit as end: assert end.code == 1, end\n"
        "assert not {'requests', 'urllib3', 'dataclasses', 'socket'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "last")], check=True)
