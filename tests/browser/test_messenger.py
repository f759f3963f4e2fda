"""The messenger in real browsers, against a real web process and a real edge."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.messenger_page import Person, people, picture
from tests.interop.baresip import Baresip
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TEAM = [("u1", "Ada Marlow"), ("u2", "Ben Okafor"), ("u3", "Clara Voss"), ("u4", "Diego Ruiz"), ("u5", "Emi Tanaka")]
FRIENDS = [("u6", "Farid Nouri"), ("u7", "Greta Lind"), ("u8", "Hugo Prati")]

Make = Callable[..., Person]


def _list(owner: str, name: str, members: list[str]) -> str:
    uris = ", ".join(f'"{member}@{DOMAIN}"' for member in members)
    return f'  - {{uri: "{owner}.{name}@{DOMAIN}", owner: "{owner}@{DOMAIN}", members: [{uris}]}}\n'


LISTS = "".join(
    [
        _list("u1", "team", ["u2", "u3", "u4", "u5"]),
        _list("u1", "friends", ["u6", "u7", "u8"]),
        _list("u2", "team", ["u1", "u3"]),
        _list("u21", "team", ["u22", "u23"]),
        _list("u22", "team", ["u21", "u23"]),
    ]
)


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    names = {f"sip:{user}@{DOMAIN}": name for user, name in TEAM + FRIENDS}
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + "lists:\n" + LISTS) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import Persona as P, MessengerSettings as M;"
            f"[P.objects.filter(aor=aor).update(name=name) for aor, name in {names!r}.items()];"
            "M.objects.update(grace=6)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def make(web: str) -> Iterator[Make]:
    with people(web) as found:
        yield found


def test_everybody_sees_and_writes_to_everybody(site: Deployment, make: Make, tmp_path: Path) -> None:
    """R-ARC-03, R-IM-01, R-IM-05, R-IM-06, D-34: two people in browsers and one with baresip, in all six directions."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    one.sees_state("u22", "available")
    two.sees_state("u21", "available")
    phone = Baresip(
        tmp_path / "baresip", f"u23@{DOMAIN}", PASSWORD, site.proxy, "udp", f"u21@{DOMAIN}", others=(f"u22@{DOMAIN}",)
    )
    try:
        phone.registered()
        phone.sees("Online")
        phone.command("presence_offline")
        one.sees_state("u23", "unavailable")
        phone.command("presence_online")
        for person in (one, two):
            person.sees_state("u23", "available")
        text = "Grüße & <b>bold</b> “quotes” https://example.org/?a=1&b=2."
        for sender, to in ((one, two), (two, one)):
            sender.open(to.user)
            to.open(sender.user)
            sender.write(f"{sender.user}: {text}")
            sender.delivered(text)
            to.reads(f"{sender.user}: {text}")
        for person in (one, two):
            person.open("u23")
            person.write(f"{person.user} writes to a phone")
            person.delivered("writes to a phone")
            phone.reads(f"{person.user}@{DOMAIN}", f"{person.user} writes to a phone")
            phone.message(f"{person.user}@{DOMAIN}", f"a phone writes to {person.user}")
            person.reads(f"a phone writes to {person.user}")
        assert one.page.locator("#log b").count() == 0
        one.log_out()
        phone.sees("Offline")
        two.sees_state("u21", "unavailable")
    finally:
        phone.close()


def test_the_users_choice_wins_until_it_is_automatic_again(site: Deployment, make: Make) -> None:
    """R-IM-06, D-23: over what a device says, with its note; then the device counts again."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    with site.phone("u21") as desk:
        tag = desk.publish(pidf(desk.aor, activity="busy")).get("SIP-ETag")
        two.sees_state("u21", "interruptible")
        for status in ("dnd", "away", "vacation", "unavailable", "available"):
            one.choose(status, f"note on {status}")
            two.sees_state("u21", status)
            two.sees("u21", f"note on {status}")
        one.page.fill("#note", "")
        one.choose("automatic")
        two.sees_state("u21", "interruptible")
        desk.publish(tag=tag, expires=0)
    two.sees_state("u21", "available")
    one.choose("busy")
    two.sees_state("u21", "busy")
    for person in (one, two):
        person.log_out()


def test_a_log_out_ends_everything_and_is_seen(site: Deployment, make: Make) -> None:
    """R-IM-04, R-IM-06: all tabs are out, the watchers see it, and no subscription is left."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    first = one.page
    one.tab()
    one.is_in()
    two.sees_state("u21", "available")
    assert _live(site, "u21") == [2, 1, 1]
    one.log_out()
    first.wait_for_selector("text=You are logged out.")
    two.sees_state("u21", "unavailable")
    wait_until(lambda: _live(site, "u21") == [0, 0, 0], "the end of all of it")
    two.log_out()


def test_a_closed_lid(site: Deployment, make: Make) -> None:
    """R-IM-04, R-IM-06, D-34: the log-in lasts for the grace of the settings; a message that nobody is shown failed."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    two.sees_state("u21", "available")
    one.page.close()
    two.open("u21")
    two.write("Are you there?")
    two.delivered("Are you there?", "Not delivered: not there; may have logged off")
    two.sees_state("u21", "unavailable")
    one.tab()
    one.is_in()
    two.sees_state("u21", "available")
    two.write("And now?")
    two.delivered("And now?")
    for person in (one, two):
        person.log_out()


def test_a_network_that_comes_back(make: Make) -> None:
    """R-IM-03, R-IM-05: the page says so, comes back by itself, and sends what was written meanwhile, once."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    one.open("u22")
    one.context.set_offline(True)
    one.page.wait_for_selector("text=Connection lost")
    one.write("written without a network")
    two.choose("busy", "meanwhile")
    one.context.set_offline(False)
    one.is_in()
    one.sees_state("u22", "busy")
    one.delivered("written without a network")
    two.open("u21")
    two.reads("written without a network")
    assert two.page.locator("#log .theirs").count() == 1
    for person in (one, two):
        person.log_out()


def test_two_tabs_are_one_log_in(site: Deployment, make: Make) -> None:
    """R-IM-05, D-34: both show the same; what is read or chosen in one is so in the other."""
    one = make("u21").sign_in().is_in()
    first = one.page
    second = one.tab()
    one.is_in()
    assert _live(site, "u21") == [2, 1, 1]
    with site.phone("u24") as phone:
        assert phone.message(one.uri, "seen by both").status == 200
    for tab in (first, second):
        row = tab.locator(f".buddy[data-uri='sip:u24@{DOMAIN}']")
        row.locator(".badge", has_text="1").wait_for()
        wait_until(lambda tab=tab: tab.title() == "(1) Messenger", "the number in the title")
    one.open("u24")
    one.reads("seen by both")
    first.bring_to_front()
    wait_until(lambda: first.title() == "Messenger", "the other tab's title")
    one.page = first
    one.choose("dnd", "from the first")
    wait_until(lambda: second.input_value("#status") == "dnd", "the status in the other tab")
    second.reload()
    wait_until(lambda: second.input_value("#note") == "from the first", "the note after a reload")
    one.log_out()


@pytest.mark.parametrize("how", ["in order", "killed", "another one"])
def test_the_edge_is_restarted(site: Deployment, make: Make, how: str) -> None:
    """R-ARC-03, R-IM-03, R-IM-04, R-IM-06: the log-in goes on, here or elsewhere, and ends as completely as any."""
    one, two = make("u21").sign_in().is_in(), make("u22").sign_in().is_in()
    one.choose("dnd", "please not now")
    two.sees_state("u21", "dnd")
    site.edge.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
    site.edge.wait(20)
    one.page.wait_for_selector("text=The server does not answer")
    site.start_edge("edge-2" if how == "another one" else "edge-1")
    one.is_in()
    two.is_in()
    two.sees_state("u21", "dnd")
    assert one.page.input_value("#status") == "dnd" and one.page.input_value("#note") == "please not now"
    two.open("u21")
    two.write("after it")
    two.delivered("after it")
    one.choose("automatic")
    one.log_out()
    two.sees_state("u21", "unavailable")
    two.log_out()
    assert _live(site, "u21")[1:] == [0, 0]
    if how == "another one":
        site.restart_edge()  # subscriptions at the edge that went away end when it is back
    wait_until(lambda: _live(site, "u21") == [0, 0, 0], "the end of what was before and after", 60)


def test_a_wrong_password_is_refused(make: Make) -> None:
    """R-SEC-02: and says nothing about whether there is such a user."""
    one = make("u21")
    for name in ("u21", "nobody-of-ours"):
        one.sign_in(name, "wrong")
        one.page.wait_for_selector("text=This name and password do not belong together.")
        assert one.page.input_value("#name") == name
    one.sign_in(f"sip:u21@{DOMAIN}").is_in()
    one.log_out()


def test_without_a_mouse(make: Make) -> None:
    """R-IM-01: sign in, find somebody, add, write, choose a ready-made text, take away, log out: by keys only."""
    one = make("u25")
    keys = one.page.keyboard
    one.focused("name")
    keys.type("u25")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    one.is_in()
    keys.press("/")
    keys.type("greta")
    one.page.wait_for_selector("#found .person")
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.press("Enter")
    one.sees("u7", "Greta Lind")
    keys.press("Escape")
    one.page.wait_for_selector("#found", state="hidden")
    keys.press("/")
    keys.press("ArrowDown")
    keys.press("Enter")
    one.page.wait_for_selector("#open:visible")
    one.focused("text")
    keys.type("first line")
    keys.press("Shift+Enter")
    keys.type("second line")
    keys.press("Enter")
    one.delivered("second line", "Not delivered")
    keys.press("Shift+Tab")
    keys.press("Enter")
    one.page.wait_for_selector("#texts[open]")
    keys.press("Enter")
    assert one.page.input_value("#text") != ""
    one.page.on("dialog", lambda dialog: dialog.accept())
    one.page.focus("#remove")
    keys.press("Enter")
    one.page.wait_for_selector("#add:visible")
    keys.press("Escape")
    one.page.focus("#log-out button")
    keys.press("Enter")
    one.page.wait_for_selector("#name")


def test_texts_and_options_of_ones_own(make: Make) -> None:
    """R-IM-01: an own text beside those of the system; options outlive the log-in in this browser."""
    one = make("u25").sign_in().is_in()
    one.page.fill("#find", "u26@")
    one.page.click(".person")
    one.page.click("#open-texts")
    one.page.fill("#own-text", "Down in <i>five</i>")
    one.page.click("#new-text button")
    one.page.click("text=Down in <i>five</i>")
    assert one.page.input_value("#text") == "Down in <i>five</i>"
    one.page.click("#open-options")
    one.page.check("input[name=sound]")
    one.page.check("input[name=theme][value=dark]")
    one.page.wait_for_selector("html[data-theme=dark]")
    one.page.click("#options .strong")
    one.log_out()
    one.page.wait_for_selector("html[data-theme=dark]")
    one.sign_in().is_in()
    wait_until(lambda: one.page.is_checked("input[name=sound]"), "the option in the new log-in")
    one.page.fill("#find", "u26@")
    one.page.click(".person")
    one.page.click("#open-texts")
    one.page.click("[aria-label='Remove “Down in <i>five</i>”']")
    one.page.wait_for_selector("text=Down in", state="detached")
    one.page.keyboard.press("Escape")
    one.log_out()


def test_what_an_administrator_changes_shows_at_once(site: Deployment, make: Make) -> None:
    """R-IM-01, R-IM-02, R-IM-04: a new buddy; the messenger switched off, and on again."""
    one, two = make("u21").sign_in().is_in(), make("u27").sign_in().is_in()
    site.apply(f'lists: [{{uri: "u27.team@{DOMAIN}", owner: "u27@{DOMAIN}", members: ["u21@{DOMAIN}"]}}]')
    two.sees_state("u21", "available")
    _switch(site, False)
    two.page.wait_for_selector("text=The server has ended your log-in")
    one.page.wait_for_selector("text=The server has ended your log-in")
    one.sign_in()
    one.page.wait_for_selector("text=The messenger is switched off.")
    _switch(site, True)
    one.sign_in().is_in()
    one.log_out()


def _switch(site: Deployment, on: bool) -> None:
    site.manage(
        "shell", "-v0", "-c",
        "from provisioning.models import MessengerSettings as M; from provisioning.announce import announce;"
        f"M.objects.update(enabled={on}); announce(M)",
    )  # fmt: skip


def test_nothing_is_typed_for_five_minutes(make: Make) -> None:
    """R-IM-06: the user's only device is idle, until a key is pressed."""
    one, two = make("u21"), make("u22").sign_in().is_in()
    one.page.clock.install()
    one.page.reload()
    one.sign_in().is_in()
    two.sees("u21", "Available")
    one.page.clock.fast_forward("05:30")
    two.sees("u21", "Available · idle")
    one.page.keyboard.press("Tab")
    two.page.locator(f".buddy[data-uri='{one.uri}']:not(.idle)").wait_for()
    for person in (one, two):
        person.log_out()


def test_pictures(site: Deployment, make: Make) -> None:
    """R-IM-01, R-IM-05: every state has its own look; wide and narrow, light and dark."""
    ada = make("u1").sign_in().is_in()
    busy = [site.phone(user) for user in ("u2", "u3", "u4", "u5", "u6", "u7")]
    states = ("rpid:on-the-phone", "rpid:meeting", "ce:dnd", "rpid:away", "rpid:vacation", "ce:unavailable")
    for phone, state in zip(busy, states, strict=True):
        phone.register()
        phone.publish(_document(phone.aor, state))
    ada.sees_state("u2", "busy")
    ada.sees_state("u6", "vacation")
    ada.open("u2")
    for text in ("Morning! Do you have five minutes for the release notes?", "They are nearly done."):
        ada.write(text)
        ada.delivered(text)
    busy[0].message(ada.uri, "Sure. Call me at ten, then we go through them together.")
    busy[2].message(ada.uri, "Lunch?")
    ada.reads("Call me at ten")
    ada.choose("available", "In the office today")
    picture(ada.page, "messenger-light")
    ada.page.click("#open-options")
    ada.page.check("input[name=theme][value=dark]")
    ada.page.wait_for_selector("html[data-theme=dark]")
    ada.page.click("#options .strong")
    picture(ada.page, "messenger-dark")
    ada.page.set_viewport_size({"width": 390, "height": 760})
    picture(ada.page, "messenger-phone-talk")
    ada.page.click("#back")
    picture(ada.page, "messenger-phone-list")
    ada.page.set_viewport_size({"width": 320, "height": 600})
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 320
    ada.log_out()
    ada.page.set_viewport_size({"width": 640, "height": 560})
    picture(ada.page, "messenger-sign-in")
    for phone in busy:
        phone.close()


def _document(aor: str, state: str) -> bytes:
    """What a desk phone with a camera says, or its user by hand."""
    by_hand = "" if state in ("rpid:on-the-phone", "rpid:meeting") else "<so:source>Manually set by persona</so:source>"
    notes = {"rpid:vacation": "Back on the 14th", "ce:dnd": "Writing, until noon", "rpid:away": "At lunch"}
    note = f"<dm:note>{notes[state]}</dm:note>" if state in notes else ""
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" '
        'xmlns:so="urn:cisco:params:xml:ns:pidf:source" xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps" '
        f'entity="{aor}">{by_hand}<tuple id="desk"><status><basic>open</basic></status><sc:servcaps>'
        "<sc:audio>true</sc:audio><sc:video>true</sc:video><sc:text>true</sc:text></sc:servcaps>"
        f"<contact>{aor}</contact></tuple>"
        f'<dm:person id="p"><rpid:activities><{state}/></rpid:activities>{note}</dm:person></presence>'
    ).encode()


def _live(site: Deployment, user: str) -> list[int]:
    """Subscriptions, publications and bindings that the database has of a user."""
    found = site.manage(
        "shell", "-v0", "-c",
        "from django.utils import timezone as t; from presence.models import Subscription as S, Publication as P;"
        "from sipedge.models import Binding as B; now = t.now(); "
        f"aor = 'sip:{user}@{DOMAIN}'; "
        "print(S.objects.filter(watcher=aor, expires_at__gt=now).exclude(state='terminated').count(),"
        "P.objects.filter(persona__aor=aor, expires_at__gt=now).exclude(body=b'').count(),"
        "B.objects.filter(persona__aor=aor, expires_at__gt=now).count())",
    )  # fmt: skip
    return [int(word) for word in found.split()]
