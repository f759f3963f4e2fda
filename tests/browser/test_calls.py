"""The page “Calls” in a real browser: an administrator makes calls at simulated phones, and watches a program."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cti.csta import messages as m
from tests.browser.admin_page import chromium, logged_in
from tests.browser.messenger_page import picture
from tests.phone import DOMAIN, PASSWORD
from tests.program import Program
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

LINES = f"""
lines:
  - {{uri: "tel:2001", owner: "u1@{DOMAIN}"}}
  - {{uri: "tel:2002", owner: "u2@{DOMAIN}"}}
  - {{uri: "tel:2003", owner: "u3@{DOMAIN}"}}
  - {{uri: "tel:2004", owner: "u4@{DOMAIN}"}}
  - {{uri: "tel:2100", owner: "u5@{DOMAIN}", switch: sip}}
"""


class Operator:
    """An administrator with the page open."""

    def __init__(self, browser: Any, web: str, **options: Any) -> None:
        self.errors: list[str] = []
        options = {"viewport": {"width": 1360, "height": 1180}, **options}
        self.page = logged_in(browser, web, self.errors, **options)
        self.page.click("#nav-sidebar-inner a:text-is('Calls')")

    def row(self, table: str, words: str) -> Any:
        return self.page.locator(f"#table-{table} tbody tr").filter(has_text=words)

    def sees(self, table: str, words: str, *more: str) -> None:
        """A row has these words."""
        found = self.row(table, words)
        for one in more:
            found = found.filter(has_text=one)
        found.first.wait_for()

    def sees_no(self, table: str, words: str) -> None:
        self.row(table, words).first.wait_for(state="detached")

    def open(self, number: str) -> "Telephone":
        self.page.get_by_role("button", name=f"Phone {number}", exact=True).click()
        return Telephone(self.page.get_by_role("article", name=f"Phone {number}"))


class Telephone:
    """The panel of a simulated phone."""

    def __init__(self, panel: Any) -> None:
        self.panel = panel
        panel.wait_for()

    def press(self, name: str) -> None:
        """A button that would do something."""
        self.panel.get_by_role("button", name=name, exact=True).click()

    def shows(self, words: str) -> None:
        self.panel.locator(".display li").filter(has_text=re.compile(re.escape(words))).first.wait_for()

    def enabled(self) -> list[str]:
        return list(self.panel.locator("[data-button]:enabled").all_inner_texts())

    def enter(self, number: str) -> None:
        self.panel.get_by_label("Number").fill(number)


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(LINES)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def test_a_call_from_one_phone_to_another(site: Deployment, web: str, browser: Any) -> None:
    """R-CTI-01, R-ARC-08: dialled, answered, held and ended by buttons; the tables move, and so does a program."""
    operator = Operator(browser, web)
    with Program(("127.0.0.1", site.csta)) as program:
        program.log_in(f"u1@{DOMAIN}", PASSWORD)
        program.ask(m.MonitorStart(m.DeviceObject("2001"), frozenset({"held"})))
        operator.sees("associations", f"u1@{DOMAIN}", "TCP", "ed3")
        operator.sees("monitors", "2001", "held")
        operator.sees("devices", "2100", "not registered")
        one, two = operator.open("2001"), operator.open("2002")
        one.shows("Free")
        assert one.enabled() == ["Off hook", "Busy", "Do not disturb", "Unplug"]
        one.press("Off hook")
        one.shows("Dial tone")
        assert "Dial" not in one.enabled(), "without a number"
        one.enter("2002")
        one.press("Dial")
        two.shows("Rings: 2001 calls")
        one.shows("Calls 2002")
        operator.sees("calls", "2001 connected", "2002 alerting")
        two.press("Answer")
        one.shows("Connected with 2002")
        operator.sees("calls", "2001 connected", "2002 connected")
        operator.sees("devices", "2001", "connected, 2002")
        one.press("Hold")
        one.shows("On hold: 2002")
        assert "Retrieve" in one.enabled() and "Hold" not in one.enabled()
        third = operator.open("2003")
        third.panel.get_by_label("Call from outside, from").fill("+1 408 555 0100")
        third.press("Call")
        third.shows("Rings: +14085550100 calls")
        operator.sees("calls", "+14085550100", "2003 alerting")
        picture(operator.page, "calls")
        operator.page.evaluate("document.documentElement.classList.add('dark')")
        picture(operator.page, "calls-dark")
        third.press("Hang up")
        one.press("Retrieve")
        two.press("Hang up")
        one.shows("Free")
        operator.sees_no("calls", "2001")
        names = [type(program.event(m.Event)).__name__ for _ in range(5)]
        assert names == [
            "OriginatedEvent", "DeliveredEvent", "EstablishedEvent", "RetrievedEvent", "ConnectionClearedEvent",
        ]  # fmt: skip
    operator.sees_no("associations", f"u1@{DOMAIN}")
    assert operator.errors == []


def test_what_goes_wrong_is_said_in_words(site: Deployment, web: str, browser: Any) -> None:
    operator = Operator(browser, web)
    phone = operator.open("2004")
    phone.enter("999")
    phone.press("Forward to")
    alert = phone.panel.get_by_role("alert")
    alert.filter(has_text="“forward” with “999”: calls cannot be forwarded there.").wait_for()
    phone.enter("2003")
    phone.press("Forward to")
    phone.shows("Calls go to 2003")
    alert.filter(has_text=re.compile("^$")).wait_for(state="attached")
    phone.panel.get_by_label("Call from outside, from").fill("nobody")
    phone.press("Call")
    alert.filter(has_text="not a number: nobody").wait_for()
    operator.page.reload()
    again = Telephone(operator.page.get_by_role("article", name="Phone 2004"))
    again.press("Do not forward")
    again.shows("Free")
    operator.page.fill("#search", "u3@")
    operator.sees_no("devices", "2001")
    assert operator.row("devices", "2003").count() == 1
    again.press("Unplug")
    again.shows("Unplugged")
    assert again.enabled() == ["Plug in"]
    again.press("Plug in")
    assert operator.errors == []


def test_a_session_is_closed_after_a_question(site: Deployment, web: str, browser: Any) -> None:
    """By the keys alone: Escape keeps the session, the button closes it and the program's connection."""
    operator = Operator(browser, web)
    with Program(("127.0.0.1", site.csta)) as program:
        program.log_in(f"u2@{DOMAIN}", PASSWORD)
        close = operator.page.get_by_role("button", name=f"Close the session of sip:u2@{DOMAIN}")
        close.press("Enter")
        dialog = operator.page.get_by_role("dialog")
        dialog.wait_for()
        operator.page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        assert program.ask(m.RequestSystemStatus()) == m.RequestSystemStatusResponse(m.Status.NORMAL)
        close.press("Enter")
        dialog.get_by_role("button", name="Close session").press("Enter")
        with pytest.raises(EOFError):
            program.next()
    operator.sees_no("associations", f"u2@{DOMAIN}")
    assert operator.errors == []


def test_on_a_telephone_the_page_is_as_wide_as_the_screen(web: str, browser: Any) -> None:
    operator = Operator(browser, web, viewport={"width": 1280, "height": 800}, color_scheme="dark")
    operator.page.set_viewport_size({"width": 390, "height": 780})
    phone = operator.open("2001")
    phone.press("Off hook")
    phone.shows("Dial tone")
    wide = "node => node.scrollWidth - node.clientWidth"
    assert operator.page.eval_on_selector("#calls", wide) <= 0
    assert operator.page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(operator.page, "calls-narrow")
    phone.press("Hang up")
    phone.shows("Free")
    operator.page.get_by_role("button", name="Close phone 2001").click()
    phone.panel.wait_for(state="detached")
    assert operator.errors == []


def test_nothing_found_is_not_nothing_there(web: str, browser: Any) -> None:
    """A search without a hit says so, and does not send anybody to add lines."""
    page = Operator(browser, web).page
    page.fill("#search", "nobody at all")
    page.get_by_text("There is no such line.").wait_for()
    assert not page.get_by_text("There are no lines yet").is_visible()


def test_an_edge_that_is_away_is_said(site: Deployment, web: str, browser: Any) -> None:
    """And the page goes on by itself when it is back."""
    operator = Operator(browser, web)
    operator.sees("devices", "2001")
    site.edge.terminate()
    site.edge.wait(20)
    fault = operator.page.locator("#fault")
    fault.filter(has_text="No edge has answered: no edge listens.").wait_for()
    site.start_edge()
    fault.filter(has_text=re.compile("^$")).wait_for(state="attached")
    operator.sees("devices", "2001")
