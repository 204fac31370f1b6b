"""`./lab doctor --report`: what it tells of a machine, and what of it is nobody's business."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labkit import docker
from labkit.__main__ import main
from labkit.doctor.report import ROOT, without_names
from labkit.pages import words

INFO = {
    "ServerVersion": "29.7.2",
    "OperatingSystem": "Docker Desktop",
    "Architecture": "aarch64",
    "KernelVersion": "6.12.5",
    "Driver": "overlayfs",
    "FirewallBackend": {"Driver": "nftables"},
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
    "Name": "alices-laptop",
}
SAID = {
    "git": "v1.0.0-dirty",
    "info": json.dumps(INFO),
    "compose": "2.40.3",
    "buildx": "buildx v0.29.1",
    "image": "0f7ba8c2d6e9 stand-in",
}
PAGE = "# 07 A page\n\n## Look\n\n```console\n$ echo right\nright\n```\n"
BROKEN = "\n## Broken\n\n```console\n$ sh -c 'exit 3'\n```\n"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    said = dict(SAID)

    def command(*argv: str, **_: Any) -> CompletedProcess[str]:
        return CompletedProcess(argv, 0, said[argv[1] if argv[0] == "docker" else "git"], "")

    monkeypatch.setattr(docker, "command", command)
    monkeypatch.setattr(docker, "take_signals", lambda: None)
    monkeypatch.setattr("socket.gethostname", lambda: "alices-laptop.example.org")
    monkeypatch.setattr(words, "ROOT", tmp_path)
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs" / "07-a-page.md").write_text(PAGE)
    return said


def test_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--report"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["lab"] == "v1.0.0-dirty"
    assert rows["engine"] == "29.7.2 on Docker Desktop, aarch64, kernel 6.12.5"
    assert rows["backend"] == "nftables, overlayfs, seccomp, rootless"
    assert rows["compose"] == "2.40.3, buildx v0.29.1"
    assert rows["image"] == "two-bridges-client: 0f7ba8c2d6e9 stand-in"


@pytest.mark.parametrize("said", ["no such host", '{"ServerErrors": ["no such host"]}'])
def test_without_an_engine(
    machine: dict[str, str], capsys: pytest.CaptureFixture[str], said: str
) -> None:
    machine["info"] = said
    assert main(["doctor", "--report"]) == 0
    assert capsys.readouterr().out.endswith("engine  no such host\n")


def test_a_page_is_there_with_every_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> str:
        assert main(["doctor", "--report", "7"]) == 0
        return capsys.readouterr().out

    page = tmp_path / "labs" / "07-a-page.md"
    assert told().endswith("\n\npage 07 holds here\n")
    page.write_text(PAGE.replace("echo right", "echo wrong on alices-laptop"))
    assert "07-a-page.md:6: Look" in told()
    page.write_text(PAGE.replace("echo right", "echo wrong on alices-laptop") + BROKEN)
    assert "\n-right\n+wrong on (host)\n" in (both := told())
    assert "07-a-page.md:13: Broken" in both
    assert "expected exit status 0, got 3" in both
    page.write_text(PAGE.replace("## Look", "<!-- lab: makes file x -->"))
    (tmp_path / "x").touch()
    assert "\n\nalready there, from an earlier run or another lab: file x;" in told()


def test_no_such_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "--report", "11"])
    assert "there is no page '11'" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["doctor"], ["doctor", "--json"]])
def test_nobody_named(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "expected CONTAINER, or --report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host1 host1.corp: my-host1 host10", "(host) (host).corp: my-host1 host10"),
        ("host1.example.org is host1", "(host) is (host)"),
        (f"{ROOT}/labs/07.md:6 /home/alice/x", "labs/07.md:6 ~/x"),
        ("172.18.0.2 10.0.0.1 192.168.1.4", "172.18.0.2 10.0.0.1 192.168.1.4"),
        ("8.8.8.8, 172.32.0.1:80 1.1.1.1.", "(public), (public):80 (public)."),
        ("fd00::2 ::1 fe80::1%eth0/64", "fd00::2 ::1 fe80::1%eth0/64"),
        ("[2a00:1450::1]:80 2a00:1::/32 2a00:1450::1:", "[(public)]:80 (public)/32 (public)"),
        ("::ffff:8.8.8.8", "(public)"),
        ("02:42:ac:11:00:02. 9C:b6:d0:11:22:33.", "02:42:ac:11:00:02. (MAC)"),
        ("09:31:05 engine 28.5.2 26.1.5+dfsg1", "09:31:05 engine 28.5.2 26.1.5+dfsg1"),
    ],
)  # fmt: skip
def test_what_is_nobodys_business(text: str, told: str) -> None:
    assert without_names(text, "host1.example.org", "/home/alice") == told
