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
        page.locator(".dashboard[data-by=socket]").wait_for()
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


def test_without_a_socket_it_asks(site: Deployment, web: str) -> None:
    """A proxy that passes no WebSocket on: the page is as live, and says so when the server is away too."""
    with administrator(web) as page, site.phone("u2") as phone:
        page.add_init_script("WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006 })) } }")
        page.goto(f"{web}/admin/")
        page.locator(".dashboard[data-by=asking]").wait_for()
        page.evaluate("window.stayed = true")
        phone.register()
        page.locator("dl div").filter(has_text="Registered contacts").filter(has_text="1").wait_for(timeout=60_000)
        assert page.evaluate("window.stayed")
        page.route("**/admin/dashboard/", lambda route: route.abort())
        page.get_by_role("alert").filter(has_text="does not answer").wait_for(timeout=60_000)


def test_everything_is_found_by_keyboard(web: str) -> None:
    """Ctrl+K, the beginning of an address, down, Enter; and by the button."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as page:
        page.keyboard.press("Control+k")
        page.locator("#search-input-command:focus").wait_for()
        page.keyboard.type("u12@")
        page.locator("#command-results-list li").filter(has_text=f"sip:u12@{DOMAIN}").first.wait_for()
        picture(page, "search")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/provisioning/persona/*/change/")
        page.get_by_role("button", name="Search").first.focus()
        page.keyboard.press("Enter")
        page.locator("#search-input-command:focus").wait_for()
        page.keyboard.type("zzzz")
        page.get_by_role("status").filter(has_text="Nothing that you may see").wait_for()


def test_the_self_test(web: str) -> None:
    """EX-1 to EX-6, from the navigation."""
    with administrator(web, viewport={"width": 1360, "height": 900}) as page:
        page.click("#nav-sidebar-inner a:text-is('Self-test')")
        page.get_by_role("button", name="Run the self-test").click()
        page.get_by_role("status").filter(has_text="All 6 examples passed.").wait_for()
        assert page.locator(".selftest tbody .pass").count() == 6
        picture(page, "self-test")
