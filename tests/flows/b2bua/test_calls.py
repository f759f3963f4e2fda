"""Calls that phones make through the SIP switching function: how they begin, where they go, what watchers see."""

import pytest

from sipedge.sip.message import Request
from tests.deskset import Make, talking
from tests.switchboard import Switchboard
from tests.system import Deployment
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("ours", "theirs", "number"), [("UDP", "TCP", 100), ("TCP", "UDP", 102), ("WS", "WS", 104), ("TCP", "WS", 106)]
)
def test_a_plain_call(desk: Make, board: Switchboard, ours: str, theirs: str, number: int) -> None:
    """R-CTI-02, R-CTI-05: two dialogs, one call; early media, answer, ACK and BYE come through, events tell of it."""
    alice, bob = desk(f"u{number}", ours), desk(f"u{number + 1}", theirs)
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    assert got.target == bob.contact.strip("<>")
    assert got.get("P-Asserted-Identity") == f"<{alice.aor}>" and got.from_.uri_text == alice.aor
    assert got.call_id != invite.call_id and not got.record_routes and b"m=audio " in got.body
    assert f"m=audio {20000 + number} ".encode() in got.body
    bob.says(got, 183, bob.media())
    assert f"m=audio {20000 + number + 1} ".encode() in alice.hears(183).body
    bob.says(got, 200, bob.media())
    answer = alice.hears(200)
    bob.acknowledged(got)
    alice.acknowledge(invite, answer)
    call = board.sees(alice.number, "EstablishedEvent")["established_connection"]["call_id"]
    assert board.at(alice.number) == ["OriginatedEvent", "DeliveredEvent", "EstablishedEvent"]
    assert board.at(bob.number) == ["DeliveredEvent", "EstablishedEvent"]
    assert board.states()[call] == {alice.number: "connected", bob.number: "connected"}
    bye = bob.back(got, "BYE")
    bob.send(bye.encode())
    bob.hears(200, "BYE")
    alice.answer(alice.takes("BYE"), 200)
    assert board.sees(alice.number, "ConnectionClearedEvent", 2)
    assert call not in board.states()


def test_all_phones_of_a_line_ring_and_one_answers(desk: Make, board: Switchboard) -> None:
    """D-34: the first answer wins, the others are cancelled."""
    alice, desktop, mobile = desk("u158"), desk("u159"), desk("u159", "UDP")
    invite = alice.dials(desktop.aor)
    rings = {one: one.takes("INVITE") for one in (desktop, mobile)}
    for one, got in rings.items():
        one.says(got, 180)
    mobile.says(rings[mobile], 200, mobile.media())
    alice.acknowledge(invite, alice.hears(200))
    mobile.acknowledged(rings[mobile])
    desktop.answer(desktop.takes("CANCEL"), 200)
    desktop.answer(rings[desktop], 487)


def test_a_call_that_is_taken_back(desk: Make, board: Switchboard) -> None:
    """RFC 3261 9: CANCEL goes on to who rings; the events say that both have gone."""
    alice, bob = desk("u160"), desk("u161")
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    bob.says(got, 180)
    alice.hears(180)
    headers = [(n, v) for n, v in invite.headers if n in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    alice.send(Request.build("CANCEL", invite.target, [*headers, ("CSeq", f"{invite.cseq.number} CANCEL")]).encode())
    alice.hears(200, "CANCEL")
    alice.acknowledge(invite, alice.hears(487))
    bob.answer(bob.takes("CANCEL"), 200)
    bob.answer(got, 487)
    board.sees("160", "ConnectionClearedEvent")
    assert not board.states()


def test_a_cancel_that_crosses_the_answer(desk: Make, board: Switchboard) -> None:
    """RFC 3261 9.1, 15: a phone that answers what was taken back is acknowledged and hung up."""
    alice, bob = desk("u162"), desk("u163")
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    bob.says(got, 180)
    alice.hears(180)
    headers = [(n, v) for n, v in invite.headers if n in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    alice.send(Request.build("CANCEL", invite.target, [*headers, ("CSeq", f"{invite.cseq.number} CANCEL")]).encode())
    bob.takes("CANCEL")
    bob.says(got, 200, bob.media())
    bob.acknowledged(got)
    bob.answer(bob.takes("BYE"), 200)
    alice.acknowledge(invite, alice.hears(487))


def test_a_call_without_an_offer(desk: Make, board: Switchboard) -> None:
    """RFC 3264: the callee makes the offer, the caller's ACK answers it."""
    alice, bob = desk("u174"), desk("u175")
    invite = alice.dials(bob.aor, b"")
    got = bob.takes("INVITE")
    assert not got.body
    bob.says(got, 200, bob.media())
    answer = alice.hears(200)
    assert b"m=audio 20175 " in answer.body
    ack = alice.within(invite, answer, "ACK", invite.cseq.number)
    ack.headers.append(("Content-Type", "application/sdp"))
    alice.send(Request.build("ACK", ack.target, ack.headers, alice.media()).encode())
    assert b"m=audio 20174 " in bob.acknowledged(got).body


def test_calls_of_others_stay_with_the_proxy(desk: Make, board: Switchboard) -> None:
    """R-SEC-02: users without a line call each other through the proxy, one dialog from end to end."""
    alice, bob = desk("u300"), desk("u301")
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    assert got.call_id == invite.call_id and len(got.record_routes) == 2
    bob.says(got, 486)
    alice.acknowledge(invite, alice.hears(486))
    assert not board.states()


def test_a_user_without_a_line_calls_one_that_has_one(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: the line's events name the caller by its address; by its number it is found as well."""
    alice, bob = desk("u302"), desk("u176")
    invite = alice.dials("sip:176@compb.cisco.com")
    bob.picks_up()
    alice.acknowledge(invite, alice.hears(200))
    assert board.sees("176", "EstablishedEvent")["calling_device"] == alice.aor


def test_deflect(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: before it is answered a call goes on to another phone; the caller keeps waiting."""
    alice, bob, carol = desk("u140"), desk("u141"), desk("u142")
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    bob.says(got, 180)
    call = board.sees("141", "DeliveredEvent")["connection"]["call_id"]
    board.does("DeflectCall", call_to_be_diverted=[call, "141"], new_destination="142")
    bob.answer(bob.takes("CANCEL"), 200)
    bob.answer(got, 487)
    taken = carol.picks_up()
    assert b"m=audio 20140 " in taken.body
    alice.acknowledge(invite, alice.hears(200))
    board.sees("140", "EstablishedEvent")
    assert board.at("141") == ["DeliveredEvent", "DivertedEvent"]
    assert board.states() == {call: {"140": "connected", "142": "connected"}}


@pytest.mark.parametrize(("kind", "number"), [("forwardImmediate", 143), ("forwardBusy", 146), ("forwardNoAns", 149)])
def test_forwarding(desk: Make, board: Switchboard, kind: str, number: int) -> None:
    """R-CTI-03: at once, when the phone is busy, when nobody answers; the caller's one INVITE stays."""
    alice, bob, carol = (desk(f"u{number + more}") for more in range(3))
    board.does(
        "SetForwarding", device=bob.number, activate_forward=True, forwarding_type=kind, forward_dn=carol.number,
        ring_count=1,
    )  # fmt: skip
    invite = alice.dials(bob.aor)
    if kind != "forwardImmediate":
        got = bob.takes("INVITE")
        bob.says(got, 180 if kind == "forwardNoAns" else 486)
        if kind == "forwardNoAns":
            bob.answer(bob.takes("CANCEL"), 200)
            bob.answer(got, 487)
    carol.picks_up()
    alice.acknowledge(invite, alice.hears(200))
    assert "DivertedEvent" in board.at(bob.number)
    board.sees(carol.number, "EstablishedEvent")
    board.does("SetForwarding", device=bob.number, activate_forward=False, forwarding_type=kind)


def test_do_not_disturb(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: the phone stays silent, the caller is told."""
    alice, bob = desk("u152"), desk("u153")
    board.does("SetDoNotDisturb", device="153", do_not_disturb_on=True)
    invite = alice.dials(bob.aor)
    refused = alice.hears(480)
    assert refused.reason == "Do Not Disturb"
    alice.acknowledge(invite, refused)
    assert not [one for one in bob.requests if one.method == "INVITE"]
    assert board.sees("152", "FailedEvent")["cause"] == "doNotDisturb"
    board.does("SetDoNotDisturb", device="153", do_not_disturb_on=False)
    assert board.at("153")[-1] == "DoNotDisturbEvent"


def test_a_line_in_a_call_is_its_owners_presence(desk: Make, board: Switchboard, office: Deployment) -> None:
    """R-PUB-22, R-PUB-23: on the phone within a second of the answer, and not any more after the call."""
    alice, bob = desk("u180"), desk("u181")
    with office.peer("u400") as peer:
        watch = peer.subscribe(alice.aor)
        call, *_ = talking(alice, bob, board)
        assert b"<rpid:busy/>" in watch.sees("on-the-phone").body
        board.does("ClearConnection", connection_to_be_cleared=[call, "180"])
        alice.takes("BYE")
        watch.loses("on-the-phone")


def test_do_not_disturb_of_a_line_is_its_owners_presence(desk: Make, board: Switchboard, office: Deployment) -> None:
    """D-23: as if its owner had said so by hand, while the setting says so."""
    alice = desk("u182")
    with office.peer("u401") as peer:
        watch = peer.subscribe(alice.aor)
        board.does("SetDoNotDisturb", device="182", do_not_disturb_on=True)
        watch.sees('id="p3"')
        board.does("SetDoNotDisturb", device="182", do_not_disturb_on=False)
        wait_until(lambda: b'id="p3"' not in watch.notifies[-1].body, "the end of Do Not Disturb at the watcher")


def test_whom_a_line_may_call(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: a phone hears 403 where an administrator does not let its line call; users without a line are ours."""
    silent, line, user = desk("u190"), desk("u192"), desk("u303")
    invite = silent.dials(line.aor)
    silent.acknowledge(invite, silent.hears(403))
    for one in (line, user):
        internal = desk("u191")
        invite = internal.dials(one.aor)
        one.says(one.takes("INVITE"), 486)
        internal.acknowledge(invite, internal.hears(486))


def test_no_way_around_what_a_line_may_call(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: neither a Route of its own nor a dialog that never was brings a phone past the rights of its line."""
    silent, user = desk("u190"), desk("u304", "UDP")
    contact = user.contact.strip("<>")
    for target, status, changes in (
        (str(user.aor), 403, {"Route": f"<{contact};lr>"}),
        (contact, 481, {"To": f"<{user.aor}>;tag=made-up"}),
    ):
        invite = silent.call(target, **changes)
        silent.acknowledge(invite, silent.hears(status))
    assert not user.requests
