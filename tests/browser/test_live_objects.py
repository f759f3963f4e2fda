"""An operator ends a watcher's subscription in the admin, and has its state sent again."""

import re
from collections.abc import Iterator

import pytest

from tests.browser.admin_page import administrator
from tests.browser.test_accessibility import findings
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_watcher_is_told_again_and_then_ended(site: Deployment, web: str, scheme: str) -> None:
    users = {"light": ("u1", "u2"), "dark": ("u3", "u4")}[scheme]
    with site.peer(users[0]) as one, site.peer(users[1]) as watcher:
        one.publish(pidf(one.aor, activity="busy"))
        watch = watcher.subscribe(one.aor)
        watch.sees("<rpid:busy/>")
        before = len(watch.notifies)
        with administrator(web, color_scheme=scheme, viewport={"width": 1280, "height": 800}) as page:
            page.goto(f"{web}/admin/presence/subscription/?q={users[1]}@{DOMAIN}")
            page.click("table#result_list tbody th a")
            page.click("a:text-is('Send again')")
            page.click("#act button:text('Send again')")
            page.get_by_text("1 subscription was sent the state again.").wait_for()
            assert b"<rpid:busy/>" in watch.heard(before + 1).body
            page.click("table#result_list tbody th a")
            page.click("a:text-is('End')")
            page.get_by_text("The watcher gets a last notification that says why.").wait_for()
            assert f"{watcher.aor} watches {one.aor}" in page.inner_text("#act")
            assert findings(page) == []
            assert len(watch.notifies) == before + 1, "nothing has happened so far"
            page.select_option("select[name=reason]", "probation")
            page.click("#act button:text('End')")
            page.get_by_text(re.compile("1 subscription was ended")).wait_for()
        assert watch.heard(before + 2).get("Subscription-State") == "terminated;reason=probation"
