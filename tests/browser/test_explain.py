"""The page “Explain” in a real browser: an administrator asks why a watcher sees what it sees."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

RULES = f"""
uri_acls:
  - presentity: "xten3@{DOMAIN}"
    default: block
    entries: [{{domain: "{DOMAIN}", effect: allow}}]
filters: [{{kind: phone_only, client_type: MeetingPlace}}]
"""
CLIENT = "MeetingPlace/5.1"


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(RULES)
        found.start_edge()
        with found.peer("xten3") as phone, found.peer("xten4") as watcher:
            phone.publish(pidf(phone.aor, tuple_id="desk", activity="on-the-phone"), User_Agent="Cisco-CCM5.1")
            phone.publish(pidf(phone.aor, tuple_id="laptop"), User_Agent="Purple/2.14")
            watcher.subscribe(f"sip:xten.three@{DOMAIN}", User_Agent=CLIENT).sees("desk")
            yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def page(web: str) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    with administrator(web, viewport={"width": 1360, "height": 1500}) as opened:
        yield opened


def test_an_administrator_asks_why(page: Any) -> None:
    """R-ARC-02, R-CMP-01: from the navigation, by labels and keys, to the row that decided; light, dark and narrow."""
    page.click("#nav-sidebar-inner a:text-is('Explain')")
    page.get_by_label("Watcher").fill(f"xten4@{DOMAIN}")
    page.get_by_label("Presentity").fill("no address")
    page.get_by_label("Presentity").press("Enter")
    page.get_by_role("alert").filter(has_text="This is no SIP address").wait_for()
    page.get_by_label("Presentity").fill(f"xten.three@{DOMAIN}")
    page.get_by_label("Presentity").press("Enter")
    page.locator("#state").filter(has_text="Interruptible But Busy").wait_for()
    result = page.get_by_role("region", name="Result").first.inner_text()
    assert CLIENT in result and "It is subscribed now." in result, "the client of its subscription counts"
    filters = page.get_by_role("region", name="Filters").inner_text()
    assert "phones only" in filters and "laptop of component" in filters
    assert "desk" in page.inner_text("#document") and "laptop" not in page.inner_text("#document")
    picture(page, "explain")
    page.evaluate("document.documentElement.classList.add('dark')")
    picture(page, "explain-dark")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "explain-narrow")
    page.get_by_role("region", name="Authorization").get_by_role("link").click()
    page.wait_for_url("**/admin/provisioning/uriacl/*/change/")


def test_a_row_of_live_state_asks_why(web: str, page: Any) -> None:
    page.goto(f"{web}/admin/presence/livestate/?q=xten3")
    page.click(f"a:text-is('sip:xten3@{DOMAIN}')")
    page.locator("#subscriptions a:text-is('why?')").click()
    page.locator("#state").filter(has_text="Interruptible But Busy").wait_for()
    assert page.get_by_label("Client (User-Agent)").input_value() == CLIENT
