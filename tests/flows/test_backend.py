"""Back-end subscriptions at a running edge: flow F-5, sections 8.1 and 8.2, D-30, D-31, D-32."""

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest

from sipedge.sip.message import Request, parse
from tests.builders import guide
from tests.foreign import Foreign
from tests.presence.engine.documents import canonical, data
from tests.rlmi import read
from tests.services import valkey
from tests.system import Deployment, deployed, pidf, wait_until

pytestmark = pytest.mark.system

ACCEPT = "application/pidf+xml, application/cpim-pidf+xml, application/x-other+xml"
CISCO = "cisco.com"
CAST = """
domains: [cisco.com]
users:
  - {uri: "ann@cisco.com", password: secret}
  - {uri: "joe@cisco.com", password: secret}
  - {pattern: "j{n}", first: 0, count: 700, domain: cisco.com, password: secret}
"""


SCENES: dict[str, tuple[str, str]] = {
    "joe": ("5555@cm.cisco.com", "expires: 1800"),
    "j1": ("1@cm.example", ""),
    "j2": ("2@cm.example", 'shared_identity: true, identity: "presence@cisco.com"'),
    "partner": ("", "domain: partner.example"),
    "j3": ("3@cm.example", ""),
    "j4": ("4@cm.example", ""),
    "j5": ("5@cm.example", ""),
    "j6": ("6@cm.example", ""),
    **{f"j{status}": (f"{status}@cm.example", "") for status in (403, 404, 500, 503, 603)},
    "j7": ("7@cm.example", ""),
    "j40": ("40@cm.example", ""),
    "j41": ("41@cm.example", ""),
    "j42": ("42@cm.example", "expires: 60"),
    "j43": ("43@cm.example", ""),
    "j44": ("44@cm.example", ""),
    "j45": ("45@cm.example", "domain: lists.example"),
    "j47": ("47@cm.example", ""),
    "j48": ("48@cm.example", ""),
    "j49": ("49@cm.example", ""),
    "j46": ("46@cm.example", ""),
}
"User, and what is provisioned for it: the presentity at a foreign server of its own, and that server's options."

MORE = """
lists: [{uri: "far@cisco.com", members: ["j45@cisco.com", "bob@lists.example"]}]
uri_acls: [{presentity: "j46@cisco.com", default: polite_block}]
filters: [{kind: phone_only, client_type: MeetingPlace}]
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Foreign]]:
    """A foreign server for each scene."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Foreign()) for name in SCENES}


@pytest.fixture(scope="module")
def deployment(servers: dict[str, Foreign]) -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        lines = ["foreign_servers:"]
        for name, (_, options) in SCENES.items():
            more = f", {options}" if options else ""
            lines.append(f'  - {{name: {name}, address: "127.0.0.1:{servers[name].port}"{more}}}')
        lines.append("mappings:")
        for name, (remote, _) in SCENES.items():
            if remote:
                lines.append(f'  - {{user: "{name}@{CISCO}", foreign: "{remote}", server: {name}, priority: 3}}')
        found.apply(CAST + MORE + "\n".join(lines) + "\n")
        found.start_edge()
        found.start_worker()
        yield found
        assert "Traceback" not in found.logs()


def phone_state(foreign: str, activity: str = "on-the-phone") -> bytes:
    return pidf(foreign, activity=activity, tuple_id="line1", extra=f"<contact>{foreign}</contact>")


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


def test_only_the_server_of_the_dialog_is_believed(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-31, V-23: 481 without a dialog or To tag, 403 from elsewhere, 500 out of order, 400 and 415 for bad bodies."""
    foreign = servers["j4"]
    with deployment.peer("u7") as watcher, Foreign("127.0.0.9") as stranger:
        watch = watcher.subscribe(f"sip:j4@{CISCO}")
        asked = foreign.asked(1)
        good = phone_state("sip:4@cm.example", "busy")
        assert foreign.notify(asked, good, To=f"<{watcher.aor}>").status == 481
        assert foreign.notify(asked, good, To=f"<{watcher.aor}>;tag=1234").status == 481
        assert foreign.notify(asked, good, Call_ID="other").status == 481
        assert foreign.notify(asked, good, via=stranger).status == 403
        assert foreign.notify(asked, good, Event="dialog").status == 489
        assert foreign.notify(asked, good, Subscription_State=None).status == 400
        assert foreign.notify(asked, b"<presence").status == 400
        assert foreign.notify(asked, good, Content_Type="text/plain").status == 415
        assert len(watch.notifies) == 1
        assert foreign.notify(asked, good).status == 200
        watch.sees("<rpid:busy/>")
        assert foreign.notify(asked, phone_state("sip:4@cm.example", "away"), CSeq="1 NOTIFY").status == 500
        assert foreign.notify(asked, good, From="<sip:4@cm.example>;tag=fork").status == 481


def test_a_notify_may_come_before_the_answer(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-FRN-01, RFC 6665 section 4.1.2.4: the NOTIFY makes the dialog."""
    foreign = servers["j5"]
    held: list[Request] = []

    def later(request: Request):  # type: ignore[no-untyped-def]
        held.append(request)
        return None if len(held) == 1 else foreign.accept(request)

    foreign.answer = later
    with deployment.peer("u8") as watcher:
        watch = watcher.subscribe(f"sip:j5@{CISCO}")
        wait_until(lambda: held, "the SUBSCRIBE")
        assert foreign.notify(held[0], phone_state("sip:5@cm.example", "busy")).status == 200
        watch.sees("<rpid:busy/>")
        wait_until(lambda: len(held) > 1, "its repetition")
        watch.refresh(expires=0)
        wait_until(lambda: any(one.get("Expires") == "0" for one in foreign.requests), "the end")


def test_it_is_refreshed_in_good_time(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32, F-5 (6): at 80 % of what was granted, up to 10 % earlier, in the same dialog."""
    foreign = servers["j6"]

    def brief(request: Request):  # type: ignore[no-untyped-def]
        headers = [("Contact", foreign.contact), ("Expires", "5")]
        return request.respond(200, headers=headers, to_tag=foreign.tag)

    foreign.answer = brief
    with deployment.peer("u9") as watcher:
        watch = watcher.subscribe(f"sip:j6@{CISCO}")
        first = foreign.asked(1)
        began = time.monotonic()
        foreign.notify(first, phone_state("sip:6@cm.example", "busy"), "active;expires=5")
        second = foreign.asked(2)
        assert time.monotonic() - began >= 5 * 0.8 * 0.9 - 0.5
        assert (second.call_id, second.to.tag, second.cseq.number) == (first.call_id, foreign.tag, 2)
        assert (second.get("Expires"), second.from_.tag) == (first.get("Expires"), first.from_.tag)
        watch.sees("<rpid:busy/>")


@pytest.mark.parametrize(("status", "headers"), [(503, {"Retry_After": "1"}), (500, {}), (403, {})])
def test_a_failure_is_tried_again_after_a_while(
    deployment: Deployment, servers: dict[str, Foreign], status: int, headers: dict[str, str]
) -> None:
    """D-32: with a delay; a server that comes to itself is believed again."""
    user = f"j{status}"
    foreign = servers[user]
    foreign.refuse(status, **headers)
    with deployment.peer("u10") as watcher:
        watch = watcher.subscribe(f"sip:{user}@{CISCO}")
        foreign.asked(1)
        foreign.answer = foreign.accept
        second = foreign.asked(2)
        foreign.notify(second, phone_state(f"sip:{status}@cm.example", "busy"))
        watch.sees("<rpid:busy/>")


@pytest.mark.parametrize("status", [404, 603])
def test_some_failures_are_final_until_the_mapping_changes(
    deployment: Deployment, servers: dict[str, Foreign], status: int
) -> None:
    """D-32, D-23 rule 2: no second attempt; Unknown; another mapping is tried at once."""
    user = f"j{status}"
    foreign = servers[user]
    foreign.refuse(status)
    with deployment.peer("u11") as watcher:
        watch = watcher.subscribe(f"sip:{user}@{CISCO}")
        foreign.asked(1)
        time.sleep(6)
        assert len(foreign.requests) == 1
        assert b"<rpid:unknown/>" in watch.notifies[-1].body
        foreign.answer = foreign.accept
        deployment.apply(f'mappings: [{{user: "{user}@{CISCO}", foreign: "{user}@cm.example", server: {user}}}]')
        asked = foreign.asked(2)
        assert asked.target == f"sip:{user}@cm.example"
        foreign.notify(asked, phone_state(asked.target, "busy"))
        watch.sees("<rpid:busy/>")


def test_a_forgotten_dialog_is_made_again(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: 481 to a refresh begins a new dialog at once; so does terminated;reason=deactivated."""
    foreign = servers["j40"]
    with deployment.peer("u12") as watcher:
        watch = watcher.subscribe(f"sip:j40@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:40@cm.example", "busy"), "active;expires=4")
        watch.sees("<rpid:busy/>")
        foreign.answer = lambda request: foreign.accept(request) if request.to.tag is None else request.respond(481)
        foreign.asked(2)
        third = foreign.asked(3)
        assert third.to.tag is None and third.call_id != first.call_id
        foreign.notify(third, phone_state("sip:40@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")
        foreign.notify(third, state="terminated;reason=deactivated")
        fourth = foreign.asked(4)
        assert fourth.to.tag is None and fourth.call_id != third.call_id


def test_the_server_can_ask_for_patience(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: probation with retry-after is honoured; the state counts until its expiry."""
    foreign = servers["j41"]
    with deployment.peer("u13") as watcher:
        watch = watcher.subscribe(f"sip:j41@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:41@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        began = time.monotonic()
        foreign.notify(first, state="terminated;reason=probation;retry-after=3")
        foreign.asked(2)
        assert time.monotonic() - began >= 3
        assert b"busy" in watch.notifies[-1].body


def test_a_server_that_never_settles_is_not_stormed(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: one attempt at once, then growing delays, whatever it says."""
    raising, ending = servers["j47"], servers["j48"]
    wanted = itertools.count(1000)
    raising.answer = lambda request: request.respond(423, headers=[("Min-Expires", str(next(wanted)))])
    with deployment.peer("u72") as a, deployment.peer("u73") as b:
        a.subscribe(f"sip:j47@{CISCO}")
        b.subscribe(f"sip:j48@{CISCO}")
        until = time.monotonic() + 5
        ended = 0
        while time.monotonic() < until:
            for request in ending.requests[ended:]:
                ended += 1
                ending.notify(request, state="terminated;reason=deactivated")
            time.sleep(0.05)
        assert len(raising.requests) < 8 and len(ending.requests) < 8


def test_a_watcher_that_leaves_before_the_answer_leaves_nothing(
    deployment: Deployment, servers: dict[str, Foreign]
) -> None:
    """F-5 (6): the server's answer comes too late, and is answered by the end in the same dialog."""
    foreign = servers["j49"]
    foreign.answer = lambda request: None if request.to.tag is None else foreign.accept(request)
    with deployment.peer("u74") as watcher:
        watch = watcher.subscribe(f"sip:j49@{CISCO}")
        first = foreign.asked(1)
        watch.refresh(expires=0)
        time.sleep(0.5)
        foreign.answer = foreign.accept
        end = wait_until(
            lambda: next((one for one in foreign.requests if one.to.tag is not None), None), "the end in its dialog"
        )
        assert (end.get("Expires"), end.call_id, end.to.tag) == ("0", first.call_id, foreign.tag)


def test_a_server_that_wants_longer_intervals_gets_them(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-BCK-09, RFC 3261 section 21.4.17: 423 with Min-Expires."""
    foreign = servers["j42"]
    foreign.answer = lambda request: (
        request.respond(423, headers=[("Min-Expires", "900")])
        if request.get("Expires") == "60"
        else foreign.accept(request)
    )
    with deployment.peer("u14") as watcher:
        watcher.subscribe(f"sip:j42@{CISCO}")
        assert (foreign.asked(1).get("Expires"), foreign.asked(2).get("Expires")) == ("60", "900")


def test_a_server_that_moves_is_followed_and_one_that_is_switched_off_left(
    deployment: Deployment, servers: dict[str, Foreign]
) -> None:
    """D-32, R-ARC-02: the address counts at once; switching off ends what is there."""
    foreign = servers["j43"]
    with deployment.peer("u15") as watcher, Foreign() as new:
        watch = watcher.subscribe(f"sip:j43@{CISCO}")
        foreign.notify(foreign.asked(1), phone_state("sip:43@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        deployment.apply(f'foreign_servers: [{{name: j43, address: "127.0.0.1:{new.port}"}}]')
        asked = new.asked(1)
        assert asked.to.tag is None
        new.notify(asked, phone_state("sip:43@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")
        deployment.apply(f'foreign_servers: [{{name: j43, address: "127.0.0.1:{new.port}", enabled: false}}]')
        assert new.asked(2).get("Expires") == "0"
        watch.sees("<rpid:unknown/>")


def test_it_goes_on_after_a_restart(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32, R-BCK-01: dialog, state and refresh survive; the watcher hears nothing that it knows."""
    foreign = servers["j44"]
    with deployment.peer("u16") as watcher:
        watch = watcher.subscribe(f"sip:j44@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:44@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        deployment.restart_edge()
        assert foreign.notify(first, phone_state("sip:44@cm.example", "meeting")).status == 200
        watch.sees("<rpid:meeting/>")
        assert len(watch.notifies) == 3
        watch.refresh(expires=0)
        last = foreign.asked(2)
        assert (last.call_id, last.get("Expires")) == (first.call_id, "0")


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
