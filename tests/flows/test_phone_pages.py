"""The phone's pages, walked as a phone walks them, beside SIP clients (R-ARC-03, R-IM-01 to R-IM-06)."""

from collections.abc import Callable, Iterator

import pytest

from presence.engine.reachability import Reachability
from sipedge.phone import icons
from tests.desk_phone import DeskPhone, Page
from tests.phone import DOMAIN, PASSWORD, Phone, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

PIN = "0471"

USERS = "".join(
    f'  - {{uri: "p{n}@{DOMAIN}", password: {PASSWORD}, pin: "{PIN}", name: "Phone {n}"}}\n' for n in range(9)
)
LISTS = "".join(
    f'  - {{uri: "p{n}.list@{DOMAIN}", owner: "p{n}@{DOMAIN}", members: ["u1@{DOMAIN}", "u2@{DOMAIN}"]}}\n'
    for n in range(9)
)
ALIASES = f"""
  - {{uri: "4711@{DOMAIN}", user: "u1@{DOMAIN}"}}
  - {{uri: "SEP001122334455@{DOMAIN}", user: "p1@{DOMAIN}"}}
"""
MORE = f"users:\n{USERS}  - {{uri: nopin@{DOMAIN}}}\nlists:\n{LISTS}aliases:{ALIASES}"


class Site:
    """A running edge and web process."""

    def __init__(self, running: Deployment, web: str) -> None:
        self.running = running
        self.web = web

    def desk(self, user: str, pin: str = PIN) -> DeskPhone:
        """A phone whose user has logged in."""
        desk = DeskPhone(f"{self.web}/phone/?user={user}")
        desk.fill(pin=pin)
        return desk

    def count(self, expression: str) -> str:
        """What Python says in the web process's surroundings."""
        return self.running.manage(
            "shell", "-v0", "-c",
            "from django.utils import timezone as t; from presence.models import Subscription as S, Publication as P;"
            "from sipedge.models import Binding as B, MessengerSession as L, MessengerMessage as M; now = t.now();"
            f"print({expression})",
        ).strip()  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED) as running:
        running.apply(MORE)
        running.start_edge()
        yield Site(running, running.start_web())
        assert "Traceback" not in running.logs()


@pytest.fixture
def phone(site: Site) -> Iterator[Callable[[str], Phone]]:
    made: list[Phone] = []

    def make(user: str) -> Phone:
        made.append(site.running.phone(user))
        return made[-1]

    yield make
    for one in made:
        one.close()


def waits(desk: DeskPhone, name: str, state: Reachability) -> Page:
    """The list of contacts, refreshed until the contact is in this state."""

    def there() -> bool:
        return desk.refresh().title == "Contacts" and desk.page.icon(name) == icons.STATES.index(state)

    wait_until(there, f"{name} {state.value}")
    return desk.page


def test_a_contact_changes(site: Site, phone: Callable[[str], Phone]) -> None:
    """R-IM-01, R-IM-05, R-ARC-03: the list shows what the subscription brings; keys follow the state."""
    one = phone("u1")
    desk = site.desk("p0")
    assert desk.page.title == "Phone Messenger" and desk.page.prompt == "Phone 0"
    desk.choose("Contacts")
    assert [name.partition(":")[0] for name in desk.page.items] == ["u1", "u2"]
    waits(desk, "u1", Reachability.UNKNOWN)
    tag = one.publish(pidf(one.aor, activity="busy")).get("SIP-ETag")
    waits(desk, "u1", Reachability.BUSY)
    desk.choose("u1")
    assert desk.page.keys["Dial"] == "Dial:4711" and "Msg" in desk.page.keys
    assert "Since" in desk.page.text and one.aor in desk.page.text
    one.publish(pidf(one.aor, "closed"), tag=tag)
    wait_until(lambda: desk.refresh().prompt == "Unavailable", "u1 unavailable")
    assert not {"Msg", "Dial"} & set(desk.page.keys)
    desk.press("Back")
    desk.press("Numbers")
    assert desk.page.entries == {"u1": "4711", "u2": f"u2@{DOMAIN}"}
    desk.go(desk.start)


def test_messages_go_both_ways(site: Site, phone: Callable[[str], Phone]) -> None:
    """R-IM-01, D-34: sent to a SIP client, once; one that comes shows by itself; reply, dial back, delete."""
    one = phone("u1")
    one.register()
    one.publish(pidf(one.aor))
    desk = site.desk("p1")
    desk.choose("Contacts")
    waits(desk, "u1", Reachability.AVAILABLE)
    desk.choose("u1")
    desk.press("Msg")
    desk.choose("Write")
    desk.fill(text="Grüße <b> & 50 %")
    assert desk.page.title == "Message sent"
    got = one.reads("Grüße <b> & 50 %")
    assert got.get("P-Asserted-Identity") == f"<sip:p1@{DOMAIN}>"
    assert desk.url.split("/")[4] not in str(got), "the token is nobody's business"
    desk.go(desk.url)
    assert desk.page.title == "Message sent" and len(one.messages) == 1, "fetched again, and not sent again"
    desk.press("OK")
    three = phone("u3")
    three.register()
    assert three.message(f"sip:p1@{DOMAIN}", "Lunch\x07 at 12? \U0001f600 שלום").status == 200
    desk.refresh()
    assert (desk.page.title, desk.page.text) == ("New message", "Lunch at 12? ? שלום")
    assert desk.page.keys["Dial"] == f"Dial:u3@{DOMAIN}"
    desk.press("Reply")
    desk.choose("Write")
    desk.fill(text="yes")
    three.reads("yes")
    desk.press("OK")
    desk.choose("Messages (1 new)")
    assert list(desk.page.items) == ["* u3: Lunch at 12? ? שלום"]
    desk.choose("* u3")
    message = desk.url
    assert "From u3" in desk.page.text
    desk.press("Add")
    assert desk.page.title == "Contact added"
    desk.press("Contacts")
    wait_until(lambda: any(name.startswith("u3") for name in desk.refresh().items), "the new contact")
    desk.choose("u3")
    desk.press("History")
    assert [name[0] for name in desk.page.items] == [">", "<"]
    desk.go(message)
    desk.press("Delete")
    desk.go(message)
    assert desk.page.title == "No such message"
    desk.press("Messages")
    assert desk.page.prompt == "There are no messages"
    desk.press("New")
    desk.fill(who="u6", text="nobody there")
    assert desk.page.title == "Not delivered" and "logged out" in desk.page.text


def test_a_status_is_seen_by_others(site: Site, phone: Callable[[str], Phone]) -> None:
    """R-IM-06, R-PUB-11: log-in, choice with a note, and log-out are published; nothing stays after the log-out."""
    watch = phone("u5").subscribe(f"sip:p2@{DOMAIN}")
    watch.sees("<rpid:unknown/>")
    desk = site.desk("p2")
    watch.sees("<ce:available/>")
    desk.choose("Status: Automatic")
    desk.choose("Do Not Disturb")
    desk.fill(note="until <noon> & later")
    assert "Do Not Disturb" in desk.page.text and "“until <noon> & later”" in desk.page.text
    assert b"until &lt;noon&gt; &amp; later" in watch.sees("<ce:dnd/>").body
    desk.press("OK")
    desk.choose("Status: Do Not Disturb")
    desk.choose("Automatic")
    desk.fill(note="")
    watch.sees("<ce:available/>")
    desk.press("OK")
    home = desk.url
    desk.choose("Log out")
    assert desk.page.title == "Logged out"
    watch.sees("<ce:unavailable/>")
    assert site.count(
        f"S.objects.filter(watcher='sip:p2@{DOMAIN}', expires_at__gt=now).exclude(state='terminated').count(),"
        f"B.objects.filter(persona__aor='sip:p2@{DOMAIN}', expires_at__gt=now).count(),"
        f"L.objects.filter(persona__aor='sip:p2@{DOMAIN}').count()"
    ) == "0 0 0"  # fmt: skip
    desk.go(home)
    assert desk.page.title == "Logged out"
    assert desk.press("Log in").fields == ["user", "pin"]


def test_who_may_log_in(site: Site) -> None:
    """R-IM-06: by PIN only; guesses are slowed down; a device is an alias; nobody learns who exists."""
    desk = DeskPhone(f"{site.web}/phone/")
    desk.fill(user="p3", pin="1111")
    wrong = str(desk.page)
    desk.press("Retry")
    for user, pin in (("nobody", "1111"), ("nopin", ""), ("p3@@x", "1"), ("p3\x00", PIN), (f"p3@{DOMAIN}", "")):
        desk.go(desk.start)
        desk.fill(user=user, pin=pin)
        assert str(desk.page) == wrong
    desk.go(f"{site.web}/phone/?device=SEP001122334455")
    desk.fill(pin=PIN)
    assert desk.page.title in ("Phone Messenger", "Log out elsewhere?")
    desk.go(f"{site.web}/phone/?device=SEP000000000000")
    assert desk.page.title == "Configuration error"
    for _ in range(5):
        desk.go(desk.start)
        desk.fill(user="p4", pin="9999")
    desk.go(desk.start)
    desk.fill(user="p4", pin=PIN)
    assert "too many wrong PINs" in desk.page.text
    desk.go(f"{site.web}/phone/{'x' * 22}/nowhere")
    assert desk.page.title == "No such page"
    desk.go(f"{site.web}/phone/{'x' * 22}/contacts")
    assert desk.page.title == "Logged out"


def test_the_second_log_in(site: Site, phone: Callable[[str], Phone]) -> None:
    """R-IM-04: the others go on, and all get each message, or are logged out."""
    one = phone("u7")
    first = site.desk("p5")
    second = site.desk("p5")
    assert second.page.title == "Log out elsewhere?"
    second.choose("No")
    assert one.message(f"sip:p5@{DOMAIN}", "both").status == 200
    for desk in (first, second):
        assert desk.refresh().text == "both"
        desk.press("Later")
    third = site.desk("p5")
    third.choose("Yes")
    assert third.page.title == "Phone Messenger"
    for desk in (first, second):
        assert desk.refresh().title == "Logged out"
    assert one.message(f"sip:p5@{DOMAIN}", "still there").status == 200


def test_settings(site: Site, phone: Callable[[str], Phone]) -> None:
    """R-IM-06: ranges are kept; a PIN protects messages and settings; a sound says that a message came."""
    desk = site.desk("p6")
    assert desk.page.refresh is not None and desk.page.refresh[0] == 30
    desk.choose("Settings")
    for name, wrong, right in (("Refresh", ("6", "3601", "x", ""), "7"), ("Session timer", ("0", "481"), "5")):
        for value in wrong:
            desk.choose(name)
            desk.fill(value=value)
            assert desk.page.title.startswith("Invalid")
            desk.press("Cancel")
        desk.choose(name)
        desk.fill(value=right)
    assert list(desk.page.items)[:2] == ["Refresh: every 7 s", "Session timer: 5 min"]
    desk.choose("Sound: off")
    desk.choose("PIN for messages and settings: off")
    desk.press("Back")
    desk.choose("Settings")
    assert desk.page.title == "PIN"
    desk.press("Cancel")
    assert desk.page.refresh is not None and desk.page.refresh[0] == 7
    assert phone("u8").message(f"sip:p6@{DOMAIN}", "secret").status == 200
    page = desk.go(desk.page.refresh[1])
    assert page.execute[0] == "Play:Chime.raw"
    desk.go(page.execute[1] or "")
    assert desk.page.title == "New message" and "secret" not in desk.page.text
    desk.press("Read")
    desk.fill(pin="9999")
    assert desk.page.title == "Invalid PIN"
    desk.press("Retry")
    desk.fill(pin=PIN)
    assert "secret" in desk.press("Go on").text


def test_a_log_in_that_is_over(site: Site) -> None:
    """R-IM-04: the session timer counts keys, not refreshes; what ran out is ended."""
    desk = site.desk("p7")
    before = site.count(f"L.objects.get(persona__aor='sip:p7@{DOMAIN}').expires_at")
    desk.refresh()
    assert site.count(f"L.objects.get(persona__aor='sip:p7@{DOMAIN}').expires_at") == before
    desk.choose("Contacts")
    assert site.count(f"L.objects.get(persona__aor='sip:p7@{DOMAIN}').expires_at") != before
    site.count(f"L.objects.filter(persona__aor='sip:p7@{DOMAIN}').update(expires_at=now)")
    assert desk.refresh().title == "Logged out"
    left = site.desk("p7")
    site.count(f"L.objects.filter(persona__aor='sip:p7@{DOMAIN}').update(expires_at=now)")
    assert site.count("__import__('sipedge.tasks').tasks.sweep_messenger()") == "1"
    assert left.refresh().title == "Logged out"
    off = site.desk("p7")
    site.running.manage(
        "shell", "-v0", "-c",
        "from provisioning.announce import announce; from provisioning.models import Persona;"
        f"Persona.objects.filter(aor='sip:p7@{DOMAIN}').update(enabled=False); announce(Persona)",
    )  # fmt: skip
    wait_until(lambda: off.refresh().title == "Logged out", "the end of the log-in of a disabled user")
    assert site.count(f"B.objects.filter(persona__aor='sip:p7@{DOMAIN}', expires_at__gt=now).count()") == "0"


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_an_edge_that_was_away(site: Site, phone: Callable[[str], Phone], how: str) -> None:
    """R-IM-03, R-IM-06: pages say that it is away; then the log-in goes on, with what the user had chosen."""
    watch = phone("u5").subscribe(f"sip:p8@{DOMAIN}")
    desk = site.desk("p8")
    desk.choose("Status")
    desk.choose("Away")
    desk.fill(note="")
    watch.sees("<rpid:away/>")
    desk.press("OK")
    home = desk.url
    getattr(site.running.edge, how)()
    site.running.edge.wait(20)
    desk.go(home)
    assert desk.page.title == "Service not available"
    site.running.start_edge()
    desk.press("Retry")
    assert any(name == "Status: Away" for name in desk.page.items)
    desk.choose("Contacts")
    waits(desk, "u2", Reachability.UNKNOWN)
    one = phone("u1")
    one.register()
    assert one.message(f"sip:p8@{DOMAIN}", "again").status == 200
    assert desk.refresh().text == "again"
    desk.go(home)
    desk.choose("Log out")
    again = phone("u5").subscribe(f"sip:p8@{DOMAIN}")
    again.sees("<ce:unavailable/>")


def test_a_phone_that_repeats_its_log_in(site: Site) -> None:
    """R-IM-04: a user has ten log-ins by phone, and no more; odd addresses lead to a page as well."""
    desk = DeskPhone(f"{site.web}/phone/?user=p0")
    for _ in range(12):
        desk.go(desk.start)
        desk.fill(pin=PIN)
    assert site.count(f"L.objects.filter(persona__aor='sip:p0@{DOMAIN}').count()") == "10"
    desk.choose("Yes")
    assert site.count(f"L.objects.filter(persona__aor='sip:p0@{DOMAIN}').count()") == "1"
    home = desk.url.rpartition("others")[0]
    for odd, title in (
        ("contact/ffffffffffff", "No such contact"),
        ("message/ffffffffffffffff", "No such message"),
        ("to/m-7", "No such message"),
        ("to/c-7/send/0?text=x", "No such contact"),
        ("contacts/99999999999999999999", "Contacts"),
        ("status/thirsty", "Status"),
        ("status/thirsty/set", "Not done"),
        ("settings/refresh/set?value=%00", "Invalid interval"),
        ("new/send/0?who=%00&text=x", "Not delivered"),
        ("new/send/0?who=u1&text=", "Not sent"),
        ("added?who=p0", "Contact not added"),
        ("added?who=u1", "Contact not added"),
        ("added?who=nobody", "Contact not added"),
        ("unlock/x?pin=", "Invalid PIN"),
        ("nonsense", "No such page"),
    ):
        assert desk.go(home + odd).title == title, odd
    for user in ("%0a", "a/b", "%00", "x" * 300, "%F0%9F%98%80"):
        assert desk.go(f"{site.web}/phone/?user={user}").title == "Phone Messenger"
