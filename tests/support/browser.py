"""A page in a real Chromium, watched: what it logs, asks for and weighs."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

ARTEFACTS = Path(__file__).parents[2] / ".lab" / "artefacts"
LIMIT = 60_000  # milliseconds, for what is waited for
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
# Texts of a drawing that stand outside it or on one another.
CLASHES = """svg => {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter(text => text.textContent.trim());
  const boxes = texts.map(text => [text.textContent.trim(), text.getBoundingClientRect()]);
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 2
    || b.bottom <= a.top + 2;
  const outside = boxes.filter(([, a]) => a.left < edge.left || a.right > edge.right);
  const pairs = boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
    .filter(([, b]) => !apart(a, b)).map(([other]) => [one, other]));
  return [...outside.map(([text]) => text), ...pairs];
}"""
expect.set_options(timeout=LIMIT)


class Look:
    """Somebody who looks at the webapp at URL; `page` is Playwright's."""

    def __init__(self, chromium: Browser, url: str, width: int = 1440, **options: Any) -> None:
        size = {"width": width, "height": 780 if width < 500 else 900}
        self.context = chromium.new_context(viewport=size, **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(LIMIT)
        self.page, self.url, self.width = self.context.new_page(), url, width
        self.errors: list[str] = []
        self.requests: list[Request] = []
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def on_console(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings, but not that a look-up page's own status is not 200."""
        own = message.location.get("url", "").split("#")[0]
        about_status = message.text.startswith("Failed to load resource: the server responded")
        if message.type in ("error", "warning") and not (about_status and "/resolve" in own):
            self.errors.append(message.text)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.url + path)
        return self.page

    def polls(self) -> list[float]:
        """When the page asked for what is new: milliseconds since 1970."""
        asked = [one for one in self.requests if one.url.endswith("?live")]
        return [one.timing["startTime"] for one in asked if one.timing["startTime"] > 0]

    def next_poll(self) -> None:
        with self.page.expect_event("requestfinished", lambda one: one.url.endswith("?live")):
            pass

    def drawing(self) -> str:
        return re.sub(r"\s+", " ", self.page.locator(".here svg").text_content() or "")

    def shoot(self, name: str) -> None:
        """Keep a picture, and hold what each page must keep."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width
        for svg in self.page.locator("svg").all():
            assert svg.evaluate(CLASHES) == [], name
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.violations_count == 0, found.generate_report()

    def close(self) -> None:
        """Close it; nothing it did may have been an error, or have left the webapp."""
        hosts = {urlsplit(one.url).netloc for one in self.requests}
        self.context.close()
        assert self.errors == []
        assert hosts <= {urlsplit(self.url).netloc}
