"""An administrator in a browser creates a user, and that user can register at once."""

from pathlib import Path

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import Phone, pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_a_user_created_in_the_admin_registers_without_a_restart(tmp_path: Path) -> None:
    """R-AOR-04, R-REG-01, R-SEC-02: provisioning takes effect at a running edge; the live page shows the user."""
    with valkey() as bus, deployed(bus=bus) as deployment:
        deployment.start_edge()
        web = deployment.start_web()
        with administrator(web, viewport={"width": 1360, "height": 1240}) as page:
            page.click("#nav-sidebar-inner a:text-is('Users')")
            page.locator("a[href$='/provisioning/persona/add/']:visible").first.click()
            page.locator(".field-domain .select2-selection").click()
            page.keyboard.type("example")
            page.locator(".select2-results__option").filter(has_text="example.org").click()
            page.fill("input[name=user]", "carol")
            page.fill("input[name=name]", "Carol")
            page.fill("input[name=password]", "carols-password")
            page.fill("input[name='aliases-0-uri']", "sip:caroline@example.org")
            picture(page, "new-user")
            page.click("button[name=_save]")
            page.wait_for_url("**/admin/provisioning/persona/")
            _registers_and_publishes(deployment)
            page.goto(f"{web}/admin/presence/livestate/?q=carol")
            page.click("text=sip:carol@example.org")
            assert page.inner_text("#state") == "Available"
            assert "eyeBeam" in page.inner_text("#components")
            assert "sip:xten3@compb.cisco.com" in page.inner_text("#subscriptions")
            assert "sip:carol@192.0.2.5" in page.inner_text("#bindings")
            page.click("#nav-sidebar-inner a:text-is('Registered contacts')")
            row = page.locator("#result_list tbody tr").filter(has_text="sip:carol@example.org")
            row.filter(has_text="sip:carol@192.0.2.5").wait_for()
            page.set_viewport_size({"width": 1360, "height": 500})
            picture(page, "registered-contact")


def _registers_and_publishes(deployment: Deployment) -> None:
    """By the alias too, and watched by somebody."""

    def registered() -> bool:
        with Phone("carol@example.org", ("127.0.0.1", deployment.proxy), password="carols-password") as phone:
            return phone.register("<sip:carol@192.0.2.5>").status == 200

    wait_until(registered, "carol's registration")
    with (
        Phone("carol@example.org", ("127.0.0.1", deployment.proxy), password="carols-password") as phone,
        deployment.peer("xten3") as watcher,
    ):
        published = phone.publish(pidf(phone.aor), to="sip:caroline@example.org", User_Agent="eyeBeam release 1")
        assert published.status == 200
        watcher.subscribe("sip:caroline@example.org").sees("<ce:available/>")
