"""A web page with JsSIP is a client: it registers and exchanges messages over ws and wss (RFC 7118, R-TRN-01)."""

from collections.abc import Iterator

import pytest

from tests.browser.sip_page import Browser, browsing
from tests.phone import DOMAIN
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SHORT = """
settings: {expiry: {register: {min: 10}}}
"""
"A page refreshes its registration after half the time: this shows it within seconds."


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed(tls=True, provisioned=PROVISIONED + SHORT) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def browser(site: Deployment) -> Iterator[Browser]:
    with browsing(site.folder / "tls" / "development-ca.crt") as found:
        yield found


def door(site: Deployment, transport: str) -> str:
    return f"{transport}://127.0.0.1:{site.proxy_wss if transport == 'wss' else site.proxy_ws}/"


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_page_talks_to_other_clients(site: Deployment, browser: Browser, transport: str) -> None:
    """F-3, R-ARC-04, R-TRN-01, R-REG-01, R-REG-06, R-MSG-01, R-FLW-05, D-46: another page, and one over UDP."""
    mine, theirs, plain_user = (f"u{number}" for number in ((1, 2, 3) if transport == "ws" else (11, 12, 13)))
    one, other = browser.page(), browser.page()
    for page, user in ((one, mine), (other, theirs)):
        page.start(door(site, transport), user)
        page.is_now("registered")
    with site.phone(plain_user) as plain:
        assert plain.register().status == 200
        text = f"„Grüße“ over {transport}: 'one' \"two\"\r\n\r\n<three> & four ☎"
        assert one.message(f"{plain_user}@{DOMAIN}", text) == 200
        assert plain.reads(text).from_.uri.user == mine  # type: ignore[union-attr]
        assert plain.message(mine, text).status == 200
        one.reads(f"{plain_user}@{DOMAIN}", text)
    assert other.message(f"{mine}@{DOMAIN}", text) == 200
    one.reads(f"{theirs}@{DOMAIN}", text)
    assert bindings(site, mine) == 1
    one.unregister()
    one.is_now("unregistered")
    assert bindings(site, mine) == 0
    assert other.message(f"{mine}@{DOMAIN}", "too late") == 480
    one.register()
    one.is_now("registered")
    assert other.message(f"{mine}@{DOMAIN}", "here again") == 200
    one.reads(f"{theirs}@{DOMAIN}", "here again")


def test_a_page_refreshes_its_registration(site: Deployment, browser: Browser) -> None:
    """R-REG-01, R-REG-05, D-05: asked for less than the minimum it takes that, and renews before it ends."""
    page = browser.page()
    page.start(door(site, "ws"), "u4", expires=5)
    page.is_now("registered")
    assert len(page.answers("REGISTER", 423)) == 1

    def renewed() -> bool:
        page.wait(50)
        return len(page.answers("REGISTER", 200)) > 2

    wait_until(renewed, "two refreshes of the registration", 40)
    assert bindings(site, "u4") == 1


def test_a_wrong_password_is_refused(site: Deployment, browser: Browser) -> None:
    """R-SEC-02, D-21: told once, it does not try again by itself."""
    page = browser.page()
    page.start(door(site, "ws"), "u5", password="wrong")
    page.is_now("failed 401")
    assert bindings(site, "u5") == 0


def test_a_certificate_of_an_unknown_authority_is_not_believed(site: Deployment) -> None:
    """R-TRN-01: what the other tests show of wss is not for want of looking."""
    with browsing() as strict:
        page = strict.page()
        page.start(door(site, "wss"), "u6")
        page.wait(2000)
        assert not page.received
        page.start(door(site, "ws"), "u6")
        page.is_now("registered")


def bindings(site: Deployment, user: str) -> int:
    """How many contacts the registrar has for this user."""
    with site.phone(user) as phone:
        return len(phone.register(expires=None, Contact=None).get_all("Contact"))
