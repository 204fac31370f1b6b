"""`./lab` in a hostile environment: one clear line, a documented code, and nothing left."""

import os
import subprocess
from itertools import product
from pathlib import Path

import pytest

from tests.support.engine import ROOT, Done, docker, fresh_name, run

WORDS = (
    "up", "down", "compare", "trace", "draw", "doctor", "run", "check", "clean", "break", "fix",
    "nodes", "record", "test",
)  # fmt: skip
WRONG = ("--frobnicate", "../../etc/passwd", "$(id)", "é\n", "9" * 4000)
SETTINGS = "lab: the settings cannot be used: "


def lab_at(folder: Path, *words: str, **env: str) -> Done:
    """Run it for a project of the test's own that is never there."""
    env = {"COMPOSE_PROJECT_NAME": fresh_name(), **env}
    return run(str(folder / "lab"), *words, check=False, env=env)


def lab(*words: str, **env: str) -> Done:
    return lab_at(ROOT, *words, **env)


def one_line(done: Done, code: int, *texts: str) -> None:
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert all(text in done.stderr for text in ("lab: ", *texts)), done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `./lab up` and `down` need, in a folder that no other test reads."""
    sources = "lab scripts compose.yaml Dockerfile requirements.txt webapp client"
    run("cp", "--recursive", *sources.split(), str(tmp_path))
    return tmp_path


def test_wrong_arguments_are_refused_before_anything_is_done(
    request: pytest.FixtureRequest,
) -> None:
    """Each word with each of them with --long; tests/unit/test_lab.py has one for each word."""
    some = [("up", WRONG[2]), ("run", WRONG[1]), ("doctor", WRONG[3]), ("test", WRONG[4])]
    for word, argument in product(WORDS, WRONG) if request.config.option.long else some:
        done = lab(word, argument)
        assert done.returncode == 2, (argument, done.stderr)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert f"lab {word}: error: " in done.stderr or done.stderr.startswith("lab: ")
        assert len(done.stderr.splitlines()) <= 3  # the word's usage before it


@pytest.mark.parametrize("word", ["check", "fix"])
def test_an_empty_number_is_no_page(word: str) -> None:
    done = lab(word, "")
    assert (done.returncode, done.stdout) == (2, "")
    assert " ''" in done.stderr


@pytest.mark.parametrize(
    ("word", "env", "text"),
    [
        ("up", {"WEBAPP_PORT": "garbage"}, "WEBAPP_PORT, expected a port from 1 to 65535: garbage"),
        ("down", {"WEBAPP_PORT": "99999"}, "99999"),
        ("down", {"COMPOSE_PROJECT_NAME": "Bad Name!"}, 'invalid project name "Bad Name!"'),
        ("up", {"COMPOSE_FILE": "/nowhere/compose.yaml"}, "/nowhere/compose.yaml"),
    ],
    ids=["port", "high-port", "project", "file"],
)
def test_settings_that_compose_refuses_are_named(word: str, env: dict[str, str], text: str) -> None:
    one_line(lab(word, **env), 2, SETTINGS, text, ".env.example")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'WEBAPP_PORT="8001\n', 'unterminated quoted value "8001'),
        (b"\x00\x01\xff\n", "unexpected character"),
        (b"WEBAPP_PORT=soon\r\n", "soon"),
        (b"\xef\xbb\xbfWEBAPP_PORT=late\n", "late"),
    ],
    ids=["quotes", "binary", "crlf", "bom"],
)
def test_a_broken_dot_env_is_named(checkout: Path, content: bytes, text: str) -> None:
    (checkout / ".env").write_bytes(content)
    one_line(lab_at(checkout, "down"), 2, SETTINGS, text)


def test_a_variable_that_nobody_knows_does_no_harm(checkout: Path) -> None:
    (checkout / ".env").write_bytes(b"NOBODY=knows\r\n")
    assert lab_at(checkout, "down").returncode == 0


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"DOCKER_HOST": "garbage"}, "the engine at garbage does not answer"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "tcp://127.0.0.1:1"),
        ({"DOCKER_CONTEXT": "nope"}, "nope"),
        ({"DOCKER_API_VERSION": "9.99"}, "9.99"),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"}, "/nowhere"),
        ({"HOME": "/proc/nowhere"}, "HOME=/proc/nowhere: expected"),
    ],
)
def test_what_keeps_docker_from_answering_is_named(env: dict[str, str], text: str) -> None:
    one_line(lab("up", **env), 3, text)


def test_without_docker_or_python_it_says_which(tmp_path: Path) -> None:
    for name in ("bash", "dirname", "mkdir", "mv", "env", "uname", "id"):
        found = subprocess.check_output(["which", name], text=True).strip()
        (tmp_path / name).symlink_to(found)
    one_line(lab("draw", PATH=str(tmp_path)), 3, "python3 is missing")
    (tmp_path / "python3").symlink_to("/bin/false")
    one_line(lab("draw", PATH=str(tmp_path)), 3, "does not start")
    one_line(lab("doctor", PATH=str(tmp_path)), 3, "./lab up")


HARMLESS = {
    "CDPATH": "/:/tmp", "BASH_ENV": "/nowhere", "POSIXLY_CORRECT": "1", "IFS": "/",
    "GREP_OPTIONS": "--color=always", "GREP_COLORS": "x", "NO_COLOR": "1", "TMPDIR": "/nowhere",
    "LC_ALL": "C", "LANG": "xx_YY", "PYTHONIOENCODING": "ascii", "PYTHONHOME": "/nowhere",
    "PYTHONINSPECT": "1", "PYTHONSTARTUP": "/nowhere", "PYTHONWARNINGS": "error",
}  # fmt: skip


def test_what_shells_and_python_take_from_the_environment_changes_nothing(
    request: pytest.FixtureRequest,
) -> None:
    """All at once; with --long each alone too, as one may hide another."""
    alone = (
        [{name: value} for name, value in HARMLESS.items()] if request.config.option.long else []
    )
    for env in (HARMLESS, *alone):
        done = lab("down", **env)
        assert (done.returncode, done.stderr) == (0, ""), env
        one_line(lab("draw", "no-such-network", **env), 2, "NAME 'no-such-network': expected")


def test_without_a_home_it_goes_on() -> None:
    argv = ["env", "-u", "HOME", "./lab", "down"]
    done = run(*argv, check=False, env={"COMPOSE_PROJECT_NAME": fresh_name()})
    assert (done.returncode, done.stderr) == (0, "")


def test_a_module_of_the_readers_own_does_not_stand_before_labkits(tmp_path: Path) -> None:
    for name in ("json", "argparse", "labkit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    one_line(lab("draw", "no-such-network", PYTHONPATH=str(tmp_path)), 2, "no-such-network")


def test_an_output_that_is_full_is_not_success() -> None:
    done = run("sh", "-c", "./lab help >/dev/full", check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_a_full_disk_is_named_and_nothing_is_left(checkout: Path) -> None:
    """A checkout whose .lab is a disk of its own, with no byte free."""
    project, state = fresh_name(), checkout / ".lab"
    state.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(state))
    try:
        run("sh", "-c", f"cat /dev/zero >{state}/full || true")
        done = lab_at(checkout, "up", COMPOSE_PROJECT_NAME=project, WEBAPP_PORT="0")
    finally:
        run("umount", str(state))
    one_line(done, 3, f"cannot write to {state}", "a disk that is not full")
    of_project = ("--filter", f"label=com.docker.compose.project={project}", "--quiet")
    assert docker("ps", "--all", *of_project).stdout == ""
    assert docker("network", "ls", *of_project).stdout == ""
