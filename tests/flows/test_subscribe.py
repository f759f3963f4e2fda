"""SUBSCRIBE and NOTIFY at a running edge (REQUIREMENTS 5.1, 5.2; RFC 6665)."""

import secrets
from collections.abc import Callable

import pytest

from tests.phone import Phone, pidf
from tests.system import Deployment
from tests.waiting import wait_until

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, "3600"), (60, "60"), (300, "300"), (10800, "10800"), (10801, "3600")]
)
def test_the_granted_expiry_is_in_the_answer_and_in_the_notify(peer: Make, asked: int | None, granted: str) -> None:
    """R-SUB-19, R-SUB-20, R-SUB-22, R-SUB-23, R-NTF-02, R-STD-02, R-STD-03, EX-7."""
    watch = peer().subscribe(peer().aor, expires=asked)
    assert (watch.response.status, watch.response.get("Expires")) == (200, granted)
    state = watch.heard(1).get("Subscription-State") or ""
    assert state.startswith("active;expires=")
    assert int(granted) - 2 <= int(state.partition("=")[2]) <= int(granted)


def test_too_brief_is_refused(peer: Make) -> None:
    """R-SUB-21, D-03, EX-7."""
    answer = peer().subscribe(peer().aor, expires=30).response
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")


@pytest.mark.parametrize("value", ["soon", "-5", "1.5", ""])
def test_an_expiry_that_is_no_number_is_a_bad_request(peer: Make, value: str) -> None:
    """R-SUB-20, section 6."""
    headers = [("Event", "presence"), ("Expires", value)]
    assert peer().ask("SUBSCRIBE", peer().aor, headers).status == 400


@pytest.mark.parametrize("event", [None, "dialog", "presence.winfo", "PRESENCE"])
def test_other_event_packages_are_refused(peer: Make, event: str | None) -> None:
    """R-SUB-24, R-SUB-25, D-06."""
    headers = [("Event", event)] if event else []
    answer = peer().ask("SUBSCRIBE", peer().aor, headers)
    assert (answer.status, answer.get("Allow-Events")) == (489, "presence")


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        (None, "application/pidf+xml"),
        ("application/pidf+xml, application/x-other+xml", "application/pidf+xml"),
        ("application/cpim-pidf+xml", "application/cpim-pidf+xml"),
        ("application/cpim-pidf+xml, application/pidf+xml", "application/pidf+xml"),
        ("*/*", "application/pidf+xml"),
        ("application/*;q=0.5", "application/pidf+xml"),
        ("application/pidf+xml, multipart/related, application/rlmi+xml", "application/pidf+xml"),
        ("application/pdf+xml", "application/pidf+xml"),
    ],
)
def test_the_document_comes_in_a_type_that_is_accepted(peer: Make, accept: str | None, sent: str) -> None:
    """R-SUB-26, R-SUB-28, R-SUB-29, R-NTF-04, D-07, D-33, D-44, V-02: exactly this Content-Type, no parameters."""
    watch = peer().subscribe(peer().aor, accept=accept)
    assert watch.heard(1).get("Content-Type") == sent


@pytest.mark.parametrize("accept", ["text/plain", "multipart/related", "application/pidf+xml;q=0"])
def test_no_acceptable_type_is_refused(peer: Make, accept: str) -> None:
    """D-07: 406."""
    assert peer().subscribe(peer().aor, accept=accept).response.status == 406


def test_the_notify_is_addressed_as_the_dialog_says(peer: Make) -> None:
    """R-SUB-01, R-SUB-31, D-46, V-22, EX-2: to the Contact, From and To as in the SUBSCRIBE, with tags."""
    watcher = peer()
    target = "sip:xten3@compB.cisco.com:5060;transport=tcp"
    watch = watcher.subscribe(target, To=f"<{target}>")
    assert watch.response.body == b"" and watch.response.get("Contact")
    notify = watch.heard(1)
    assert notify.target == watcher.contact.strip("<>")
    assert notify.from_.uri_text == target
    assert notify.from_.tag == watch.response.to.tag
    assert notify.to.uri_text == watcher.aor
    assert notify.to.tag == watch.identity["From"].partition("tag=")[2]
    assert (notify.get("Event"), notify.get("Max-Forwards")) == ("presence", "70")
    assert notify.get("Contact")


def test_the_event_id_comes_back(peer: Make) -> None:
    """R-SUB-24: RFC 6665 tells subscriptions of one dialog apart by it."""
    watcher = peer()
    call_id = secrets.token_hex(8)
    watcher.ask("SUBSCRIBE", peer().aor, [("Event", "presence;id=7")], Call_ID=call_id)
    notify = wait_until(lambda: watcher.notifies, "the NOTIFY")[0]
    assert notify.get("Event") == "presence;id=7"


def test_the_entity_is_the_address_that_was_asked_for(peer: Make) -> None:
    """R-SUB-06, D-01, D-29: an alias leads to the user, and stands in the document."""
    publisher = peer("xten3")
    tag = publisher.publish(pidf(publisher.aor)).get("SIP-ETag")
    watch = peer().subscribe("sips:xten.three@COMPB.cisco.com:5061;transport=tls")
    body = watch.sees("<ce:available/>").body
    assert b'entity="sip:xten.three@compb.cisco.com"' in body
    publisher.publish(tag=tag, expires=0)


def test_a_refresh_extends_the_time_and_brings_a_notify(peer: Make) -> None:
    """R-SUB-03, R-SUB-04, D-10, D-12: other values in a refresh are ignored."""
    presentity = peer()
    watch = peer().subscribe(presentity.aor, expires=300)
    first = watch.heard(1)
    answer = watch.refresh(expires=600, Accept="text/plain", User_Agent="other/2")
    assert (answer.status, answer.get("Expires")) == (200, "600")
    second = watch.heard(2)
    assert second.cseq.number == first.cseq.number + 1
    assert second.get("Content-Type") == "application/pidf+xml"
    assert (second.get("Subscription-State") or "") in ("active;expires=600", "active;expires=599")


def test_a_refused_refresh_leaves_the_subscription_alone(peer: Make) -> None:
    """R-SUB-21, section 6."""
    presentity = peer()
    watch = peer().subscribe(presentity.aor)
    watch.heard(1)
    assert watch.refresh(expires=10).status == 423
    presentity.publish(pidf(presentity.aor))
    watch.sees("<ce:available/>")


def test_only_the_watcher_refreshes(peer: Make) -> None:
    """D-10: 403 for another identity."""
    watch = peer().subscribe(peer().aor)
    watch.heard(1)
    assert watch.refresh(P_Asserted_Identity=f"<{peer().aor}>").status == 403


def test_a_refresh_follows_the_client_to_its_new_contact(running: Deployment, peer: Make) -> None:
    """D-10: remote target and route are updated."""
    presentity, watcher = peer(), peer()
    moved = running.peer(watcher.aor.user)
    watch = watcher.subscribe(presentity.aor)
    watch.heard(1)
    via = f"SIP/2.0/UDP {moved.address};branch=z9hG4bK{secrets.token_hex(6)};rport"
    request = moved.build(
        "SUBSCRIBE", watch.target, [("Event", "presence"), ("Expires", "600")],
        **{**watch.identity, "To": watch.response.get("To"), "CSeq": "900 SUBSCRIBE", "Via": via},
    )  # fmt: skip
    assert moved.exchange(request).status == 200
    notify = wait_until(lambda: moved.notifies, "the NOTIFY at the new address")[0]
    assert notify.target == moved.contact.strip("<>")
    moved.close()


def test_the_end_brings_a_last_notify(peer: Make) -> None:
    """R-SUB-05, R-NTF-03, D-04, D-13."""
    presentity = peer()
    watch = peer().subscribe(presentity.aor)
    watch.heard(1)
    answer = watch.refresh(expires=0)
    assert (answer.status, answer.get("Expires")) == (200, "0")
    last = watch.heard(2)
    assert last.get("Subscription-State") == "terminated;reason=timeout"
    assert b"<presence" in last.body
    assert watch.refresh().status == 481


def test_the_last_notify_waits_for_the_answer_to_the_one_before(peer: Make) -> None:
    """R-NTF-03, D-13: an end that comes while a NOTIFY is unanswered is told afterwards, and not lost."""
    presentity, watcher = peer(), peer()
    watcher.answer_with = 0
    watch = watcher.subscribe(presentity.aor)
    first = watch.heard(1)
    assert watch.refresh(expires=0).status == 200
    watcher.answer_with = 200
    watcher.send(first.respond(200).encode())
    assert watch.heard(2).get("Subscription-State") == "terminated;reason=timeout"


def test_a_fetch_is_one_notify(peer: Make) -> None:
    """D-04: Expires 0 outside a dialog."""
    presentity = peer()
    presentity.publish(pidf(presentity.aor))
    watch = peer().subscribe(presentity.aor, expires=0)
    assert (watch.response.status, watch.response.get("Expires")) == (200, "0")
    notify = watch.heard(1)
    assert notify.get("Subscription-State") == "terminated;reason=timeout"
    assert b"<ce:available/>" in notify.body


def test_a_subscription_that_runs_out_is_told(running: Deployment) -> None:
    """R-NTF-03, R-SUB-19, D-13: terminated with the reason timeout at its moment."""
    from tests.system import deployed

    short = "settings: {expiry: {subscribe: {min: 1, default: 2, max: 10}}}"
    with deployed() as deployment:
        deployment.apply(short)
        deployment.start_edge()
        with deployment.peer("u1") as watcher:
            watch = watcher.subscribe("u2", expires=1)
            assert watch.heard(2).get("Subscription-State") == "terminated;reason=timeout"


@pytest.mark.parametrize("status", [404, 481])
def test_a_watcher_that_knows_nothing_of_it_ends_it(peer: Make, status: int) -> None:
    """R-NTF-01: RFC 6665 4.2.2; nothing more is sent."""
    presentity, watcher = peer(), peer()
    watch = watcher.subscribe(presentity.aor)
    watch.heard(1)
    watcher.answer_with = status
    tag = presentity.publish(pidf(presentity.aor)).get("SIP-ETag")
    watch.heard(2)
    wait_until(lambda: watch.refresh().status == 481, "the end of the subscription")
    watcher.answer_with = 200
    presentity.publish(pidf(presentity.aor, activity="busy"), tag=tag)
    probe = peer().subscribe(presentity.aor)
    probe.sees("<rpid:busy/>")
    assert len(watch.notifies) == 2


def test_one_notify_is_out_at_a_time_and_the_newest_state_wins(peer: Make) -> None:
    """R-NTF-05: while one is not answered, changes collapse."""
    presentity, watcher = peer(), peer()
    watch = watcher.subscribe(presentity.aor)
    watch.heard(1)
    watcher.answer_with = 0
    tag = presentity.publish(pidf(presentity.aor)).get("SIP-ETag")
    outstanding = watch.heard(2)
    for activity in ("busy", "meeting", "away", "travel"):
        tag = presentity.publish(pidf(presentity.aor, activity=activity), tag=tag).get("SIP-ETag")
    assert len(watch.notifies) == 2
    watcher.answer_with = 200
    watcher.send(outstanding.respond(200).encode())
    assert b"<rpid:travel/>" in watch.heard(3).body
    assert b"<rpid:meeting/>" not in watch.notifies[-1].body


def test_equal_content_is_no_change(peer: Make) -> None:
    """D-40: white space, order and a mere refresh bring no NOTIFY."""
    presentity = peer()
    tag = presentity.publish(pidf(presentity.aor)).get("SIP-ETag")
    watch = peer().subscribe(presentity.aor)
    watch.sees("<ce:available/>")
    spaced = pidf(presentity.aor).replace(b"><", b">\r\n   <")
    tag = presentity.publish(spaced, tag=tag).get("SIP-ETag")
    tag = presentity.publish(tag=tag).get("SIP-ETag")
    presentity.publish(pidf(presentity.aor, activity="busy"), tag=tag)
    assert b"<rpid:busy/>" in watch.heard(2).body


def test_a_user_that_nobody_provisioned_is_not_found(peer: Make) -> None:
    """R-SUB-06, D-02."""
    assert peer().subscribe("nobody").response.status == 404
    assert peer().subscribe("sip:anybody@elsewhere.example").response.status == 404


@pytest.mark.parametrize(
    "identity",
    [
        {"P_Asserted_Identity": "<sip:{me}>", "Remote_Party_ID": "<sip:{other}>", "From": "<sip:{other}>;tag=1"},
        {"P_Asserted_Identity": None, "Remote_Party_ID": "<sip:{me}>", "From": "<sip:{other}>;tag=1"},
        {"P_Asserted_Identity": None, "Remote_Party_ID": None, "From": "<sip:{me}>;tag=1"},
        {"P_Asserted_Identity": "<tel:+1555>, <sip:{me}>", "From": "<sip:{other}>;tag=1"},
        {"P_Asserted_Identity": " < sip:{me} > ", "From": "<sip:{other}>;tag=1"},
    ],
)
def test_the_watcher_is_who_the_headers_say_in_their_order(
    running: Deployment, peer: Make, identity: dict[str, str | None]
) -> None:
    """R-SUB-07, R-SUB-11, R-SUB-12, R-SUB-13, R-SUB-14, R-SUB-15, D-14, V-15: P-Asserted-Identity, then
    Remote-Party-ID, then From.
    """
    watcher, other = peer(), peer()
    named = {name: value and value.format(me=watcher.aor[4:], other=other.aor[4:]) for name, value in identity.items()}
    call_id = secrets.token_hex(6)
    answer = watcher.ask("SUBSCRIBE", other.aor, [("Event", "presence")], Call_ID=call_id, **named)
    assert answer.status == 200
    found = running.manage(
        "shell", "-v0", "-c",
        "from presence.models import Subscription; "
        f"print(Subscription.objects.get(dialog__contains='{call_id}').watcher)",
    )  # fmt: skip
    assert found.strip() == watcher.aor


def test_a_large_notify_goes_over_tcp_where_the_watcher_has_it(running: Deployment, peer: Make) -> None:
    """R-TRN-01: beyond 1300 bytes by TCP when the peer takes it (RFC 3261 18.1.1)."""
    import socket
    import threading

    presentity, watcher = peer(), peer()
    watch = watcher.subscribe(presentity.aor)
    watch.heard(1)
    host, _, port = watcher.address.rpartition(":")
    heard: list[bytes] = []
    watcher.release_tcp()
    with socket.create_server((host, int(port))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                data = connection.recv(65535)
                heard.append(data)
                from sipedge.sip.message import Request, parse

                request = parse(data)
                assert isinstance(request, Request)
                connection.send(request.respond(200).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        note = f"<note>{'x' * 1500}</note>"
        presentity.publish(pidf(presentity.aor, extra=note))
        thread.join(20)
    assert heard and heard[0].startswith(b"NOTIFY ") and b"SIP/2.0/TCP" in heard[0]


def test_a_large_notify_goes_over_udp_where_there_is_nothing_else(peer: Make) -> None:
    """R-TRN-01: a watcher without TCP is told all the same."""
    presentity = peer()
    watch = peer().subscribe(presentity.aor)
    watch.heard(1)
    presentity.publish(pidf(presentity.aor, extra=f"<note>{'y' * 2000}</note>"))
    watch.sees("y" * 2000)


def test_a_watcher_that_has_the_state_need_not_be_sent_it(peer: Make) -> None:
    """R-SUB-02, RFC 5839: 204 and no NOTIFY for a refresh, no body for a first one; a change is told as ever."""
    presentity = peer()
    tag = presentity.publish(pidf(presentity.aor)).get("SIP-ETag")
    watcher = peer()
    watch = watcher.subscribe(presentity.aor)
    known = watch.sees("<ce:available/>").get("SIP-ETag") or ""
    assert known
    assert watch.refresh(Suppress_If_Match=known).status == 204
    assert watch.refresh(Suppress_If_Match="other").status == 200
    assert watch.heard(2).get("SIP-ETag") == known
    presentity.publish(pidf(presentity.aor, activity="busy", tuple_id="t2"), tag=tag)
    changed = watch.sees("<rpid:busy/>").get("SIP-ETag")
    assert changed != known and len(watch.notifies) == 3
    resumed = watcher.subscribe(presentity.aor, Suppress_If_Match=changed)
    first = resumed.heard(1)
    assert (first.body, first.get("SIP-ETag"), first.get("Content-Type")) == (b"", changed, None)
    assert watch.refresh(expires=0, Suppress_If_Match="*").status == 204
    assert watch.refresh().status == 481 and len(watch.notifies) == 3


def test_a_refused_refresh_leaves_no_condition_behind(peer: Make) -> None:
    """Section 6, RFC 5839: Suppress-If-Match counts for its own request only; the next change is told whole."""
    presentity = peer()
    watch = peer().subscribe(presentity.aor)
    watch.heard(1)
    assert watch.refresh(expires=1, Suppress_If_Match="*").status == 423
    presentity.publish(pidf(presentity.aor, activity="busy"))
    assert watch.heard(2).body and watch.sees("<rpid:busy/>")


def test_a_notify_that_is_refused_for_now_comes_again(peer: Make) -> None:
    """R-NTF-05, DESIGN section 4: after a server error, with the newest state."""
    presentity, watcher = peer(), peer()
    watch = watcher.subscribe(presentity.aor, accept="application/pidf+xml, application/pidf-diff+xml")
    watch.heard(1)
    watcher.answer_with = 503
    presentity.publish(pidf(presentity.aor, activity="busy"))
    watch.heard(2)
    watcher.answer_with = 200
    again = watch.heard(3)
    assert b"<p:pidf-full" in again.body and b"<rpid:busy/>" in again.body


def test_a_watcher_may_slow_down_its_notifications(peer: Make) -> None:
    """R-SUB-02, RFC 6446: no faster than min-interval, and the newest state in the end."""
    presentity, watcher = peer(), peer()
    call_id = secrets.token_hex(8)
    watcher.ask("SUBSCRIBE", presentity.aor, [("Event", "presence;min-interval=2")], Call_ID=call_id)
    first = wait_until(lambda: watcher.notifies, "the NOTIFY")[0]
    assert (first.get("Subscription-State") or "").endswith(";min-interval=2")
    tag = None
    for number in range(6):
        tag = presentity.publish(pidf(presentity.aor, tuple_id=f"t{number}"), tag=tag).get("SIP-ETag")
    wait_until(lambda: b'id="t5"' in watcher.notifies[-1].body, "the newest state")
    assert len(watcher.notifies) == 2


def test_a_watcher_may_be_told_differences_only(peer: Make) -> None:
    """R-SUB-02, RFC 5263: the whole once and after each refresh, versions without a gap."""
    presentity, watcher = peer(), peer()
    tag = presentity.publish(pidf(presentity.aor)).get("SIP-ETag")
    watch = watcher.subscribe(presentity.aor, accept="application/pidf+xml, application/pidf-diff+xml")
    first = watch.sees("<ce:available/>")
    assert first.get("Content-Type") == "application/pidf-diff+xml"
    assert b"<p:pidf-full" in first.body and b'version="1"' in first.body
    presentity.publish(pidf(presentity.aor, activity="busy"), tag=tag)
    second = watch.sees("<rpid:busy/>")
    assert b"<p:pidf-diff" in second.body and b'version="2"' in second.body and b"<tuple" not in second.body
    watch.refresh()
    assert b"<p:pidf-full" in watch.heard(3).body and b'version="3"' in watch.heard(3).body
