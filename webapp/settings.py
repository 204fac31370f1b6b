"""The settings: all of them, read from the environment in this one place."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Settings:
    """What the service can be told. `.env.example` says why each exists."""

    port: int
    workers: int
    threads: int  # of each worker
    resolve_timeout: float  # seconds
    faults: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables, an empty one as if not set; ValueError names one that is bad."""

        def number(name: str, default: Number, low: Number, high: Number) -> Number:
            text = environ.get(name) or str(default)
            with suppress(ValueError):
                if low <= (value := type(default)(text)) <= high:
                    return value
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise ValueError(f"{name}={text!r}: expected {kind} from {low} to {high}")

        faults = environ.get("WEBAPP_FAULTS") or "off"
        if faults not in ("on", "off"):
            raise ValueError(f"WEBAPP_FAULTS={faults!r}: expected on or off")
        return cls(
            port=number("PORT", 8000, 1, 65535),
            workers=number("WEB_CONCURRENCY", 2, 1, 32),
            threads=number("WEBAPP_THREADS", 16, 1, 64),
            resolve_timeout=number("WEBAPP_RESOLVE_TIMEOUT", 2.0, 0.1, 10.0),
            faults=faults == "on",
        )
