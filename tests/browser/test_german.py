"""A browser that asks for German: the first page, and the messenger; and a language that is chosen."""

from collections.abc import Iterator

import pytest

from tests.browser.admin_page import chromium
from tests.browser.messenger_page import PATIENCE, people, picture
from tests.phone import DOMAIN, PASSWORD
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed

pytestmark = pytest.mark.system

LISTS = f'lists:\n  - {{uri: "u1.team@{DOMAIN}", owner: "u1@{DOMAIN}", members: ["u2@{DOMAIN}"]}}\n'


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + LISTS) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def test_the_first_page(web: str) -> None:
    """In German from the log-in on, and what is told later too; then in English, by the menu of the account."""
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_context(locale="de-DE", viewport={"width": 1360, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{web}/admin/")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", "secret-admin")
        page.click("button[type=submit]")
        page.locator(".dashboard[data-by=socket]").wait_for()
        page.evaluate("document.querySelector('.verdict').textContent = ''")
        page.locator(".verdict").filter(has_text="Alles in Ordnung.").wait_for()
        page.locator("figcaption").filter(has_text="SIP-Nachrichten pro Sekunde kommen an").wait_for()
        assert page.evaluate("document.documentElement.lang") == "de"
        picture(page, "first-page-german")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1360, "height": 900})
        page.get_by_text("unfold_more").click()
        page.get_by_role("button", name="English").click()
        page.locator(".verdict").filter(has_text="All is well.").wait_for()
        assert page.evaluate("document.documentElement.lang") == "en"
        page.evaluate("document.querySelector('.verdict').textContent = ''")
        page.locator(".verdict").filter(has_text="All is well.").wait_for()
    assert errors == []


def test_the_messenger(web: str) -> None:
    """Pages, scripts, and what the server answers; German is chosen by its name where the browser asks for English."""
    with people(web) as make:
        ada, ben = make("u1", locale="de-DE"), make("u2")
        ada.page.get_by_role("heading", name="Messenger").wait_for()
        ada.page.fill("#name", "u1")
        ada.page.fill("#password", PASSWORD)
        ada.page.get_by_role("button", name="Anmelden").click()
        ada.is_in()
        ben.page.get_by_role("button", name="Deutsch").click()
        ben.page.get_by_role("button", name="Anmelden").wait_for()
        ben.page.get_by_role("button", name="English").click()
        ben.sign_in().is_in()
        ben.choose("dnd")
        ada.sees("u2", "Bitte nicht stören")
        ada.open("u2")
        ada.write("hallo")
        ada.delivered("hallo", "Zugestellt")
        ada.page.fill("#find", "zzzz")
        ada.page.get_by_text("Niemand gefunden").wait_for()
        ada.page.fill("#find", "")
        ada.page.click("#open-options")
        ada.page.get_by_role("button", name="English").click()
        ada.is_in()
        ada.sees("u2", "Do Not Disturb")
