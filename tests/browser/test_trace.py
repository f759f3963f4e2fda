"""An administrator follows the signalling trace in a browser, and a dialog on its ladder."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

ADDRESS = "/admin/sipedge/signallingtrace/"


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(params=["light", "dark"])
def page(web: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    size = {"width": 1500, "height": 950}
    with administrator(web, color_scheme=request.param, viewport=size) as opened:
        opened.goto(web + ADDRESS)
        yield opened


def test_what_comes_is_added_while_the_page_follows(site: Deployment, web: str, page: Any) -> None:
    """Newest last, without a reload; a click opens the message; what a client sends stays text."""
    page.fill("input[name=aor]", f"u30@{DOMAIN}")
    page.click(".trace button:text-is('Filter')")
    page.wait_for_selector("#rows", state="attached")
    before = page.locator("#rows tr").count()
    page.click("#follow")
    with site.phone("u30") as phone:
        phone.register()
        page.wait_for_function("count => document.querySelectorAll('#rows tr').length >= count + 4", arg=before)
        page.evaluate("window.stayed = true")
        phone.ask("OPTIONS", f"sip:u30@{DOMAIN}", Subject="<img src=x onerror='throw 1'>")
        page.wait_for_function("() => document.querySelector('#rows').innerText.includes('OPTIONS')")
    assert page.evaluate("window.stayed") and page.inner_text("#said") == "Following."
    assert "200" in page.locator("#rows tr").last.inner_text()
    page.click("#follow")
    assert page.get_attribute("#follow", "aria-pressed") == "false"
    page.locator("#rows tr").filter(has_text="OPTIONS").first.locator(".first").click()
    page.wait_for_selector("pre")
    assert "<img src=x" in page.inner_text("pre")


def test_a_dialog_can_be_walked_on_its_ladder_by_keys(site: Deployment, web: str, page: Any) -> None:
    with site.phone("u31") as watcher, site.phone("u32") as seen:
        watcher.register()
        watch = watcher.subscribe(f"sip:u32@{DOMAIN}")
        seen.publish(pidf(seen.aor, activity="busy"))
        watch.sees("busy")
    page.goto(f"{web}{ADDRESS}?aor=u31&method=NOTIFY")
    page.locator("text=this dialog").first.click()
    page.wait_for_selector(".ladder svg")
    labels = [one.strip() for one in page.locator(".ladder .label").all_text_contents()]
    assert labels[0] == "SUBSCRIBE" and labels.count("NOTIFY") >= 2 and "200 OK" in labels
    assert page.locator(".ladder .column").count() == 2
    page.locator(".ladder a").first.focus()
    picture(page, f"trace-{page.evaluate('matchMedia(`(prefers-color-scheme: dark)`).matches ? `dark` : `light`')}")
    page.keyboard.press("Enter")
    page.wait_for_selector("pre")
    assert page.inner_text("pre").startswith(f"SUBSCRIBE sip:u32@{DOMAIN}")
