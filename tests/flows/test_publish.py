"""PUBLISH at a running edge (REQUIREMENTS section 7, RFC 3903)."""

from collections.abc import Callable

import pytest

from tests.phone import Phone, pidf
from tests.system import Deployment

pytestmark = pytest.mark.system
Make = Callable[..., Phone]

GUIDE = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf"
          xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
          xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"
          xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps"
          xmlns:so="urn:cisco:params:xml:ns:pidf:source"
          entity="sip:xten3@57.1.1.15">
  <tuple id="t0">
    <status><basic>open</basic></status>
    <so:source> {source} </so:source>
    <sc:servcaps><sc:audio>true</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text></sc:servcaps>
    <rpid:user-input>active</rpid:user-input>
    <contact priority="1">sip:xten3@57.1.1.15</contact>
  </tuple>
  <dm:person id="p1"><rpid:activities>{activity}</rpid:activities></dm:person>
</presence>
"""


def test_every_answer_has_a_new_tag(peer: Make) -> None:
    """D-11, R-PUB-33, R-STD-05, EX-7: initial, refresh, modification, removal; no body in any answer."""
    one = peer()
    first = one.publish(pidf(one.aor), expires=600)
    assert (first.status, first.get("Expires"), first.body) == (200, "600", b"")
    tag = first.get("SIP-ETag")
    tags = [tag]
    for body in (None, pidf(one.aor, "closed")):
        answer = one.publish(body, tag=tag)
        tag = answer.get("SIP-ETag")
        tags.append(tag)
    removed = one.publish(tag=tag, expires=0)
    assert (removed.status, removed.get("Expires")) == (200, "0")
    assert len(set(tags)) == 3 and None not in tags
    assert one.publish(tag=tag).status == 412


@pytest.mark.parametrize(("asked", "granted"), [(None, "3600"), (60, "60"), (7200, "7200"), (7201, "3600")])
def test_the_granted_expiry_follows_the_bounds(peer: Make, asked: int | None, granted: str) -> None:
    """R-PUB-25, R-PUB-27, R-PUB-28, D-05."""
    one = peer()
    assert one.publish(pidf(one.aor), expires=asked).get("Expires") == granted


def test_too_brief_is_refused(peer: Make) -> None:
    """R-PUB-26, D-03, EX-7; a refused refresh leaves the publication as it was."""
    one = peer()
    answer = one.publish(pidf(one.aor), expires=30)
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")
    tag = one.publish(pidf(one.aor)).get("SIP-ETag")
    assert one.publish(tag=tag, expires=30).status == 423
    assert one.publish(tag=tag).status == 200


def test_an_unknown_tag_is_refused(peer: Make) -> None:
    """D-11: 412."""
    one = peer()
    tag = one.publish(pidf(one.aor)).get("SIP-ETag") or ""
    assert one.publish(pidf(one.aor), tag="9f2c7a41").status == 412
    assert one.publish(tag=tag).status == 200
    assert one.publish(tag=tag).status == 412, "a tag is good once"


def test_another_body_is_refused(peer: Make) -> None:
    """R-PUB-08, D-08: 415 with what is accepted."""
    one = peer()
    answer = one.ask("PUBLISH", one.aor, [("Event", "presence"), ("Content-Type", "text/plain")], b"hello")
    assert (answer.status, answer.get("Accept")) == (415, "application/pidf+xml")


def test_another_event_is_refused_before_the_body_is_read(peer: Make) -> None:
    """D-06, V-17: an empty line in the headers leaves Event behind, and over UDP that is 489."""
    one = peer()
    headers = [("Event", "dialog"), ("Content-Type", "text/plain")]
    assert one.ask("PUBLISH", one.aor, headers, b"hello").status == 489
    request = one.build("PUBLISH", one.aor)
    torn = request.encode().partition(b"Content-Length")[0] + b"\r\nEvent: presence\r\nContent-Length: 0\r\n\r\n"
    one.send(torn)
    from tests.waiting import wait_until

    found = wait_until(lambda: [r for r in one.responses if r.call_id == request.call_id], "an answer")
    assert found[0].status == 489


def test_only_the_user_itself_publishes(peer: Make) -> None:
    """R-PUB-03, R-PUB-04, R-PUB-05, R-PUB-06, R-PUB-07, D-19: the identity headers in their order, and the policy
    self.
    """
    one, other = peer(), peer()
    headers = [("Event", "presence"), ("Content-Type", "application/pidf+xml")]

    def publish(**identity: str | None) -> int:
        return one.ask("PUBLISH", one.aor, headers, pidf(one.aor), **identity).status

    assert publish() == 200
    assert publish(P_Asserted_Identity=f"<{other.aor}>") == 403
    assert publish(P_Asserted_Identity=None, Remote_Party_ID=f"<{other.aor}>") == 403
    assert publish(P_Asserted_Identity=None, Remote_Party_ID=f"<{one.aor}>", From=f"<{other.aor}>;tag=1") == 200
    assert publish(P_Asserted_Identity=None, From=f"<{other.aor}>;tag=1") == 403


def test_the_request_uri_decides_whose_state_it_is(peer: Make) -> None:
    """R-PUB-02, V-14, D-01: an alias leads to the user; the entity in the document does not matter."""
    one = peer("xten3")
    body = pidf("sip:somebody@57.1.1.15")
    tag = one.publish(body, to="sip:xten.three@compB.cisco.com:5060;transport=tcp").get("SIP-ETag")
    notify = peer().subscribe("xten3").sees("<ce:available/>")
    assert b'entity="sip:xten3@compb.cisco.com"' in notify.body
    one.publish(tag=tag, expires=0)
    assert one.publish(body, to="sip:nobody@compb.cisco.com").status == 404
    assert one.publish(body, to="sip:xten3@elsewhere.example").status == 404


@pytest.mark.parametrize(
    ("source", "activity", "seen"),
    [
        ("Manually set by persona", "<ce:dnd/>", b'<dm:person id="p3"><rpid:activities><ce:dnd/>'),
        ("Manually  set\n by persona", "<rpid:vacation/>", b'<dm:person id="p5"><rpid:activities><rpid:vacation/>'),
        ("Somebody else", "<ce:dnd/>", b'<dm:person id="p1"><rpid:activities><ce:available/><ce:dnd/>'),
        ("manually set by persona", "<rpid:away/>", b'<dm:person id="p1"><rpid:activities><ce:available/><rpid:away/>'),
    ],
)
def test_a_manual_override_states_what_watchers_see(peer: Make, source: str, activity: str, seen: bytes) -> None:
    """R-PUB-09, R-PUB-10, R-PUB-11, R-PUB-12, R-PUB-13, R-PUB-14, D-20, D-23, V-16, V-18, EX-4: the provisioned
    value, white space aside; others do not.
    """
    one = peer()
    body = GUIDE.format(source=source, activity=activity).encode()
    assert one.publish(body).status == 200
    notify = peer().subscribe(one.aor).heard(1)
    assert seen in notify.body, notify.body.decode()


@pytest.mark.parametrize(
    ("user_agent", "classes"),
    [
        ("Cisco-CCM5.1", b"<sc:audio>true</sc:audio><sc:video>false</sc:video><sc:text>false</sc:text>"),
        ("eyeBeam release 8888a stamp 16336", b"<sc:audio>true</sc:audio><sc:video>true</sc:video><sc:text>true"),
        ("CSCO/IPPM-1.0", b"<sc:audio>false</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text>"),
        ("Never/1 heard of", b"<sc:audio>false</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text>"),
        (None, b"<sc:audio>false</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text>"),
    ],
)
def test_the_class_of_service_comes_from_the_table(peer: Make, user_agent: str | None, classes: bytes) -> None:
    """R-PUB-30, R-PUB-31, R-PUB-32, R-NTF-09, R-NTF-10, R-NTF-11, R-NTF-12, D-17."""
    one = peer()
    one.publish(pidf(one.aor), User_Agent=user_agent)
    assert classes in peer().subscribe(one.aor).heard(1).body


def test_sources_and_dialects_that_an_operator_should_know_of_are_logged(running: Deployment, peer: Make) -> None:
    """R-PUB-13, D-20, section 12: counted, and told once."""
    one = peer()
    for _ in range(2):
        body = GUIDE.format(source="Lift in building 4", activity="<rpid:away/>")
        one.publish(body.replace("urn:ietf:params:xml:ns:pidf:rpid", "urn:ietf:params:xml:ns:pidf:rpidd").encode())
    assert running.logs().count('event="source without a priority" what="Lift in building 4"') == 1
    assert running.logs().count('event="legacy dialect" what=rpid-namespace') == 1


def test_extensions_are_carried(peer: Make) -> None:
    """R-EXT-01, R-NTF-07, R-NTF-13, R-PUB-21, D-28."""
    one = peer()
    extra = (
        '<rpid:user-input>idle</rpid:user-input><x:mood xmlns:x="urn:example:mood" x:deep="yes">fine</x:mood>'
        '<contact priority="0.8">sip:u@192.0.2.1</contact>'
    )
    one.publish(pidf(one.aor, extra=extra))
    body = peer().subscribe(one.aor).heard(1).body
    assert b"<rpid:user-input>idle</rpid:user-input>" in body
    assert b"urn:example:mood" in body and b">fine</" in body
    assert b'priority="0.8">sip:u@192.0.2.1</contact>' in body


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<presence>",
        b'<!DOCTYPE presence [<!ENTITY a "b">]><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"/>',
        b'<!DOCTYPE presence SYSTEM "file:///etc/passwd"><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>',
        b'<presence xmlns="urn:example:other" entity="sip:a@b"/>',
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">'
        + b"<a>" * 200
        + b"</a>" * 200
        + b"</presence>",
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><tuple id="t"></r :tuple></presence>',
        b"",
    ],
)
def test_a_document_that_cannot_be_read_is_refused_and_leaves_nothing(peer: Make, body: bytes) -> None:
    """D-39, V-13: 400, nothing stored."""
    one = peer()
    answer = one.ask("PUBLISH", one.aor, [("Event", "presence"), ("Content-Type", "application/pidf+xml")], body)
    assert answer.status == 400
    assert b"<rpid:unknown/>" in peer().subscribe(one.aor).heard(1).body


def test_a_document_that_is_too_large_is_refused(peer: Make) -> None:
    """D-39: 413."""
    one = peer(transport="TCP")
    body = pidf(one.aor, extra=f"<note>{'z' * 40_000}</note>")
    assert one.publish(body).status == 413


def test_a_publication_runs_out(peer: Make) -> None:
    """R-PUB-29, section 6: at its moment it is left out, and watchers are told."""
    from tests.system import deployed

    with deployed() as deployment:
        deployment.apply("settings: {expiry: {publish: {min: 1, default: 2, max: 10}}}")
        deployment.start_edge()
        with deployment.peer("u1") as one, deployment.peer("u2") as watcher:
            tag = one.publish(pidf(one.aor), expires=1).get("SIP-ETag")
            watch = watcher.subscribe(one.aor)
            watch.sees("<ce:unavailable/>")
            assert one.publish(tag=tag).status == 412
