"""An administrator brings a thousand users as a file, three of them wrong, takes the good ones, and undoes it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.admin_page import administrator
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, PASSWORD
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

COUNT = 1000

ENDED = 120_000
"Milliseconds until a thousand rows are dealt with, on a machine that is busy."


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        found.start_worker()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def page(web: str) -> Iterator[Any]:
    """A page of an administrator, whose scripts must not have gone wrong."""
    with administrator(web, viewport={"width": 1360, "height": 900}, accept_downloads=True) as opened:
        opened.goto(f"{web}/admin/provisioning/persona/")
        yield opened


def table() -> bytes:
    """As a spreadsheet saves it where the comma is for decimals."""
    lines = [f"new{number}@{DOMAIN};New {number};{PASSWORD};yes;new.{number}@{DOMAIN}" for number in range(COUNT - 3)]
    lines.insert(10, "nobody@elsewhere.example;Nobody;;yes;")
    lines.insert(20, f"new5@{DOMAIN};Twice;;yes;")
    lines.insert(30, f"odd@{DOMAIN};Odd;;perhaps;")
    lines[40] = f"xten3@{DOMAIN};Xten Three;;;"  # somebody who is there, with a new name
    return "\r\n".join(["\ufeffAddress;Name;Password;Enabled;Aliases", *lines, ""]).encode()


def ended(page: Any) -> None:
    """Wait until the page has been loaded anew, without anybody doing anything."""
    page.wait_for_selector("#rows", timeout=ENDED)


def count(page: Any, title: str) -> int:
    """The number under a title."""
    text = page.locator(".counts div").filter(has=page.locator(f"dt:text-is('{title}')")).locator("dd").inner_text()
    return int(text.replace(",", ""))


def test_a_thousand_users_from_a_file(site: Deployment, web: str, page: Any) -> None:
    page.click("a:has-text('Import a file')")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "users.csv", "mimeType": "text/csv", "buffer": table()}
    )
    page.get_by_label("take the good rows").check()
    picture(page, "import-file")
    page.click("button:text-is('Check the file')")
    page.wait_for_url(re.compile(r"/provisioning/import/\d+/change/"))
    ended(page)
    assert (count(page, "New"), count(page, "Changed"), count(page, "Wrong")) == (996, 1, 3)
    page.locator(".counts a:text-is('3')").click()
    errors = page.locator("#rows tbody tr")
    assert errors.count() == 3
    told = page.inner_text("#rows")
    assert "elsewhere.example is not a domain of ours." in told and "“perhaps” is neither yes nor no." in told
    assert "Row 7 is about the same one." in told and [one.split()[1] for one in errors.all_inner_texts()] == [
        "12", "22", "32",
    ]  # fmt: skip
    picture(page, "import-errors")
    with page.expect_download() as download:
        page.click("text=Download the wrong rows")
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == 4 and lines[0].endswith("error") and PASSWORD not in "".join(lines)
    page.locator("text=show all").click()
    changed = page.locator("#rows tr.changed")
    while not changed.count():
        page.click("text=Next")
    assert "Xten Three" in changed.inner_text()

    page.click("button:has-text('Apply the 997 good rows')")
    page.wait_for_selector("progress")
    page.wait_for_function("() => document.querySelector('progress')?.value > 0 || document.querySelector('#rows')")
    picture(page, "import-progress")
    ended(page)
    assert "996 created, 1 changed. 3 rows are wrong and were left out." in page.inner_text("#message")
    picture(page, "import-report")
    with site.phone("new990") as phone:
        phone.register()  # the edge knows who is new

    page.click("summary:text-is('Undo this import')")
    page.click("button:text-is('Undo')")
    ended(page)
    assert "997 rows were put back." in page.inner_text("#message")
    page.evaluate("document.documentElement.classList.add('dark')")
    picture(page, "import-undone-dark")
    page.goto(f"{web}/admin/provisioning/persona/?q=new99")
    assert page.locator("text=new990@").count() == 0
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{web}/admin/provisioning/import/1/change/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
