"""No serious or critical finding of axe on the main pages: for administrators, in the messenger, and for users."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import chromium, logged_in
from tests.browser.messenger_page import PATIENCE
from tests.phone import DOMAIN, PASSWORD
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed

pytestmark = pytest.mark.system

WEIGHTY = {"serious", "critical"}

ACLS = (
    f'uri_acls:\n  - {{presentity: "u1@{DOMAIN}", default: block, entries: [{{uri: "u2@{DOMAIN}", effect: allow}}]}}\n'
)

PAGES = {
    "first page": "/admin/",
    "users": "/admin/provisioning/persona/",
    "new user": "/admin/provisioning/persona/add/",
    "access list": "/admin/provisioning/uriacl/1/change/",
    "signalling trace": "/admin/sipedge/signallingtrace/",
    "explain": f"/admin/presence/explain/?watcher=u2@{DOMAIN}&presentity=u1@{DOMAIN}",
    "self-test": "/admin/sipedge/selftest/",
    "calls": "/admin/cti/calls/",
}


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + ACLS) as found:
        found.start_edge()
        yield found


def findings(page: Any) -> list[str]:
    """Those that weigh, with where they are."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state("load")
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]}"
        for one in found
        if one["impact"] in WEIGHTY
        for node in one["nodes"]
    ]


def test_pages_of_administrators(site: Deployment, web: str) -> None:
    found: dict[str, list[str]] = {}
    errors: list[str] = []
    with chromium() as browser:
        door = browser.new_page()
        door.goto(f"{web}/admin/login/")
        found["log-in"] = findings(door)
        page = logged_in(browser, web, errors, viewport={"width": 1360, "height": 900})
        for name, address in PAGES.items():
            answer = page.goto(web + address)
            assert answer.status == 200, name
            found[name] = findings(page)
    weighty = "\n".join(f"{name}: {row}" for name, rows in found.items() for row in rows)
    assert not weighty, weighty


def test_pages_of_users(site: Deployment, web: str) -> None:
    found: dict[str, list[str]] = {}
    with chromium() as browser:
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(PATIENCE)
        for name in ("account", "messenger"):
            page.goto(f"{web}/{name}/")
            if page.locator("input[name=password]#password").count():
                found[f"door of {name}"] = findings(page)
                page.fill("input[name=name]", f"u1@{DOMAIN}")
                page.fill("#password", PASSWORD)
                page.click("button.strong")
            page.locator("#secrets, #side").first.wait_for()
            found[name] = findings(page)
    weighty = "\n".join(f"{name}: {row}" for name, rows in found.items() for row in rows)
    assert not weighty, weighty
