import os
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.settings import Settings

ROOT = Path(__file__).parents[2]
DEFAULTS = Settings(port=8000, workers=2, threads=16, resolve_timeout=2.0, faults=False)
WHOLE, NUMBER = "a whole number from", "a number from"


@pytest.mark.parametrize("value", [None, ""], ids=["not set", "empty, as Compose does"])
def test_defaults(value: str | None) -> None:
    names = ("PORT", "WEB_CONCURRENCY", "WEBAPP_THREADS", "WEBAPP_RESOLVE_TIMEOUT", "WEBAPP_FAULTS")
    assert Settings.from_environ({name: value for name in names if value is not None}) == DEFAULTS


def test_each_variable_is_read() -> None:
    environ = {
        "PORT": "80",
        "WEB_CONCURRENCY": "1",
        "WEBAPP_THREADS": "64",
        "WEBAPP_RESOLVE_TIMEOUT": "0.25",
        "WEBAPP_FAULTS": "on",
    }
    assert Settings.from_environ(environ) == Settings(
        port=80, workers=1, threads=64, resolve_timeout=0.25, faults=True
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "0", f"{WHOLE} 1 to 65535"),
        ("PORT", "tcp://10.0.0.1:80", f"{WHOLE} 1 to 65535"),
        ("WEB_CONCURRENCY", "33", f"{WHOLE} 1 to 32"),
        ("WEB_CONCURRENCY", "9" * 5000, f"{WHOLE} 1 to 32"),
        ("WEBAPP_THREADS", "4.0", f"{WHOLE} 1 to 64"),
        ("WEBAPP_RESOLVE_TIMEOUT", "0", f"{NUMBER} 0.1 to 10.0"),
        ("WEBAPP_RESOLVE_TIMEOUT", "nan", f"{NUMBER} 0.1 to 10.0"),
        ("WEBAPP_FAULTS", "true", "on or off"),
    ],
    ids=lambda value: value[:20],
)
def test_a_bad_value_is_named_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Settings.from_environ({name: value})
    assert str(caught.value) == f"{name}={value!r}: expected {expected}"


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "WEBAPP_THREADS"])
def test_a_bad_value_stops_it_at_the_start(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "webapp"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: "two"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"webapp: {name}='two': expected a whole number from 1 to ")
    assert done.stderr.count("\n") == 1
