"""An administrator changes an access list in a browser, reads what has changed, and takes it back."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

RULES = f"""
uri_acls:
- presentity: xten3@{DOMAIN}
  default: block
  entries: [{{uri: "ann@example.org", effect: allow}}, {{domain: "example.net", effect: allow}}]
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(RULES)
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def page(web: str) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as opened:
        yield opened


def test_an_access_list_is_changed_read_and_taken_back(web: str, page: Any) -> None:
    """R-SUB-09: by whom, by which door and what, in words; shown before it is done; the list is as it was."""
    page.goto(f"{web}/admin/provisioning/uriacl/")
    page.click(f"#result_list a:text-is('sip:xten3@{DOMAIN}')")
    page.select_option("select[name=default]", "allow")
    page.fill("input[name='entries-1-value']", "sip:bob@example.org")
    page.select_option("select[name='entries-0-effect']", "polite_block")
    page.click("button[name=_continue]")
    page.wait_for_selector("text=was changed successfully")
    page.locator("a[href$='/history/']").first.click()
    first = page.locator("#versions .version").first
    first.wait_for()
    text = re.sub(r"\s+", " ", first.inner_text())
    assert "Changed" in text and "admin Administration" in text and "Block (403) → Allow" in text
    assert "sip:bob@example.org" in text and "As it is now" in text
    file = page.locator("#versions .version").nth(1)
    assert "Provisioning file" in file.inner_text(), "how it came to be"
    picture(page, "history")
    file.get_by_role("link", name="Revert to this version").click()
    page.wait_for_selector("#revert")
    shown = page.inner_text("#revert")
    assert "What will be changed" in shown and "sip:bob@example.org" in shown
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut on a phone"
    page.set_viewport_size({"width": 1360, "height": 900})
    picture(page, "history-revert")
    page.get_by_role("button", name="Revert", exact=True).click()
    page.wait_for_selector("text=is as it was in that version")
    newest = page.locator("#versions .version").first.inner_text()
    assert "Back to the version of" in newest and "sip:bob@example.org" in newest
    page.get_by_role("link", name="To the object").click()
    page.wait_for_selector("select[name=default]")
    assert page.input_value("select[name=default]") == "block"
    values = {page.input_value(f"input[name='entries-{number}-value']") for number in range(2)}
    assert values == {"sip:ann@example.org", "example.net"}


def test_all_changes_can_be_filtered_and_what_is_gone_comes_back(web: str, page: Any) -> None:
    page.goto(f"{web}/admin/provisioning/uriacl/")
    page.click("a:has-text('Recently deleted')")
    page.wait_for_selector("#deleted")
    page.goto(f"{web}/admin/provisioning/outboundrule/add/")
    page.fill("input[name=pattern]", "*.partner.example")
    page.click("button[name=_continue]")
    page.wait_for_selector("text=was added successfully")
    page.goto(page.url.replace("/change/", "/delete/"))
    page.locator("form:has(input[name=post]) :is(input, button)[type=submit]").click()
    page.click("#nav-sidebar-inner a:text-is('Changes')")
    page.get_by_label("Object").fill("partner.example")
    page.click("#changes button:text-is('Filter')")
    page.wait_for_function("() => document.querySelectorAll('#changes .version').length == 2")
    page.locator("#changes .version a").first.click()
    page.get_by_role("link", name="Bring back").first.click()
    page.get_by_role("button", name="Bring back").click()
    page.wait_for_selector("text=*.partner.example: allowed is back.")
