"""The first page of the admin in a browser: whether all is well, live; and the self-test, by its button."""

from collections.abc import Iterator

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def test_it_is_well_and_then_not(site: Deployment, web: str) -> None:
    """Numbers rise and a lost edge is named without a reload; narrow as a phone too; what is wrong leads on."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as page, site.phone("u1") as phone:
        page.locator(".verdict").filter(has_text="All is well.").wait_for()
        page.evaluate("window.stayed = true")
        phone.register()
        phone.publish(f"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:u1@{DOMAIN}'/>".encode())
        page.locator("dl div").filter(has_text="Publications").filter(has_text="1").wait_for(timeout=60_000)
        page.locator("figcaption").filter(has_text="a second come in").wait_for()
        picture(page, "first-page")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1360, "height": 900})
        site.edge.kill()
        site.edge.wait(20)
        page.get_by_role("link", name="Lost without an ordered stop: edge-1").wait_for(timeout=90_000)
        assert page.evaluate("window.stayed")
        page.get_by_role("link", name="No edge runs").click()
        page.wait_for_url("**/admin/presence/edgelease/")
    site.start_edge()


def test_the_self_test(web: str) -> None:
    """EX-1 to EX-6, from the navigation."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as page:
        page.click("#nav-sidebar-inner a:text-is('Self-test')")
        page.get_by_role("button", name="Run the self-test").click()
        page.get_by_role("status").filter(has_text="All 6 examples passed.").wait_for()
        assert page.locator(".selftest tbody .pass").count() == 6
        picture(page, "self-test")
