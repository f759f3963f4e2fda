"""A user's own account in a browser, at a running edge: watchers, devices and other log-ins end."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import chromium
from tests.browser.messenger_page import PATIENCE, picture
from tests.phone import DOMAIN, PASSWORD
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def signed_in(browser: Any, web: str, where: str, password: str = PASSWORD) -> Any:
    page = browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 1100}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{web}/{where}/")
    page.fill("input[name=name]", f"u1@{DOMAIN}")
    page.fill("input[name=password]", password)
    page.click("button.strong")
    return page


def test_an_account(site: Deployment, web: str) -> None:
    with chromium() as browser, site.phone("u1") as phone, site.phone("u2") as watcher:
        phone.register()
        watch = watcher.subscribe(f"sip:u1@{DOMAIN}")
        assert watch.response.status in (200, 202)
        page = signed_in(browser, web, "account")
        page.locator("#watchers .row").filter(has_text=f"sip:u2@{DOMAIN}").wait_for()
        picture(page, "self-service")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page.get_by_role("button", name=f"End sip:u2@{DOMAIN}").click()
        page.get_by_role("status").filter(has_text="does not watch you any more").wait_for()
        wait_until(
            lambda: any("terminated" in (one.get("Subscription-State") or "") for one in watch.notifies),
            "the last NOTIFY",
        )

        page.locator("#devices button").first.click()
        page.get_by_role("status").filter(has_text="not registered any more").wait_for()
        with site.phone("u3") as other:
            wait_until(lambda: other.message(f"sip:u1@{DOMAIN}", "hello").status == 480, "nobody to be there")

        messenger = signed_in(browser, web, "messenger")
        messenger.locator("#side").wait_for()
        page.fill("#now", PASSWORD)
        page.fill("#new", "battery staple")
        page.fill("#again", "battery staple")
        page.get_by_role("button", name="Change the password").click()
        page.get_by_role("status").filter(has_text="The password is changed").wait_for()
        messenger.get_by_text("You are logged out.").wait_for(timeout=60_000)
        signed_in(browser, web, "account", "battery staple").locator("#secrets").wait_for()
