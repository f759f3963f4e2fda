"""What foreign servers hold reaches watchers here: flow F-5, sections 8.1 and 8.2, D-30, D-31, D-32."""

import time

import pytest

from sipedge.sip.message import Request, parse
from tests.builders import guide
from tests.flows.backend.scenes import ACCEPT, CISCO, phone_state
from tests.foreign import Foreign
from tests.phone import pidf
from tests.presence.engine.documents import canonical, data
from tests.rlmi import read
from tests.system import Deployment
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_a_foreign_resource_is_watched_through_its_server(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """F-5, R-FLW-03, R-AOR-06, R-BCK-01, R-BCK-02, R-BCK-03, R-BCK-04, R-BCK-05, R-BCK-06, R-BCK-07, R-BCK-08,
    R-BCK-09, R-BCK-10, R-BCK-11, R-BCK-12, R-BCK-13, R-FRN-01, R-FRN-02, R-FRN-03, R-FRN-04, R-FRN-05, R-FRN-06,
    R-FRN-12, EX-8, EX-9, EX-10, D-23, D-29.
    """
    foreign = servers["joe"]
    with deployment.peer(f"ann@{CISCO}") as ann:
        watch = ann.subscribe(f"sip:joe@{CISCO}", accept=ACCEPT)
        assert watch.response.status == 200
        assert b"<rpid:unknown/>" in watch.heard(1).body, "nothing is known yet"
        asked = foreign.asked(1)
        example = parse(guide("ex8.sip"))
        assert isinstance(example, Request)
        assert asked.target == example.target
        for name in ("To", "Event", "Accept", "Expires", "P-Asserted-Identity", "Max-Forwards"):
            assert asked.get(name) == example.get(name), name
        assert asked.from_.uri_text == example.from_.uri_text and asked.from_.tag
        assert asked.contacts and asked.cseq.number == 1
        given = parse(guide("ex9.sip"))
        assert isinstance(given, Request)
        assert foreign.notify(asked, given.body, "active;expires=1795").status == 200
        shown = watch.sees("<rpid:on-the-phone/>")
        assert canonical(shown.body) == canonical(data("ex10.xml"))
        assert foreign.notify(asked, phone_state("sip:5555@cm.cisco.com", "meeting")).status == 200
        watch.sees("<rpid:meeting/>")
        watch.refresh(expires=0)
        ended = foreign.asked(2)
        assert (ended.get("Expires"), ended.call_id, ended.to.tag) == ("0", asked.call_id, foreign.tag)
        assert foreign.notify(asked, state="terminated;reason=timeout").status == 200


def test_one_subscription_for_each_watcher_and_accept_or_one_for_all(
    deployment: Deployment, servers: dict[str, Foreign]
) -> None:
    """D-30, R-BCK-06, R-BCK-07, R-BCK-08, R-BCK-11: each watcher sees what the server shows to it; a shared one
    serves all.
    """
    foreign = servers["j1"]
    with deployment.peer("u1") as a, deployment.peer("u2") as b:
        aor = f"sip:j1@{CISCO}"
        first, same = a.subscribe(aor), a.subscribe(aor)
        asked_a = foreign.asked(1)
        other = b.subscribe(aor)
        asked_b = foreign.asked(2)
        assert {asked_a.from_.uri_text, asked_b.from_.uri_text} == {a.aor, b.aor}
        foreign.notify(asked_a, phone_state("sip:1@cm.example", "busy"))
        first.sees("<rpid:busy/>")
        same.sees("<rpid:busy/>")
        foreign.notify(asked_b, phone_state("sip:1@cm.example", "meeting"))
        assert b"busy" not in other.sees("<rpid:meeting/>").body
        first.refresh(expires=0)
        time.sleep(0.3)
        assert len(foreign.requests) == 2, "somebody still needs it"
        same.refresh(expires=0)
        assert foreign.asked(3).get("Expires") == "0"
    sharing = servers["j2"]
    with deployment.peer("u3") as c, deployment.peer("u4") as d:
        aor = f"sip:j2@{CISCO}"
        watches = [c.subscribe(aor), d.subscribe(aor, accept="application/cpim-pidf+xml")]
        asked = sharing.asked(1)
        assert asked.from_.uri_text == "sip:presence@cisco.com"
        assert asked.get("P-Asserted-Identity") == "<sip:presence@cisco.com>"
        sharing.notify(asked, phone_state("sip:2@cm.example", "busy"))
        for watch in watches:
            watch.sees("<rpid:busy/>")
        assert watches[1].heard(1).get("Content-Type") == "application/cpim-pidf+xml"  # D-33
        assert len(sharing.requests) == 1


def test_a_whole_foreign_domain_needs_no_mapping(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-02, R-FLW-03, D-29: any presentity of it; domains that nobody covers are 404."""
    foreign = servers["partner"]
    with deployment.peer("u5") as watcher:
        watch = watcher.subscribe("sip:bob@Partner.Example")
        assert watch.response.status == 200
        asked = foreign.asked(1)
        assert (asked.target, asked.from_.uri_text) == ("sip:bob@partner.example", watcher.aor)
        foreign.notify(asked, phone_state("sip:bob@partner.example", "meeting"))
        shown = watch.sees("<rpid:meeting/>")
        assert b'entity="sip:bob@partner.example"' in shown.body
        assert watcher.subscribe("sip:bob@elsewhere.example").response.status == 404


def test_foreign_and_local_state_are_composed(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-AOR-03, R-AOR-05, R-AOR-06, R-AOR-07, R-AOR-08, R-FRN-05, D-23 rule 4, D-25: Interruptible But Busy, every
    device its tuple.
    """
    foreign = servers["j3"]
    with deployment.peer(f"j3@{CISCO}") as one, deployment.peer("u6") as watcher:
        one.publish(pidf(one.aor, tuple_id="laptop"))
        watch = watcher.subscribe(one.aor)
        watch.sees("<ce:available/>")
        foreign.notify(foreign.asked(1), phone_state("sip:3@cm.example", "on-the-phone"))
        body = watch.sees("<rpid:on-the-phone/>").body
        assert b'id="laptop"' in body and b'id="line1"' in body and b"<rpid:busy/>" in body
        assert body.count(b"<sc:audio>true</sc:audio>") == 1, "R-FRN-13: by the capability table"


def test_a_foreign_document_is_read_like_a_publication(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-FRN-02, R-FRN-07, R-FRN-08, R-FRN-09, R-FRN-10, R-FRN-11, R-FRN-13, R-FRN-14: sources, classes of service
    from body, table or neither.
    """
    foreign = servers["j7"]
    with deployment.peer("u70") as watcher, deployment.peer("u71") as conference:
        watch = watcher.subscribe(f"sip:j7@{CISCO}")
        asked = foreign.asked(1)
        video = (
            '<sc:servcaps xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps"><sc:audio>true</sc:audio>'
            "<sc:video>true</sc:video></sc:servcaps><r:user-input xmlns:r="
            '"urn:ietf:params:xml:ns:pidf:rpid">idle</r:user-input>'
        )
        foreign.notify(asked, pidf("sip:7@cm.example", tuple_id="said", extra=video))
        said = watch.sees('id="said"').body
        assert b"<sc:audio>true</sc:audio><sc:video>true</sc:video><sc:text>false</sc:text>" in said
        assert b"<rpid:user-input>idle</rpid:user-input>" in said
        foreign.notify(asked, pidf("sip:7@cm.example", tuple_id="table"))
        assert b"<sc:audio>true</sc:audio><sc:video>false</sc:video><sc:text>false</sc:text>" in (
            watch.sees('id="table"').body
        )
        foreign.notify(asked, pidf("sip:7@cm.example", tuple_id="neither"), User_Agent=None)
        assert b"<sc:audio>false</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text>" in (
            watch.sees('id="neither"').body
        )
        manual = '<s:source xmlns:s="urn:cisco:params:xml:ns:pidf:source">Manually set by persona</s:source>'
        foreign.notify(asked, pidf("sip:7@cm.example", activity="vacation", tuple_id="manual", extra=manual))
        assert b'<dm:person id="p5"><rpid:activities><rpid:vacation/>' in watch.sees('id="manual"').body
        phones = conference.subscribe(f"sip:j7@{CISCO}", User_Agent="MeetingPlace/5.1")
        other = foreign.asked(2)
        foreign.notify(other, pidf("sip:7@cm.example", tuple_id="desk"))
        assert b'id="desk"' in phones.sees('id="desk"').body
        foreign.notify(other, pidf("sip:7@cm.example", tuple_id="texts"), User_Agent=None)
        phones.sees('id="none"')


def test_members_of_a_list_may_be_foreign(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-LST-05, D-02, D-30: not known yet, then its state; types that only lists have are not passed on."""
    foreign = servers["j45"]
    with deployment.peer("u17") as watcher:
        watch = wait_until(
            lambda: (
                found
                if (
                    found := watcher.subscribe(
                        f"sip:far@{CISCO}",
                        accept="application/pidf+xml, application/rlmi+xml, multipart/related",
                        Supported="eventlist",
                    )
                ).response.status
                == 200
                else None
            ),
            "the list",
        )
        first = read(watch.heard(1))
        assert b"<rpid:unknown/>" in first.resources["sip:bob@lists.example"].body
        asked = {one.target: one for one in (foreign.asked(1), foreign.asked(2))}
        assert set(asked) == {"sip:45@cm.example", "sip:bob@lists.example"}
        assert {one.get("Accept") for one in asked.values()} == {"application/pidf+xml"}
        foreign.notify(asked["sip:bob@lists.example"], phone_state("sip:bob@lists.example", "meeting"))
        wait_until(
            lambda: any(
                b"meeting" in one.resources["sip:bob@lists.example"].body
                for one in map(read, watch.notifies)
                if "sip:bob@lists.example" in one.resources
            ),
            "the foreign member's state",
        )


def test_a_blocked_watcher_causes_no_subscription(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-ARC-06, D-15, D-16: what is not shown is not asked for either."""
    foreign = servers["j46"]
    with deployment.peer("u18") as watcher:
        assert b"<ce:unavailable/>" in watcher.subscribe(f"sip:j46@{CISCO}").heard(1).body
        time.sleep(1)
        assert not foreign.requests
