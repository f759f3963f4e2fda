"""A superuser gives an account the role Help desk in a browser; in another one that account meets its limits."""

from collections.abc import Iterator

import pytest

from tests.browser.admin_page import chromium, logged_in
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

KIM = ("kim", "a long word for kim")
SIZE = {"width": 1360, "height": 900}


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        yield found
        assert "Traceback" not in found.logs()


def test_the_help_desk_puts_users_right_and_no_more(web: str) -> None:
    """What a role may not do has no button, and is refused in words by its address."""
    errors: list[str] = []
    with chromium() as browser:
        page = logged_in(browser, web, errors, viewport=SIZE)
        page.click("#nav-sidebar-inner a:text-is('Staff accounts')")
        page.locator("a[href$='/auth/user/add/']:visible").first.click()
        page.fill("input[name=username]", KIM[0])
        page.fill("input[name=password1]", KIM[1])
        page.fill("input[name=password2]", KIM[1])
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/auth/user/*/change/")
        page.check("input[name=is_staff]")
        page.select_option("#id_groups_from", label="Help desk")
        page.locator("#id_groups_add, #id_groups_add_link").first.click()
        page.locator("#id_groups_to option").filter(has_text="Help desk").wait_for(state="attached")
        page.locator("#id_groups_to").scroll_into_view_if_needed()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZE["width"], "nothing is cut"
        picture(page, "role-given")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/auth/user/")
        row = page.locator("#result_list tbody tr").filter(has_text=KIM[0])
        assert "Help desk" in row.inner_text()

        page = logged_in(browser, web, errors, KIM, viewport=SIZE)
        pages = page.locator("#nav-sidebar-inner a").all_inner_texts()
        assert "Users" in " ".join(pages) and "Staff accounts" not in " ".join(pages)
        page.goto(f"{web}/admin/provisioning/persona/?q=xten3@")
        page.click(f"#result_list a:text-is('sip:xten3@{DOMAIN}')")
        page.fill("input[name=name]", "Xten Three")
        assert page.get_by_role("link", name="Delete user").count() == 0
        picture(page, "help-desk")
        address = page.url
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("was changed successfully").first.wait_for()
        answer = page.goto(address.replace("/change/", "/delete/"))
        assert answer.status == 403
        page.get_by_role("heading", name="Your account may not do this.").wait_for()
        assert "logged in as kim" in page.inner_text("main")
        page.set_viewport_size({"width": 760, "height": 380})
        picture(page, "forbidden")
        page.set_viewport_size(SIZE)
        for refused in ("/admin/auth/user/", "/admin/sipedge/signallingtrace/", "/admin/provisioning/persona/add/"):
            assert page.goto(web + refused).status == 403
            page.get_by_role("heading", name="Your account may not do this.").wait_for()
        page.get_by_role("link", name="To the first page").click()
        page.locator(".verdict").wait_for()
        page.goto(f"{web}/admin/provisioning/domain/")
        page.click(f"#result_list a:text-is('{DOMAIN}')")
        page.get_by_text(DOMAIN).first.wait_for()
        assert page.get_by_role("button", name="Save", exact=True).count() == 0, "seen, not changed"
    assert errors == []
