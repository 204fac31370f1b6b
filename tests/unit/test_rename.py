"""`./lab rename` on forks: no trace of the old name, and nothing lost on the way."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.engine import ROOT
from tests.support.fork import Fork

# In pieces: what is looked for must not be found in this file, or be renamed here.
OLD = f"{'two'}[-_]?{'bridges'}"
CREDIT = re.findall(r"^Copyright .*", (ROOT / "LICENSE").read_text(encoding="utf-8"), re.M)[-1]
PREFIX = f"{'t'}b-"


def program(root: Path) -> ModuleType:
    """scripts/rename.py of the checkout at ROOT, which it would rename."""
    spec = spec_from_file_location("rename", root / "scripts" / "rename.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fork(tmp_path: Path) -> Fork:
    return Fork(tmp_path / "fork")


def traces(fork: Fork) -> list[str]:
    """Where the old name is, in tracked files and in their paths, but for the licence's credit."""
    fork.git("add", "--all")
    found = fork.git("grep", "-niE", OLD) + fork.git("grep", "-nE", f"Two {'Bridges'}")
    found += fork.git("grep", "-nE", rf"(^|[^a-z0-9-]){PREFIX}")
    paths = [path for path in fork.git("ls-files").split("\n") if re.search(OLD, path, re.I)]
    return [line for line in found.splitlines() if not line.endswith(CREDIT)] + paths


@pytest.mark.parametrize("words", [(), ("--without-labs",)], ids=["all", "lean"])
def test_no_trace_of_the_old_name_is_left(fork: Fork, words: tuple[str, ...]) -> None:
    assert traces(fork) != []
    shown = fork.rename("corner-shop", *words, "--dry-run")
    assert (shown.returncode, fork.git("status", "--porcelain")) == (0, "")
    done = fork.rename("corner-shop", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(shown.stdout.rpartition("\nnothing was changed")[0])
    assert traces(fork) == []
    licence = (fork.folder / "LICENSE").read_text(encoding="utf-8")
    assert licence.count(CREDIT) == 1
    assert "The Corner Shop maintainers\n" in licence
    compose = (fork.folder / "compose.yaml").read_text(encoding="utf-8")
    assert "name: corner-shop\n" in compose
    assert "image: corner-shop-webapp\n" in compose
    assert (fork.folder / "README.md").read_text(encoding="utf-8").startswith("# Corner Shop\n")
    assert fork.git("diff", "--cached", "--summary", "HEAD", "--", "lab", "scripts/engine.sh") == ""
    fork.commit()
    if not words:
        again = fork.rename("corner-shop")
        assert (again.returncode, again.stdout) == (
            0, "this is corner-shop already: nothing to do\n",
        )  # fmt: skip
        other = fork.rename("other")
        assert (other.returncode, "this is corner-shop already" in other.stderr) == (2, True)
        assert fork.rename("corner-shop", "--without-labs").returncode == 0
        assert traces(fork) == []


def test_the_lean_one_is_whole(fork: Fork) -> None:
    """Nothing names what is gone, and its lock holds what its tests ask for, and no more."""
    assert fork.rename("corner-shop", "--without-labs").returncode == 0
    told = fork.run("./lab", "help").stdout
    assert re.findall(r"^  (\w+)", told, re.M) == ["up", "down", "doctor", "test", "help"]
    for word in ("up", "down", "doctor", "test"):
        assert fork.run("./lab", word, "-h").stdout.startswith(f"usage: ./lab {word}")
    assert fork.run("./lab", "rename", "x").returncode == 2
    gone = (
        "labkit/",
        "labs/",
        "scripts/labs.sh",
        "default-bridge",
        "labs:",
        "the labs",
        "--engine",
    )
    assert {word: fork.git("grep", "-n", "-e", word) for word in gone} == dict.fromkeys(gone, "")
    lock = (fork.folder / "requirements-dev.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", lock, re.M)
    assert {"pytest", "flask", "mypy", "pyyaml"} <= set(names)
    assert not {"scapy", "sybil", "playwright", "greenlet", "kubernetes-validate"} & set(names)
    via = set(re.findall(r"^    #(?: via|  ) +([\w-][\w.-]*)$", lock, re.M))
    assert via <= set(names)
    assert lock.count("# via") == len(names) > 10
    argv = ("pytest", "--collect-only", "--quiet", "--long", "--thorough")
    collected = fork.run(sys.executable, "-m", *argv)
    assert collected.returncode == 0, collected.stdout
    assert "tests/e2e/test_compose.py::" in collected.stdout


def test_each_file_is_known_to_stay_or_to_go_without_the_labs(fork: Fork) -> None:
    """A new one needs its line in one of the lists of scripts/rename.py."""
    lean = program(ROOT)
    paths = set(fork.git("ls-files").split()) - set(lean.OURS.split())
    both = [(lean.among(path, lean.STAYS), lean.among(path, lean.GOES)) for path in paths]
    assert [path for path, (stays, goes) in zip(paths, both, strict=True) if stays == goes] == []


def test_only_a_clean_tree_is_renamed(fork: Fork) -> None:
    (fork.folder / "mine.txt").write_text("not committed\n")
    done = fork.rename("corner-shop")
    assert (done.returncode, "the tree is not clean" in done.stderr) == (3, True)
    assert fork.git("status", "--porcelain") == "?? mine.txt\n"


def test_without_git_it_says_so(fork: Fork) -> None:
    (fork.folder / ".git").rename(fork.folder.parent / "away")
    done = fork.rename("corner-shop")
    assert (done.returncode, "expected a git checkout" in done.stderr) == (3, True)


def test_the_longest_name_keeps_lines_within_the_limit(fork: Fork) -> None:
    assert fork.rename("twenty-letters-named").returncode == 0
    for argv in (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["yamllint", "--strict", "."],
    ):
        done = fork.run(*argv)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My-Shop", "capitals"),
        ("my_shop", "DNS labels"),
        ("my.shop", "DNS labels"),
        ("my--shop", "single hyphens"),
        ("1shop", "a letter first"),
        ("shop-", "single hyphens"),
        ("", "a letter first"),
        ("s" * 21, "20 at most"),
        ("webapp", "a service"),
        ("client", "a service"),
        ("default", "always there"),
        ("on", "YAML"),
        ("kube-shop", "Kubernetes"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_the_rule(name: str, why: str) -> None:
    assert why in program(ROOT).wrong(name)


def test_the_name_is_looked_at_before_anything_else() -> None:
    """Here and not on a fork."""
    argv = ["./lab", "rename", "My-Shop"]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: rename: 'My-Shop': capitals: ")


def test_interrupted_half_way_every_file_is_whole_and_git_takes_it_back(
    fork: Fork, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = program(fork.folder)
    done: list[str] = []

    def until_the_ninth(path: str, *rest: str) -> None:
        if len(done) == 9:
            raise KeyboardInterrupt
        done.append(path)
        carry_out(path, *rest)

    carry_out = module.carry_out
    monkeypatch.setattr(module, "carry_out", until_the_ninth)
    monkeypatch.setattr("sys.argv", ["rename", "corner-shop"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 130
    assert "git reset --hard && git clean -fd takes all of it back" in capsys.readouterr().err
    changed = fork.git("status", "--porcelain").splitlines()
    assert [line[3:] for line in changed] == sorted(done)
    fork.git("reset", "--hard")
    fork.git("clean", "-fd")
    assert fork.git("status", "--porcelain") == ""
