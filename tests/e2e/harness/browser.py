"""Debian's Chromium, driven by Playwright; and the people who use it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from .config import ROOT
from .provider import MODULES
from .service import SCOPE, Service

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SCREENSHOTS = ROOT / "target/screenshots"
#: Finds what keeps people out of pages: https://github.com/dequelabs/axe-core.
AXE = MODULES / "axe-core/axe.min.js"
#: Where screenshots are looked at: a desktop, and the narrowest phone.
WIDTHS = {"desktop": (1280, 900), "phone": (360, 740)}

# A busy machine takes its time.
expect.set_options(timeout=15_000)


class Chromium:
    def __init__(self) -> None:
        assert CHROMIUM, "there is no Chromium: .ci/need chromium"
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM)
        self._people: list[Person] = []

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def person(self, service: Service, **options) -> Person:
        self._people.append(Person(self._browser.new_context(**options), service))
        return self._people[-1]

    def leave(self) -> None:
        """Everybody goes; fails when a page had anything to complain of."""
        complaints = [complaint for person in self._people for complaint in person.complaints]
        for person in self._people:
            person.context.close()
        self._people.clear()
        assert complaints == []


class Person:
    """Somebody with a browser of their own, at one service's inbox."""

    def __init__(self, context: BrowserContext, service: Service) -> None:
        self.context, self.inbox = context, f"http://127.0.0.1:{service.people}"
        context.set_default_timeout(15_000)
        self.page: Page = context.new_page()
        #: What scripts threw, and what the content security policy stopped.
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, message) -> None:
        # A page with another status than 200 is a message as well.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def log_in(self, subject: str = "bo", scopes: str = SCOPE) -> Person:
        self.page.goto(f"{self.inbox}/login")
        self.page.get_by_label("Who are you?").fill(subject)
        self.page.get_by_label("Scopes").fill(scopes)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Waiting for a decision")).to_be_visible()
        return self

    def open(self, id: str) -> Person:
        self.page.goto(f"{self.inbox}/approvals/{id}")
        return self

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees_status(self, status: str) -> None:
        expect(self.page.locator("#standing .status")).to_have_text(status)

    def tab_to(self, selector: str) -> None:
        """Goes there with the keyboard alone, and sees where it is."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    def looks(self, name: str, directory: Path = SCREENSHOTS) -> None:
        """Keeps what is seen at every width, by day and by night; nothing may stick out of the page, or keep people out of it."""
        directory.mkdir(parents=True, exist_ok=True)
        for width, (across, down) in WIDTHS.items():
            self.page.set_viewport_size({"width": across, "height": down})
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= across, f"{name} is {wide} px wide on a {width}"
            for scheme in ["light", "dark"]:
                self.page.emulate_media(color_scheme=scheme)
                self._is_accessible(f"{name} on a {width}, {scheme}")
                self.page.screenshot(path=directory / f"{name}-{width}-{scheme}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")

    def _is_accessible(self, name: str) -> None:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        result = self.page.evaluate("axe.run()")
        assert len(result["passes"]) > 10, f"{name}: nothing was looked at"
        found = [(v["id"], v["help"], [node["html"][:200] for node in v["nodes"]]) for v in result["violations"]]
        assert found == [], f"{name}: {json.dumps(found, indent=1)}"
