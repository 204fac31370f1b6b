""".env.example against the code: every setting, with the default that the code has."""

import io
import re
from dataclasses import fields
from pathlib import Path

import pytest

from client.settings import Settings as ClientSettings
from client.settings import load
from webapp.settings import Settings as WebappSettings

EXAMPLE = dict(
    re.findall(r"^#([A-Z_]+)=(.*)$", (Path(__file__).parents[2] / ".env.example").read_text(), re.M)
)


@pytest.mark.parametrize("name", EXAMPLE)
def test_the_example_shows_the_default(name):
    shown = {name: EXAMPLE[name]}
    if name == "WEBAPP_PORT":  # Compose's own: the published port
        assert EXAMPLE[name] == "8000"
    elif name.startswith("WEBAPP_"):
        assert WebappSettings.from_environ(shown) == WebappSettings()
    else:
        assert load([], shown, io.StringIO()) == load([], {}, io.StringIO())


@pytest.mark.parametrize(
    ("kind", "set_by_the_image"),
    # The container's port and the state file are the image's, count and check are the service's.
    [(WebappSettings, {"port"}), (ClientSettings, {"count", "state", "check"})],
    ids=["webapp", "client"],
)
def test_every_setting_is_in_the_example(kind, set_by_the_image):
    prefix = "WEBAPP_" if kind is WebappSettings else "CLIENT_"
    shown = {name.removeprefix(prefix).lower() for name in EXAMPLE if name != "WEBAPP_PORT"}
    names = {field.name for field in fields(kind)} - set_by_the_image
    assert names <= shown
