import pytest

from webapp.settings import Settings, SettingsError


@pytest.mark.parametrize(
    "environ",
    [{}, {"PORT": "", "WEBAPP_THREADS": "", "WEBAPP_FAULTS": ""}],
    ids=["nothing set", "set but empty, as Compose does"],
)
def test_defaults(environ):
    assert Settings.from_environ(environ) == Settings(
        port=8000, workers=2, threads=4, drain_seconds=0.5, resolve_timeout=2.0, faults=False
    )


def test_each_variable_is_read():
    environ = {
        "PORT": "80",
        "WEBAPP_WORKERS": "1",
        "WEBAPP_THREADS": "64",
        "WEBAPP_DRAIN_SECONDS": "0",
        "WEBAPP_RESOLVE_TIMEOUT": "0.25",
        "WEBAPP_FAULTS": "on",
    }
    assert Settings.from_environ(environ) == Settings(
        port=80, workers=1, threads=64, drain_seconds=0.0, resolve_timeout=0.25, faults=True
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("PORT", "tcp://10.0.0.1:80", "a whole number from 1 to 65535"),
        ("WEBAPP_WORKERS", "two", "a whole number from 1 to 32"),
        ("WEBAPP_WORKERS", "9" * 5000, "a whole number from 1 to 32"),
        ("WEBAPP_THREADS", "1", "a whole number from 2 to 64"),
        ("WEBAPP_THREADS", "4.0", "a whole number from 2 to 64"),
        ("WEBAPP_THREADS", "1_0", "a whole number from 2 to 64"),
        ("WEBAPP_THREADS", " 4", "a whole number from 2 to 64"),
        ("WEBAPP_THREADS", "٤", "a whole number from 2 to 64"),
        ("WEBAPP_DRAIN_SECONDS", "-1", "a number from 0.0 to 30.0"),
        ("WEBAPP_DRAIN_SECONDS", "30.1", "a number from 0.0 to 30.0"),
        ("WEBAPP_DRAIN_SECONDS", "nan", "a number from 0.0 to 30.0"),
        ("WEBAPP_DRAIN_SECONDS", "1e1", "a number from 0.0 to 30.0"),
        ("WEBAPP_RESOLVE_TIMEOUT", "0", "a number from 0.1 to 10.0"),
        ("WEBAPP_FAULTS", "true", "on or off"),
    ],
    ids=lambda value: value[:20],
)
def test_a_bad_value_is_named_with_what_was_expected(name, value, expected):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({name: value})
    assert str(caught.value) == f"{name}={value!r}: expected {expected}"
