"""The settings: .env.example shows, and compose.yaml passes on, what the code reads; no more."""

from collections.abc import Iterator, Mapping

import click
import pytest

from client.main import command
from tests.support.pair import COMPOSE, EXAMPLE
from webapp.settings import Settings

CLIENT = {str(param.envvar): param for param in command.params if param.envvar}
# Set by the image or by compose.yaml itself.
FIXED = {"PORT", "CLIENT_STATE", "CLIENT_COUNT"}


class Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def read_by(service: str) -> set[str]:
    asked = Asked()
    Settings.from_environ(asked)
    return (asked.names if service == "webapp" else set(CLIENT)) - FIXED


@pytest.mark.parametrize("service", ["webapp", "client"])
def test_compose_passes_on_what_the_service_reads(service: str) -> None:
    passed = {name for name in COMPOSE[service]["environment"] if "=" not in name}
    assert passed == read_by(service)


def test_the_example_shows_every_setting() -> None:
    # The published port is Compose's own.
    assert set(EXAMPLE) == {"WEBAPP_PORT"} | read_by("webapp") | read_by("client")
    shown = f"127.0.0.1:${{WEBAPP_PORT:-{EXAMPLE['WEBAPP_PORT']}}}:8000"
    assert COMPOSE["webapp"]["ports"] == [shown]


@pytest.mark.parametrize("name", sorted(set(EXAMPLE) - {"WEBAPP_PORT"}))
def test_the_example_shows_the_default(name: str) -> None:
    if name in CLIENT:
        param = CLIENT[name]
        assert param.type_cast_value(click.Context(command), EXAMPLE[name]) == param.default
    else:
        assert Settings.from_environ({name: EXAMPLE[name]}) == Settings.from_environ({})
