"""People with browsers for tests of the messenger: what they do, and what they see."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.phone import DOMAIN, PASSWORD
from tests.programs import needs_program

PATIENCE = 20_000.0
"Milliseconds until something has to be seen."


class Person:
    """A user with a browser of its own, which may have several tabs."""

    def __init__(self, browser: Any, web: str, user: str, **options: Any) -> None:
        self.user = user
        self.uri = f"sip:{user}@{DOMAIN}"
        self._web = web
        self.context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1180, "height": 760}, **options})
        self.context.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        "What went wrong in a page, its content security policy included."
        self.page = self.tab()

    def tab(self) -> Any:
        """A new tab at the messenger's address."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if "Security Policy" in line.text else None)
        page.goto(f"{self._web}/messenger/")
        self.page = page
        return page

    def sign_in(self, name: str = "", password: str = PASSWORD) -> "Person":
        """Fill in the form."""
        self.page.fill("#name", name or self.user)
        self.page.fill("#password", password)
        self.page.click("text=Sign in")
        return self

    def focused(self, id_: str) -> None:
        """Wait until the keys go to this element: a page is loaded a moment before its `autofocus` is obeyed."""
        self.page.wait_for_function("id => document.activeElement?.id === id", arg=id_)

    def is_in(self) -> "Person":
        """Wait until the state is shown; where it is not, say what the page shows instead."""
        try:
            self.page.wait_for_selector("#side", state="attached")
        except Exception as error:
            raise AssertionError(f"not in, the page says: {self.page.inner_text('body')}") from error
        self.page.wait_for_selector("#bar", state="hidden")
        return self

    def log_out(self) -> None:
        """By the button."""
        self.page.click("#log-out button")
        self.page.wait_for_selector("#name")

    def sees(self, user: str, words: str) -> None:
        """A buddy's row contains these words."""
        row = self.page.locator(f".buddy[data-uri='sip:{user}@{DOMAIN}']").first
        row.filter(has_text=words).wait_for()

    def sees_state(self, user: str, state: str) -> None:
        """A buddy's row has this state."""
        self.page.wait_for_selector(f".buddy[data-uri='sip:{user}@{DOMAIN}'][data-state='{state}']")

    def open(self, user: str) -> None:
        """A buddy's conversation."""
        self.page.click(f".buddy[data-uri='sip:{user}@{DOMAIN}']")
        self.page.wait_for_selector("#open:visible")

    def write(self, text: str) -> None:
        """In the conversation that is open."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def delivered(self, text: str, fate: str = "Delivered") -> None:
        """What has become of a message of one's own."""
        line = self.page.locator("#log .mine").filter(has_text=text).last
        line.filter(has_text=fate).wait_for()

    def reads(self, text: str) -> None:
        """A message of the other one, in the open conversation."""
        self.page.locator("#log .theirs .text").filter(has_text=re.compile(re.escape(text))).first.wait_for()

    def choose(self, status: str, note: str = "") -> None:
        """A state of one's own."""
        if note:
            self.page.fill("#note", note)
        self.page.select_option("#status", status)
        self.page.press("#note", "Enter")

    def close(self) -> None:
        """The lid."""
        self.context.close()


@contextmanager
def people(web: str) -> Iterator[Any]:
    """A function that makes people; their pages must not have gone wrong."""
    from playwright.sync_api import sync_playwright

    made: list[Person] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs_program("chromium"), args=["--no-sandbox"])

        def make(user: str, **options: Any) -> Person:
            made.append(Person(browser, web, user, **options))
            return made[-1]

        try:
            yield make
        finally:
            browser.close()
            assert [error for person in made for error in person.errors] == []


def picture(page: Any, name: str) -> None:
    """Into the folder that CUPS_PICTURES names, if it does."""
    folder = os.environ.get("CUPS_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
