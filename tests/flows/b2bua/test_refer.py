"""A phone's own transfer button: REFER, carried out by the edge for phones that do not know it (RFC 3515, RFC 5589)."""

from urllib.parse import quote

import pytest

from sipedge.sip.message import Request, Response
from tests.deskset import Desk, Make, rejoins, talking
from tests.switchboard import Switchboard
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def told(phone: Desk) -> str:
    """What the phone hears of its REFER, before its call ends."""
    notify = phone.takes("NOTIFY")
    phone.answer(notify, 200)
    assert notify.get("Subscription-State") == "terminated;reason=noresource"
    assert (notify.get("Event") or "").startswith("refer;id=")
    methods = [one.method for one in phone.requests]
    assert "BYE" not in methods[: methods.index("NOTIFY")]
    return notify.body.decode().strip()


def holds(phone: Desk, invite: Request, answer: Response, other: Desk) -> None:
    """The phone's own hold button."""
    again = phone.leaves("INVITE", invite, answer, phone.media("sendonly"), Content_Type="application/sdp")
    other.says(other.takes("INVITE", 2), 200, other.media("recvonly"))
    agreed: Response = wait_until(
        lambda: next((one for one in phone.responses if one.status == 200 and one.cseq == again.cseq), None), "the hold"
    )
    phone.acknowledge(again, agreed)


@pytest.mark.parametrize(("held", "number"), [(False, 180), (True, 183)])
def test_blind(desk: Make, board: Switchboard, held: bool, number: int) -> None:
    """RFC 3515: the other one rings at the third, who answers; who has asked is out. A phone may hold first."""
    alice, bob, carol = (desk(f"u{number + one}") for one in range(3))
    _, invite, answer, _ = talking(alice, bob, board)
    if held:
        holds(alice, invite, answer, bob)
    alice.leaves("REFER", invite, answer, Refer_To=f"<{carol.aor}>")
    alice.hears(202, "REFER")
    assert told(alice) == "SIP/2.0 200 OK"
    alice.answer(alice.takes("BYE"), 200)
    if not held:
        waits = bob.takes("INVITE", 2)
        bob.says(waits, 200, bob.media("inactive"))
    ring = carol.takes("INVITE")
    carol.says(ring, 180)
    carol.says(ring, 200, carol.media())
    assert board.sees(bob.number, "TransferedEvent")["transferred_to_device"] == carol.number
    board.sees(carol.number, "EstablishedEvent")
    assert list(board.states().values()) == [{bob.number: "connected", carol.number: "connected"}]


def test_to_another_call_of_the_phone(desk: Make, board: Switchboard) -> None:
    """RFC 3891, RFC 5589 7: Replaces names the phone's second call; both others talk, both of its dialogs end."""
    alice, bob, second, carol = desk("u193"), desk("u194"), desk("u193", "UDP"), desk("u195")
    _, invite, answer, _ = talking(alice, bob, board)
    holds(alice, invite, answer, bob)
    board.sees("193", "HeldEvent")
    consult = second.dials(carol.aor)
    carol.picks_up()
    taken = second.hears(200)
    second.acknowledge(consult, taken)
    board.sees("195", "EstablishedEvent")
    replaces = quote(f"{consult.call_id};to-tag={taken.to.tag};from-tag={consult.from_.tag}")
    alice.leaves("REFER", invite, answer, Refer_To=f"<{carol.aor}?Replaces={replaces}>")
    alice.hears(202, "REFER")
    assert told(alice) == "SIP/2.0 200 OK"
    alice.answer(alice.takes("BYE"), 200)
    second.answer(second.takes("BYE"), 200)
    rejoins(bob, 3, carol, 2)
    board.sees("195", "TransferedEvent")
    assert list(board.states().values()) == [{"194": "connected", "195": "connected"}]


def test_what_cannot_be_done_changes_nothing(desk: Make, board: Switchboard) -> None:
    """RFC 3515 2.4.2, RFC 3891 3: 400, 404, 403 and 481; the call goes on."""
    alice, bob = desk("u196"), desk("u197")
    call, invite, answer, _ = talking(alice, bob, board)
    foreign = quote("x@y;to-tag=1;from-tag=2")
    for status, target in (
        (400, "<sip:a@b>, <sip:c@d>"),
        (400, f"<{bob.aor}?Replaces={quote('x@y;to-tag=1')}>"),
        (404, "<sip:nobody@compb.cisco.com>"),
        (403, f"<{bob.aor}>"),
        (481, f"<{bob.aor}?Replaces={foreign}>"),
    ):
        before = len([one for one in alice.responses if one.cseq.method == "REFER"])
        alice.leaves("REFER", invite, answer, Refer_To=target)
        replies = wait_until(
            lambda before=before: [one for one in alice.responses if one.cseq.method == "REFER"][before:], "the answer"
        )
        assert replies[0].status == status
    assert board.states() == {call: {"196": "connected", "197": "connected"}}


def test_without_a_report(desk: Make, board: Switchboard) -> None:
    """RFC 4488: `Refer-Sub: false` asks for no NOTIFY."""
    alice, bob, carol = desk("u198"), desk("u199"), desk("u197")
    _, invite, answer, _ = talking(alice, bob, board)
    alice.leaves("REFER", invite, answer, Refer_To=f"<{carol.aor}>", Refer_Sub="false")
    alice.hears(202, "REFER")
    alice.answer(alice.takes("BYE"), 200)
    assert "NOTIFY" not in [one.method for one in alice.requests]
