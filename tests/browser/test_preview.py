"""An administrator looks who will be cut off, saves, and reads the NOTIFY that says so on the ladder of its dialog."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

LISTED = f"""
uri_acls:
  - presentity: "xten3@{DOMAIN}"
    default: allow
    entries: [{{uri: "ippm4@{DOMAIN}", effect: allow}}]
"""
XTEN3, XTEN4 = f"sip:xten3@{DOMAIN}", f"sip:xten4@{DOMAIN}"


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(LISTED)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def page(web: str) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    with administrator(web, viewport={"width": 1360, "height": 1100}) as opened:
        yield opened


def preview(page: Any) -> Any:
    """Press the button; the place below the form where the answer is."""
    page.get_by_role("button", name="Preview").click()
    return page.get_by_role("region", name="Preview")


def test_who_is_cut_off_is_seen_before_told_and_found_in_the_trace(site: Deployment, web: str, page: Any) -> None:
    """R-ARC-02, R-SUB-09, D-13: the preview, the save, the NOTIFY, and the ladder."""
    with site.phone("xten4") as watcher, site.phone("ippm4") as other, site.phone("xten3") as seen:
        watcher.register()
        watch, kept = watcher.subscribe(XTEN3), other.subscribe(XTEN3)
        seen.publish(pidf(seen.aor))
        watch.sees("<ce:available/>")
        kept.sees("<ce:available/>")
        told = len(watch.notifies)
        page.goto(f"{web}/admin/provisioning/uriacl/")
        page.click(f"a:text-is('{XTEN3}')")
        page.select_option("#id_default", "block")
        page.fill("#id_entries-1-value", "no address")
        found = preview(page)
        found.get_by_role("alert").filter(has_text="is not a SIP URI").wait_for()
        page.fill("#id_entries-1-value", "")
        found = preview(page)
        found.get_by_text(f"{XTEN4} stops seeing {XTEN3} (rejected).").wait_for()
        assert "1 cut off" in found.inner_text() and "ippm4" not in found.inner_text()
        assert page.input_value("#id_default") == "block" and page.url.endswith("/change/"), "the form is as it was"
        picture(page, "preview")
        page.evaluate("document.documentElement.classList.add('dark')")
        picture(page, "preview-dark")
        assert len(watch.notifies) == told, "nobody is told by a preview"
        page.get_by_role("button", name="Save", exact=True).click()
        last = watch.heard(told + 1)
        assert last.get("Subscription-State") == "terminated;reason=rejected"
        seen.publish(pidf(seen.aor, activity="busy"))
        kept.sees("busy")
    page.goto(f"{web}/admin/sipedge/signallingtrace/")
    page.fill("input[name=aor]", f"xten4@{DOMAIN}")
    page.fill("input[name=method]", "NOTIFY")
    page.click(".trace button:text-is('Filter')")
    page.locator("#rows tr").last.locator("text=this dialog").click()
    page.wait_for_selector(".ladder svg")
    labels = [one.strip() for one in page.locator(".ladder .label").all_text_contents()]
    assert labels[0] == "SUBSCRIBE" and labels[-2:] == ["NOTIFY", "200 OK"]
    picture(page, "preview-ladder")
    page.locator(".ladder a").nth(-2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("pre")
    message = page.inner_text("pre")
    assert "terminated;reason=rejected" in message and last.call_id in message
    picture(page, "trace-message")


def test_who_is_affected_stands_before_a_deletion(site: Deployment, web: str, page: Any) -> None:
    with site.phone("u3") as watcher:
        watch = watcher.subscribe(f"sip:u2@{DOMAIN}")
        watch.heard(1)
        page.goto(f"{web}/admin/provisioning/persona/?q=u2@")
        page.click(f"a:text-is('sip:u2@{DOMAIN}')")
        page.click("a:has-text('Delete user')")
        page.get_by_role("region", name="Who is affected").get_by_text("(noresource)").wait_for()
        picture(page, "preview-delete")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1360
        page.get_by_role("button", name="Yes, I’m sure").click()
        assert watch.heard(2).get("Subscription-State") == "terminated;reason=noresource"
