"""The page of a webapp on a user-defined bridge, which a client calls each second."""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.browser import ARTEFACTS, Look
from tests.support.engine import Pair, docker, fresh_name
from tests.support.until import until

Looks = Callable[..., Look]
CALLS = r"(\d+) calls?"


@pytest.fixture(scope="module")
def pair(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair()


def calls(look: Look) -> int:
    """How often the pair's client has called, as the drawing says."""
    found = re.search(rf"-client-1 \S+ {CALLS}", look.drawing())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_it_draws_what_was_measured(pair: Pair, look: Looks, width: int, scheme: str) -> None:
    shown = look(pair.url, width, color_scheme=scheme)
    page = shown.open()
    client, webapp = pair.end("client"), pair.end("webapp")
    drawing = page.locator(".here svg")
    expect(drawing).to_contain_text(f"{pair.project}-client-1")
    network = json.loads(docker("network", "inspect", pair.network).stdout)[0]["IPAM"]["Config"][0]
    for text in (
        pair.inspect("webapp")["Config"]["Hostname"],
        f"{webapp['IPAddress']}/{webapp['IPPrefixLen']}",
        network["Subnet"],
        f"gateway {network['Gateway']}",
        "127.0.0.11",
        client["IPAddress"],
    ):
        expect(drawing).to_contain_text(text)
    expect(page.locator(".other")).to_contain_text("would fail")
    expect(page.locator("dl")).to_contain_text("the only one that the name webapp has")
    shown.shoot(f"page-{width}-{scheme}")


def test_it_is_new_each_second_without_a_reload(pair: Pair, look: Looks) -> None:
    shown = look(pair.url)
    page = shown.open()
    page.evaluate("window.sameDocument = true")
    page.fill("#name", "half a na")
    first = until(lambda: calls(shown))
    until(lambda: calls(shown) > first + 1)
    assert page.evaluate("window.sameDocument")
    assert page.input_value("#name") == "half a na"
    # The page's own poll is no caller's call, and the last call is always a client's or a look.
    assert len(shown.polls()) >= 2
    way = page.locator(".here .packet")
    expect(way).to_have_css("animation-name", "there-and-back")


def test_a_client_appears_and_leaves_within_three_seconds(
    pair: Pair, look: Looks, start: Callable[..., str]
) -> None:
    """Counted in polls, of which each second has one: a slow machine is slow in both."""
    shown = look(pair.url)
    page = shown.open()
    name = fresh_name()
    words = ("--network", pair.network, "--name", name)
    one = start(*words, "two-bridges-client", "--count", "0", "http://webapp:8000/")
    card = page.locator(".here svg text", has_text=name)
    expect(card).to_be_visible()
    seen = time.time() * 1000
    stamp = docker("logs", "--timestamps", one).stdout.split()[0]
    called = datetime.fromisoformat(stamp[:26] + "+00:00").timestamp() * 1000
    assert len([at for at in shown.polls() if called < at < seen]) <= 3
    shown.shoot("a-client-more")

    removing = time.time() * 1000
    docker("rm", "--force", one)
    removed = time.time() * 1000
    expect(page.locator(".here .gone")).to_have_count(1)
    gone = time.time() * 1000
    assert len([at for at in shown.polls() if removed < at < gone]) <= 3
    shown.shoot("a-client-less")
    report = {"appeared_s": (seen - called) / 1000, "left_s": (gone - removing) / 1000}
    (ARTEFACTS / "times.json").write_text(json.dumps(report) + "\n")


LOOKUPS = {
    "works": ("client", 200, "answered", None),
    "hosts": ("localhost", 200, "/etc/hosts", None),
    "fails": ("no-such-host.invalid", 404, "was asked", "NXDOMAIN"),
    "malformed": ("a..b", 400, None, "EmptyLabel"),
}


@pytest.mark.parametrize("kind", LOOKUPS)
@pytest.mark.parametrize("width", [360, 1440])
def test_a_look_up_shows_who_answered(pair: Pair, look: Looks, kind: str, width: int) -> None:
    name, status, said, reason = LOOKUPS[kind]
    shown = look(pair.url, width)
    page = shown.open()
    page.fill("#name", name)
    with page.expect_navigation() as navigation:
        page.click("button")
    assert navigation.value
    assert navigation.value.status == status
    drawing = page.locator(".here svg")
    if said:
        expect(drawing).to_contain_text(said)
        expect(drawing.locator(".pill.asked")).to_have_count(1)
    else:
        expect(drawing.locator(".asked")).to_have_count(0)
    expect(drawing.locator(".answer")).to_contain_text(reason or "→")
    if kind == "works":
        address = pair.end("client")["IPAddress"]
        expect(drawing.locator(".answer")).to_have_text(f"client → {address}")
        expect(drawing.locator(".box.asked")).to_have_count(1)
    shown.shoot(f"look-up-{kind}-{width}")


HTML = "<img src=x onerror=alert(1)>"


def test_html_in_a_look_up_is_text(pair: Pair, look: Looks) -> None:
    page = look(pair.url).open()
    page.fill("#name", HTML)
    page.click("button")
    expect(page.locator("h1")).to_have_text(HTML)
    assert page.locator("img").count() == 0


def test_html_in_headers_is_text(pair: Pair, look: Looks) -> None:
    shown = look(pair.url)

    def forge(route: Route) -> None:
        names = ("Host", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "Referer")
        route.fulfill(
            response=route.fetch(headers={"Accept": "text/html"} | dict.fromkeys(names, HTML))
        )

    shown.page.route(shown.url + "/nowhere", forge)
    shown.page.route(shown.url + "/", forge)
    page = shown.open()
    expect(page.locator("h1")).to_be_visible()
    assert page.locator("img").count() == 0


def test_it_works_without_javascript(pair: Pair, look: Looks) -> None:
    shown = look(pair.url, 360, java_script_enabled=False)
    page = shown.open()
    expect(page.locator("#stale")).to_contain_text("reload")
    page.screenshot(path=ARTEFACTS / "no-javascript-360.png", full_page=True)
    first = calls(shown)

    def reloaded() -> bool:
        page.reload()
        return calls(shown) > first

    until(reloaded)
    page.fill("#name", "client")
    page.click("button")
    expect(page.locator(".here .answer")).to_contain_text("client →")
    assert shown.polls() == []


def test_nothing_moves_where_motion_is_not_wanted(pair: Pair, look: Looks) -> None:
    shown = look(pair.url, reduced_motion="reduce")
    page = shown.open()
    until(lambda: calls(shown))
    expect(page.locator(".here .way")).to_have_count(1)
    expect(page.locator(".here .packet")).to_be_hidden()
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_tab_that_nobody_sees_asks_nothing(pair: Pair, look: Looks) -> None:
    shown = look(pair.url)
    page = shown.open()
    shown.next_poll()
    shown.next_poll()
    turn = """hidden => {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(turn, True)
    page.wait_for_load_state("networkidle")
    asked = len(shown.polls())
    page.wait_for_timeout(2500)  # what is tested is that time goes by
    assert len(shown.polls()) == asked
    with page.expect_request("**/?live"):
        page.evaluate(turn, False)


def test_it_says_when_nobody_answers_any_more(pair: Pair, chromium: Browser) -> None:
    shown = Look(chromium, pair.url)  # not `look`: that the poll fails is an error in the console
    page = shown.open()
    page.route("**/?live", lambda route: route.abort())
    expect(page.locator("#stale")).to_contain_text("No answer since")
    page.unroute("**/?live")
    expect(page.locator("#stale")).to_be_empty()
    shown.context.close()


def test_it_weighs_less_than_50_kb(pair: Pair, look: Looks) -> None:
    shown = look(pair.url)
    shown.open()
    shown.next_poll()
    answers = [one.response() for one in shown.requests]
    sizes = {answer.url: len(answer.body()) for answer in answers if answer}
    (ARTEFACTS / "weight.json").write_text(json.dumps(sizes, indent=2) + "\n")
    assert {url.rpartition("/")[2] for url in sizes} >= {"", "style.css", "live.js", "?live"}
    assert sum(sizes.values()) < 50_000


def test_the_policy_is_strict_and_no_asset_is_from_outside(pair: Pair, look: Looks) -> None:
    shown = look(pair.url)
    answer = shown.page.goto(shown.url + "/")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    added = """() => { const script = document.createElement('script');
      script.textContent = 'window.ran = true'; document.body.append(script); return window.ran }"""
    assert shown.page.evaluate(added) is None
    assert [error for error in shown.errors if "Content Security Policy" in error]
    shown.errors.clear()  # the one just made
    assert len((Path(__file__).parents[2] / "webapp/static/live.js").read_text().splitlines()) <= 80
