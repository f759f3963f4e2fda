"""Administrators with browsers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.browser.messenger_page import PATIENCE
from tests.programs import needs_program


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    program = needs_program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


ADMINISTRATOR = ("admin", "secret-admin")
"Name and password of the superuser of a `Deployment`."


def logged_in(browser: Any, web: str, errors: list[str], who: tuple[str, str] = ADMINISTRATOR, **options: Any) -> Any:
    """A page of an administrator, at the first one; what goes wrong in its scripts joins the errors."""
    page = browser.new_context(locale="en-GB", **options).new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{web}/admin/")
    page.fill("input[name=username]", who[0])
    page.fill("input[name=password]", who[1])
    page.click("button[type=submit]")
    page.wait_for_selector("#nav-sidebar-inner", state="attached")
    return page


@contextmanager
def administrator(web: str, **options: Any) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    errors: list[str] = []
    with chromium() as browser:
        yield logged_in(browser, web, errors, **options)
    assert errors == []
