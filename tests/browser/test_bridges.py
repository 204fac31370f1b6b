"""The page elsewhere: on the default bridge, with replicas, under a forged name, with no room."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browser import Look
from tests.support.engine import Pair, docker

Looks = Callable[..., Look]
HTML = "<b>x</b>"


@pytest.fixture(scope="module")
def default(make_pair: Callable[..., Pair]) -> Pair:
    """The webapp alone: the client would call it by name, which fails there."""
    files = "compose.yaml:compose.default-bridge.yaml"
    return make_pair("webapp", COMPOSE_FILE=files)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_on_the_default_bridge(
    default: Pair, look: Looks, start: Callable[..., str], width: int, scheme: str
) -> None:
    address = default.inspect("webapp")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    client = start("two-bridges-client", "--count", "0", f"http://{address}:8000/")
    form = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
    caller = docker("inspect", "--format", form, client).stdout.strip()
    shown = look(default.url, width, color_scheme=scheme)
    page = shown.open()
    drawing = page.locator(".here svg")
    for text in (caller, address, "a caller without a name", "knows no container", "gateway"):
        expect(drawing).to_contain_text(text)
    expect(page.locator("h2#bridge")).to_have_text(re.compile("On Docker.s default bridge"))
    expect(page.locator(".other")).to_contain_text("would fail")
    shown.shoot(f"default-bridge-{width}-{scheme}")
    page.fill("#name", "client")
    page.click("button")
    expect(page.locator(".here .box.failed")).to_have_count(1)
    shown.shoot(f"default-bridge-look-up-{width}-{scheme}")


def test_three_replicas_say_which_of_them_answered(
    make_pair: Callable[..., Pair], look: Looks
) -> None:
    pair = make_pair("--scale", "webapp=3")
    names = set()
    for number in ("1", "2", "3"):
        port = pair.compose("port", "--index", number, "webapp", "8000").stdout.strip()
        shown = look(f"http://{port}", 360 if number == "1" else 1440)
        page = shown.open()
        expect(page.locator(".here svg")).to_contain_text("one of 3 replicas")
        answered = page.locator("dd").first
        expect(answered).to_contain_text("one of 3 that the name webapp has")
        names.add(page.locator("h1").text_content())
        shown.shoot(f"replica-{number}")
    assert len(names) == 3


def test_html_in_the_host_name_is_text(start: Callable[..., str], look: Looks) -> None:
    words = ("--hostname", HTML, "--publish", "127.0.0.1::8000")
    container = start(*words, "two-bridges-webapp")
    look_into(container, look).shoot("host-name-with-html")


def test_it_answers_when_there_is_no_room_for_the_record(
    start: Callable[..., str], look: Looks
) -> None:
    container = start("--hostname", HTML, "--publish", "127.0.0.1::8000", "two-bridges-webapp")
    shown = look_into(container, look)
    fill = "import os\nwith open('/dev/shm/fill', 'wb') as f:\n while f.write(bytes(65536)): pass"
    full = docker("exec", container, "python", "-c", fill, check=False)
    assert "No space left on device" in full.stderr
    for path in ("/", "/resolve?name=localhost", "/nowhere") * 4:
        shown.page.request.get(shown.url + path)
    expect(shown.open().locator("h1")).to_have_text(HTML)
    assert not re.search("SIG|Traceback", docker("logs", container).stderr)


def look_into(container: str, look: Looks) -> Look:
    """Open the page of a container that has just started."""
    port = docker("port", container, "8000").stdout.split()[0]
    wait = "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz')"
    words = ("exec", container, "sh", "-c", f'until python -c "{wait}" 2>/dev/null; do :; done')
    docker(*words)
    shown = look(f"http://{port}")
    expect(shown.open().locator("h1")).to_have_text(HTML)
    assert shown.page.locator("h1 b, svg b").count() == 0
    return shown
