"""The page of a directory in a browser: tried, compared, run, held and confirmed by its buttons (docs/ldap.md)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.interop.slapd import ADMIN, PASSWORD, PEOPLE, Slapd
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

OFFICE = """
domains: [example.org]
directories:
  - {{name: office, server: "{server}", ca_file: "{authority}", bind_name: "{admin}", password: "{password}",
     base: "{base}", filter: "{filter}", domain: example.org, interval: 0}}
"""


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    folder: Path = tmp_path_factory.mktemp("office")
    server = Slapd(folder / "slapd")
    server.load({"uid": f"user{number}", "cn": f"<b>User</b> {number}"} for number in range(20))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(slapd: Slapd) -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned="domains: []") as found:
        found.apply(office(slapd, "(uid=*)"))
        found.start_worker()
        yield found
        assert "Traceback" not in found.logs() and PASSWORD not in found.logs()


def office(slapd: Slapd, filter: str) -> str:
    return OFFICE.format(
        server=slapd.url, authority=slapd.authority, admin=ADMIN, password=PASSWORD, base=PEOPLE, filter=filter
    )


def test_by_its_buttons(site: Deployment, web: str, slapd: Slapd) -> None:
    with administrator(web, viewport={"width": 1360, "height": 900}) as page:
        page.goto(f"{web}/admin/provisioning/directory/")
        page.get_by_role("link", name="office").click()
        assert PASSWORD not in page.content()
        page.get_by_role("link", name="Test and synchronise").click()
        page.get_by_role("button", name="Test connection").click()
        page.get_by_role("heading", name="The connection works").wait_for()
        assert page.locator("#directory b b").count() == 0, "a name is no markup"
        page.get_by_role("button", name="Dry run").click()
        page.locator("details[data-state=done]").filter(has_text="created 20").wait_for(timeout=60_000)
        page.get_by_role("button", name="Run now").click()
        page.locator("details[data-state=done]").filter(has_not_text="dry run").wait_for(timeout=60_000)
        picture(page, "directory")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1360, "height": 900})
        site.apply(office(slapd, "(uid=user1)"))
        page.get_by_role("button", name="Run now").click()
        page.locator("details[data-state=held]").filter(has_text="19 of 20 users").wait_for(timeout=60_000)
        page.reload()
        page.get_by_role("button", name="let so many vanish").click()
        page.locator("details[data-state=done]").filter(has_text="disabled 19").wait_for(timeout=60_000)
