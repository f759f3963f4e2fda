"""Live objects are ended and sent again by REST, while their clients look on (R-ARC-02, D-13)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from presence.subscriptions import REASONS
from tests.phone import DOMAIN, Phone, Watch, pidf
from tests.rest import Web, integrator
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

PARTIAL = "application/pidf-diff+xml, application/pidf+xml"
LIST = f'lists: [{{uri: "team@{DOMAIN}", members: ["u60@{DOMAIN}", "u61@{DOMAIN}"]}}]\n'
LINES = f'lines: [{{uri: "tel:2001", owner: "u80@{DOMAIN}"}}]\n'


class Site(NamedTuple):
    """A deployment with its web process."""

    running: Deployment
    web: Web

    def row(self, resource: str, query: str) -> int:
        """The id of the only row that is found."""
        status, page = self.web.ask("GET", f"{resource}/?{query}")
        assert status == 200 and page["count"] == 1, page
        return int(page["results"][0]["id"])

    def act(self, resource: str, row: int, what: str, values: dict[str, Any] | None = None) -> tuple[int, Any]:
        return self.web.ask("POST", f"{resource}/{row}/{what}/", values if values is not None else {})

    def subscription(self, watch: Watch) -> int:
        return self.row("subscriptions", f"watcher={watch.phone.aor}")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(LIST + LINES)
        found.start_edge()
        yield Site(found, integrator(found))
        assert "Traceback" not in found.logs()


@pytest.fixture
def peer(site: Site) -> Iterator[Any]:
    made: list[Phone] = []

    def make(user: str, **options: Any) -> Phone:
        made.append(site.running.peer(user, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def state_of(watch: Watch) -> str:
    """The last Subscription-State."""
    return watch.notifies[-1].get("Subscription-State") or ""


@pytest.mark.parametrize("number", range(len(REASONS)))
def test_a_subscription_is_ended_for_any_reason(site: Site, peer: Any, number: int) -> None:
    """RFC 6665 4.1.3: the last NOTIFY says why; the dialog is gone; what is over cannot be ended again."""
    reason = REASONS[number]
    watch = peer(f"u{10 + number}").subscribe(f"sip:u1@{DOMAIN}")
    watch.heard(1)
    row = site.subscription(watch)
    assert site.act("subscriptions", row, "end", {"reason": reason} if number else {}) == (204, None)
    assert watch.heard(2).get("Subscription-State") == f"terminated;reason={reason}"
    assert watch.refresh().status == 481
    status, said = site.act("subscriptions", row, "end")
    assert (status, said["status"]) == (404, 404)
    assert site.act("subscriptions", row, "resend")[0] == 404
    assert watch.phone.subscribe(f"sip:u1@{DOMAIN}").response.status == 200, "it was ended, not forbidden"


def test_a_reason_that_there_is_not_ends_nothing(site: Site, peer: Any) -> None:
    watch = peer("u20").subscribe(f"sip:u1@{DOMAIN}")
    watch.heard(1)
    status, said = site.act("subscriptions", site.subscription(watch), "end", {"reason": "bored"})
    assert status == 400 and "reason" in said["errors"]
    assert watch.refresh().status == 200


@pytest.mark.parametrize("accept", ["application/pidf+xml", PARTIAL])
def test_the_state_is_sent_again(site: Site, peer: Any, accept: str) -> None:
    """Whole, in the same dialog, though nothing has changed; what changes then follows as ever."""
    one, watcher = peer("u30"), peer("u31")
    tag = one.publish(pidf(one.aor, activity="busy")).get("SIP-ETag")
    watch = watcher.subscribe(one.aor, accept=accept)
    watch.sees("<rpid:busy/>")
    first, before = watch.notifies[-1], len(watch.notifies)
    assert site.act("subscriptions", site.subscription(watch), "resend") == (204, None)
    again = watch.heard(before + 1)
    assert b"<rpid:busy/>" in again.body and state_of(watch).startswith("active;expires=")
    assert again.cseq.number > first.cseq.number and again.get("SIP-ETag") == first.get("SIP-ETag")
    if accept == PARTIAL:
        assert b"pidf-full" in again.body
    one.publish(pidf(one.aor, activity="away"), tag=tag)
    watch.heard(before + 2)
    watch.refresh(expires=0)
    wait_until(lambda: state_of(watch).startswith("terminated"), "the end")


def test_a_list_is_sent_again_as_a_whole(site: Site, peer: Any) -> None:
    """RFC 4662: every member, with fullState."""
    accept = "multipart/related, application/rlmi+xml, application/pidf+xml"
    watch = peer("u62").subscribe(f"sip:team@{DOMAIN}", accept=accept, Supported="eventlist")
    watch.heard(1)
    assert site.act("subscriptions", site.subscription(watch), "resend") == (204, None)
    again = watch.heard(2).body
    assert b'fullState="true"' in again and b"u60@" in again and b"u61@" in again


def test_a_publication_is_ended(site: Site, peer: Any) -> None:
    """Watchers hear at once; the tag is void, so that the client publishes anew (RFC 3903 section 4.1)."""
    one, watcher = peer("u40"), peer("u41")
    tag = one.publish(pidf(one.aor, activity="busy")).get("SIP-ETag")
    watch = watcher.subscribe(one.aor)
    watch.sees("<rpid:busy/>")
    row = site.row("publications", f"persona__aor={one.aor}")
    assert site.act("publications", row, "end") == (204, None)
    watch.loses("<rpid:busy/>")
    assert one.publish(tag=tag).status == 412
    assert site.act("publications", row, "end")[0] == 404
    one.publish(pidf(one.aor, activity="away"))
    watch.sees("<rpid:away/>")


def test_an_ended_contact_gets_no_message(site: Site) -> None:
    """As if it had unregistered; the user's other contact goes on."""
    running = site.running
    with running.phone("u50") as gone, running.phone("u50") as stays, running.phone("u51") as sender:
        for one in (gone, stays):
            assert one.register(one.contact).status == 200
        assert sender.message("u50", "to both").status == 200
        wait_until(lambda: gone.messages and stays.messages, "the message at both")
        contact = gone.contact.strip("<>")
        page = site.web.ask("GET", "bindings/?persona__aor=sip:u50@" + DOMAIN)[1]["results"]
        (row,) = [binding["id"] for binding in page if binding["contact"] == contact]
        assert site.act("bindings", row, "end") == (204, None)
        assert sender.message("u50", "to one").status == 200
        stays.reads("to one")
        assert [one.body for one in gone.messages] == [b"to both"]
        registered = stays.register(expires=None, Contact=None).get_all("Contact")
        assert len(registered) == 1 and stays.contact.strip("<>") in registered[0]
        assert site.act("bindings", row, "end")[0] == 404
        assert gone.register(gone.contact).status == 200, "it was ended, not forbidden"


def test_what_a_line_says_is_not_ended(site: Site) -> None:
    """The line would say it again: 409; it ends with what the line does."""
    line = site.row("lines", "search=2001")
    assert site.web.ask("POST", f"lines/{line}/press/", {"button": "do not disturb"})[0] == 200
    found = f"persona__aor=sip:u80@{DOMAIN}&door=line"
    wait_until(lambda: site.web.ask("GET", f"publications/?{found}")[1]["count"], "what the line says", pause=0.1)
    status, said = site.act("publications", site.row("publications", found), "end")
    assert (status, said["status"]) == (409, 409) and "A line says this" in said["detail"]
    assert site.web.ask("POST", f"lines/{line}/press/", {"button": "disturb"})[0] == 200


def test_every_edge_is_reached(site: Site, peer: Any) -> None:
    """DESIGN section 9: watchers at each edge hear of the end of what was published at one; its own edge ends one."""
    port = free_port()
    second = site.running.start_edge("edge-3", CUPS_SIP_LISTEN=f"udp:127.0.0.1:{port}:engine", CUPS_CSTA_LISTEN="")
    one = peer("u71")
    with Phone(f"u72@{DOMAIN}", ("127.0.0.1", port), asserted=True) as there:
        here, far = peer("u73").subscribe(one.aor), there.subscribe(one.aor)
        one.publish(pidf(one.aor, activity="busy"))
        for watch in (here, far):
            watch.sees("<rpid:busy/>")
        assert site.act("publications", site.row("publications", f"persona__aor={one.aor}"), "end") == (204, None)
        for watch in (here, far):
            watch.loses("<rpid:busy/>")
        before = len(far.notifies)
        assert site.act("subscriptions", site.subscription(far), "resend") == (204, None)
        far.heard(before + 1)
        assert site.act("subscriptions", site.subscription(far), "end") == (204, None)
        assert far.heard(before + 2).get("Subscription-State") == "terminated;reason=deactivated"
        assert here.refresh().status == 200
    second.terminate()
    second.wait(20)


def test_no_answer_is_no_success(site: Site, peer: Any) -> None:
    """DESIGN section 15: the edge that owns a subscription is away; nothing is said to be done, with Retry-After."""
    second = site.running.start_edge("edge-2", CUPS_SIP_LISTEN="udp:127.0.0.1:0:engine", CUPS_CSTA_LISTEN="")
    watch = peer("u70").subscribe(f"sip:u1@{DOMAIN}")
    watch.heard(1)
    row = site.subscription(watch)
    second.terminate()
    second.wait(20)
    site.running.manage(
        "shell",
        "-v0",
        "-c",
        f"from presence.models import Subscription as S; S.objects.filter(pk={row}).update(edge='edge-2', version=99)",
    )
    status, said = site.act("subscriptions", row, "end")
    assert status == 503 and said["detail"] == "Edge edge-2 does not listen; nothing was done."
    assert len(watch.notifies) == 1
