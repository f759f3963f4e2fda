"""Phones in the SIP switching function that cross each other, forget, or vanish."""

import pytest

from sipedge.b2bua.sip_switch import MAX_CALLS
from sipedge.sip.message import Request
from tests.deskset import Make, talking
from tests.switchboard import Switchboard
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_glare(desk: Make, board: Switchboard) -> None:
    """RFC 3261 14: the phone's 491 is waited out; its own INVITE meanwhile is served."""
    alice, bob = desk("u164"), desk("u165")
    call, *_ = talking(alice, bob, board)
    board.does("HoldCall", call_to_be_held=[call, "164"])
    bob.says(bob.takes("INVITE", 2), 200, bob.media("recvonly"))
    alice.says(alice.takes("INVITE"), 491)
    again = alice.takes("INVITE", 2)
    assert b"a=inactive" in again.body
    alice.says(again, 200, alice.media("inactive"))
    alice.acknowledged(again)
    assert board.states()[call]["164"] == "hold"


def test_an_offer_that_crosses_ours_is_refused(desk: Make, board: Switchboard) -> None:
    """RFC 3261 14.2: 491 to a phone whose re-INVITE meets one of ours; UPDATE without media is only answered."""
    alice, bob = desk("u166"), desk("u167")
    call, invite, answer, _ = talking(alice, bob, board)
    board.does("HoldCall", call_to_be_held=[call, "166"])
    ours = alice.takes("INVITE")
    alice.leaves("INVITE", invite, answer, alice.media(), Content_Type="application/sdp")
    alice.hears(491)
    alice.says(ours, 200, alice.media("inactive"))
    alice.acknowledged(ours)
    alice.leaves("UPDATE", invite, answer, Session_Expires="1800", Supported="timer")
    assert alice.hears(200, "UPDATE").get("Session-Expires") == "1800;refresher=uac"


def test_an_ack_that_is_lost(desk: Make, board: Switchboard) -> None:
    """RFC 3261 13.3.1.4: our 2xx is repeated until the ACK comes."""
    alice, bob = desk("u168", "UDP"), desk("u169")
    invite = alice.dials(bob.aor)
    bob.picks_up()
    answer = alice.hears(200)
    again = wait_until(
        lambda: [one for one in alice.responses if one.status == 200 and one.cseq.method == "INVITE"][1:],
        "the answer once more",
    )
    assert again[0].body == answer.body
    alice.acknowledge(invite, answer)
    board.sees("168", "EstablishedEvent")


def test_a_phone_that_vanishes(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: a connection that is gone ends the call; the other phone gets BYE."""
    alice, bob = desk("u170"), desk("u171")
    talking(alice, bob, board)
    alice.hang_up()
    bob.answer(bob.takes("BYE"), 200)
    board.sees("171", "ConnectionClearedEvent")
    assert not board.states()


def test_a_phone_that_does_not_know_its_call_any_more(desk: Make, board: Switchboard) -> None:
    """RFC 5057: 481 to a re-INVITE ends the dialog, and so the call."""
    alice, bob = desk("u172"), desk("u173")
    call, *_ = talking(alice, bob, board)
    board.does("HoldCall", call_to_be_held=[call, "172"])
    alice.says(alice.takes("INVITE"), 481)
    told = bob.takes("INVITE", 2)
    bob.says(told, 200, bob.media("recvonly"))
    bob.answer(bob.takes("BYE"), 200)
    board.sees("173", "ConnectionClearedEvent")
    assert not board.states()


def test_a_second_call_that_fails(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: a phone that has heard of the failure is in its first call only, or its line would talk for ever."""
    alice, bob, again, carol = desk("u155"), desk("u156"), desk("u155", "UDP"), desk("u157")
    call, *_ = talking(alice, bob, board)
    second = again.dials(carol.aor)
    carol.says(carol.takes("INVITE"), 486)
    again.acknowledge(second, again.hears(486))
    board.sees("157", "ConnectionClearedEvent")
    assert board.states() == {call: {"155": "connected", "156": "connected"}}


def test_one_phone_does_not_take_all_dialogs(desk: Make, board: Switchboard) -> None:
    """Hostile input: a hundred calls of one line, the next is refused."""
    alice, _ = desk("u179"), desk("u305")
    for _ in range(MAX_CALLS):
        alice.call("sip:u305@compb.cisco.com")
    assert not [one for one in alice.responses if one.status == 486]
    more = alice.call("sip:u305@compb.cisco.com")
    refused = alice.hears(486)
    assert refused.call_id == more.call_id and refused.reason == "Too Many Calls"


def test_a_dialog_of_an_edge_that_is_gone(desk: Make, board: Switchboard) -> None:
    """RFC 3261 12.2.2: 481 for a request to a Contact of ours that no dialog stands behind."""
    alice, bob = desk("u177"), desk("u178")
    _, invite, answer, _ = talking(alice, bob, board)
    tag = answer.to.tag or ""
    other = f"{tag[:-1]}{'0' if tag[-1] != '0' else '1'}"
    bye = alice.within(invite, answer, "BYE", invite.cseq.number + 1)
    headers = [(n, v.replace(tag, other)) for n, v in bye.headers]
    alice.send(Request.build("BYE", bye.target.replace(tag, other), headers).encode())
    alice.hears(481, "BYE")
