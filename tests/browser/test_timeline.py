"""The page “Time line” in a real browser: an administrator asks what a state was, and who knew."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

COUNT = "from presence.models import TimelineEntry as T; print(sum(T.objects.values_list('count', flat=True)))"


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.manage(
            "shell", "-v0", "-c", "from provisioning.models import *; EngineSettings.objects.update(timeline=True)"
        )
        found.start_edge()
        with found.peer("xten3") as phone, found.peer("xten4") as watcher:
            watch = watcher.subscribe(phone.aor)
            watch.heard(1)
            tag = phone.publish(pidf(phone.aor), User_Agent="eyeBeam/1.5").get("SIP-ETag")
            watch.sees("<ce:available/>")
            phone.publish(pidf(phone.aor, activity="meeting"), tag=tag, User_Agent="eyeBeam/1.5")
            watch.sees("meeting")
            wait_until(lambda: found.manage("shell", "-v0", "-c", COUNT).strip() == "3", "all that was told")
            yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def page(web: str) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as opened:
        yield opened


def test_an_administrator_looks_back(web: str, page: Any) -> None:
    """R-ARC-02: from the user's page, by labels; the state of a time before anything was known, and of now."""
    page.goto(f"{web}/admin/provisioning/persona/?q=xten3")
    page.click(f"a:text-is('sip:xten3@{DOMAIN}')")
    page.click("a[href*='timelineentry/?persona=']:has-text('Time line')")
    state = page.get_by_role("region", name="State at the time")
    assert f"First told of it: sip:xten4@{DOMAIN}." in state.inner_text()
    entries = page.locator(".entries").inner_text()
    assert "Publication made" in entries and "Publication changed" in entries and "eyeBeam/1.5" in entries
    page.get_by_label("State at (UTC)").fill("2020-01-01T12:00:00")
    page.get_by_role("button", name="Show").click()
    page.locator("#state").filter(has_text="Not known").wait_for()
    made = page.goto(f"{web}/admin/presence/timelineentry/?persona=xten3@{DOMAIN}")
    assert made is not None and made.ok
    first = page.locator(".entries li[data-what='changed'] time").get_attribute("datetime")
    page.get_by_label("State at (UTC)").fill(first[:19])
    page.get_by_role("button", name="Show").click()
    page.locator(".entries li[aria-current]").wait_for()
    picture(page, "timeline")
    page.evaluate("document.documentElement.classList.add('dark')")
    picture(page, "timeline-dark")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
