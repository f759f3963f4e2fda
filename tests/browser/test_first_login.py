"""The first log-in to the admin, with the password that `./run start` has printed."""

import re
from collections.abc import Iterator

import pytest

from tests.browser.admin_page import chromium
from tests.browser.messenger_page import PATIENCE, picture
from tests.launcher.test_start import Started

pytestmark = pytest.mark.system


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A product that was started for the first time, and had to make up a password."""
    run = Started(tmp_path_factory.mktemp("s"), CUPS_ADMIN_PASSWORD="")
    yield run
    if run.process.poll() is None:
        run.process.terminate()
        run.process.wait(60)


def test_the_printed_password_opens_the_first_page(started: Started) -> None:
    """The log-in that is printed is one; another is refused in a sentence; all is well after a start."""
    started.ready()
    said = "\n".join(started.said())
    address = re.search(r"^admin +(\S+)$", said, re.MULTILINE)
    login = re.search(r"^log-in +(\S+) +password (\S+)$", said, re.MULTILINE)
    assert address and login, said
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_context(locale="en-GB", viewport={"width": 1360, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address[1])
        page.get_by_label("Username").fill(login[1])
        page.get_by_label("Password").fill(f"{login[2]}?")
        picture(page, "first-log-in")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("Please enter the correct username and password").wait_for()
        page.get_by_label("Username").fill(login[1])
        page.get_by_label("Password").fill(login[2])
        page.get_by_role("button", name="Log in").click()
        page.locator(".verdict").filter(has_text="All is well.").wait_for(timeout=60_000)
        assert "1 edge runs" in page.inner_text(".dashboard")
        picture(page, "first-start")
    assert errors == []
