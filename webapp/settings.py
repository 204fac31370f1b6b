"""The settings: all of them, read from the environment in this one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

Number = TypeVar("Number", int, float)

# Plain digits only: int() and float() alone would also take "1_0", "nan" and " 7".
_SPELLINGS = {int: r"[0-9]{1,6}", float: r"[0-9]{1,6}(\.[0-9]{1,6})?"}


class SettingsError(ValueError):
    """A value that cannot be used; the text names the variable, the value and what was expected."""


def bounded(text: str, kind: type[Number], low: Number, high: Number) -> Number:
    """Return the number that `text` spells, as `kind`, both bounds included.

    Raises ValueError, whose text says what was expected, for anything else.
    """
    if not re.fullmatch(_SPELLINGS[kind], text) or not low <= kind(text) <= high:
        name = "a whole number" if kind is int else "a number"
        raise ValueError(f"expected {name} from {low} to {high}")
    return kind(text)


@dataclass(frozen=True)
class Settings:
    """What the service can be told. `.env.example` says why each exists."""

    port: int = 8000
    workers: int = 2
    threads: int = 4  # of each worker
    drain_seconds: float = 0.5
    resolve_timeout: float = 2.0  # seconds
    faults: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables; one that is missing or empty (as Compose passes it) has its default.

        Raises SettingsError for the first value that cannot be used.
        """

        def number(name: str, default: Number, low: Number, high: Number) -> Number:
            value = environ.get(name) or str(default)
            try:
                return bounded(value, type(default), low, high)
            except ValueError as error:
                raise SettingsError(f"{name}={value!r}: {error}") from None

        faults = environ.get("WEBAPP_FAULTS") or "off"
        if faults not in ("on", "off"):
            raise SettingsError(f"WEBAPP_FAULTS={faults!r}: expected on or off")
        return cls(
            port=number("PORT", cls.port, 1, 65535),
            workers=number("WEBAPP_WORKERS", cls.workers, 1, 32),
            # Two at least: half of them may be held by slow requests, the rest answer the probes.
            threads=number("WEBAPP_THREADS", cls.threads, 2, 64),
            drain_seconds=number("WEBAPP_DRAIN_SECONDS", cls.drain_seconds, 0.0, 30.0),
            resolve_timeout=number("WEBAPP_RESOLVE_TIMEOUT", cls.resolve_timeout, 0.1, 10.0),
            faults=faults == "on",
        )
