"""Commands against a real engine, and the pair on it under names of the tests' own."""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.until import until

ROOT = Path(__file__).parents[2]
LABEL = ("--label", "two-bridges=test")
LIMIT = 110  # seconds, so that a command that hangs is named before pytest's own limit
Done = subprocess.CompletedProcess[str]


def run(
    *words: str, check: bool = True, stdin: str = "", env: Mapping[str, str] | None = None
) -> Done:
    """Run a command in the repository; fail the test with its output when it fails."""
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        input=stdin,
        text=True,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def docker(*words: str, check: bool = True) -> Done:
    return run("docker", *words, check=check)


def cut_off(
    argv: list[str],
    moment: str | Callable[[], object],
    number: int,
    env: Mapping[str, str] | None = None,
) -> int:
    """The exit code of ARGV when it gets signal NUMBER.

    MOMENT is when: the beginning of a line that it prints, or a condition.
    """
    with subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        if isinstance(moment, str):
            assert any(line.startswith(moment) for line in process.stdout)
        else:
            until(lambda: moment() or process.poll() is not None)
        assert process.poll() is None, "it ended before its moment"
        process.send_signal(number)
        process.stdout.read()
    return process.returncode


def fresh_name() -> str:
    return f"tb-e2e-{uuid.uuid4().hex[:8]}"


@dataclass
class Pair:
    """The two services of compose.yaml, as one Compose project."""

    project: str
    env: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def compose(self, *words: str) -> Done:
        argv = ("docker", "compose", "--project-name", self.project, *words)
        return run(*argv, env={"WEBAPP_PORT": "0", **self.env})

    def container(self, service: str) -> str:
        if service not in self.ids:
            self.ids[service] = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        return self.ids[service]

    def inspect(self, service: str) -> Any:
        return json.loads(docker("inspect", self.container(service)).stdout)[0]

    def end(self, service: str) -> Any:
        """A service's end of the pair's network: its address, the gateway."""
        return self.inspect(service)["NetworkSettings"]["Networks"][self.network]

    def python(self, service: str, *words: str, user: str = "10001") -> str:
        argv = ("exec", "--user", user, self.container(service), "python", *words)
        return docker(*argv).stdout

    def logs(self, service: str) -> list[Any]:
        """The JSON lines that a service wrote."""
        lines = docker("logs", self.container(service)).stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def network(self) -> str:
        return f"{self.project}_pair"

    @property
    def url(self) -> str:
        """Where the webapp is published on this machine."""
        [port, *_] = self.inspect("webapp")["NetworkSettings"]["Ports"]["8000/tcp"]
        return f"http://{port['HostIp']}:{port['HostPort']}"
