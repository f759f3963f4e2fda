"""Calls that go through the proxy (RFC 3261 sections 9, 13, 16; D-02, D-34)."""

from collections.abc import Callable, Iterator

import pytest

from sipedge.sip.message import Request
from tests.caller import Caller
from tests.phone import Phone
from tests.system import Deployment

pytestmark = pytest.mark.system
Make = Callable[..., Caller]

TRANSPORTS = ("UDP", "TCP", "WS")


@pytest.fixture
def caller(running: Deployment) -> Iterator[Make]:
    made: list[Caller] = []

    def make(user: str, transport: str = "UDP") -> Caller:
        port = running.proxy_ws if transport == "WS" else running.proxy
        made.append(Caller(user, ("127.0.0.1", port), transport=transport))
        return made[-1]

    yield make
    for one in made:
        one.hang_up()


def registered(phone: Phone, *contacts: str) -> None:
    assert phone.register(*contacts).status == 200


@pytest.mark.parametrize(("ours", "theirs"), [("UDP", "TCP"), ("TCP", "UDP"), ("WS", "WS"), ("TCP", "WS")])
def test_a_call_from_its_first_ring_to_its_end(caller: Make, ours: str, theirs: str) -> None:
    """R-SEC-02, R-REG-01, D-14, D-46: ringing, answer, ACK and BYE, each over the connection that the client opened."""
    alice, bob = caller("u500", ours), caller("u501", theirs)
    registered(bob)
    invite = alice.call(bob.aor)
    alice.hears(100)
    got = bob.takes("INVITE")
    assert (got.target, got.get("P-Asserted-Identity")) == (bob.contact.strip("<>"), f"<{alice.aor}>")
    assert got.get("Proxy-Authorization") is None and got.max_forwards == 69
    assert len(got.record_routes) == 2
    bob.answer(got, 180)
    assert alice.hears(180).to.tag == "callee"
    bob.answer(got, 200)
    answer = alice.hears(200)
    alice.acknowledge(invite, answer)
    assert bob.takes("ACK").to.tag == "callee"
    bye = bob.back(got, "BYE")
    bob.send(bye.encode())
    taken = alice.takes("BYE")
    assert taken.get("Route") is None and taken.get("P-Asserted-Identity") is None
    alice.answer(taken, 200)
    bob.hears(200, "BYE")


def test_the_caller_ends_it_too(caller: Make) -> None:
    """RFC 3261 12.2: re-INVITE and BYE of the caller come through without a challenge, by the token of the call."""
    alice, bob = caller("u502", "TCP"), caller("u503", "TCP")
    registered(bob)
    invite = alice.call(bob.aor)
    got = bob.takes("INVITE")
    bob.answer(got, 200)
    answer = alice.hears(200)
    alice.acknowledge(invite, answer)
    bob.takes("ACK")
    bye = alice.within(invite, answer, "BYE", invite.cseq.number + 1)
    alice.send(bye.encode())
    bob.answer(bob.takes("BYE"), 200)
    alice.hears(200, "BYE")


def test_a_call_that_is_taken_back(caller: Make) -> None:
    """RFC 3261 9 and 16.10: CANCEL reaches who rings, the caller hears 487."""
    alice, bob = caller("u504"), caller("u505")
    registered(bob)
    invite = alice.call(bob.aor)
    got = bob.takes("INVITE")
    bob.answer(got, 180)
    alice.hears(180)
    headers = [(n, v) for n, v in invite.headers if n in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    alice.send(Request.build("CANCEL", invite.target, [*headers, ("CSeq", f"{invite.cseq.number} CANCEL")]).encode())
    alice.hears(200, "CANCEL")
    cancel = bob.takes("CANCEL")
    assert cancel.via.branch == got.via.branch and cancel.target == got.target
    bob.answer(cancel, 200)
    bob.answer(got, 487)
    alice.acknowledge(invite, alice.hears(487))
    assert bob.takes("ACK").via.branch == got.via.branch


def test_all_devices_ring_and_one_answers(caller: Make) -> None:
    """D-34, RFC 3261 16.7: equal q ring at once; the others are taken back when one answers."""
    alice, desk, laptop = caller("u506"), caller("u507"), caller("u507", "TCP")
    registered(desk)
    registered(laptop)
    invite = alice.call(desk.aor)
    rings = {one: one.takes("INVITE") for one in (desk, laptop)}
    for one, got in rings.items():
        one.answer(got, 180)
    laptop.answer(rings[laptop], 200)
    alice.acknowledge(invite, alice.hears(200))
    laptop.takes("ACK")
    desk.answer(desk.takes("CANCEL"), 200)
    desk.answer(rings[desk], 487)
    desk.takes("ACK")


def test_a_busy_callee_is_told_to_the_caller(caller: Make) -> None:
    """RFC 3261 16.7, 17.1.1.3: the answer comes back as it is, and is acknowledged on each hop."""
    alice, bob = caller("u508"), caller("u509")
    registered(bob)
    invite = alice.call(bob.aor)
    bob.answer(bob.takes("INVITE"), 486, Retry_After="30")
    busy = alice.hears(486)
    assert busy.get("Retry-After") == "30"
    bob.takes("ACK")
    alice.acknowledge(invite, busy)


def test_nobody_is_there(caller: Make) -> None:
    """D-02, D-34: 480 for a user without contacts, 404 for nobody, 405 and 501 where nobody is meant."""
    alice = caller("u510")
    for target, status in (("sip:u511@compb.cisco.com", 480), ("sip:nobody@compb.cisco.com", 404)):
        alice.acknowledge(alice.call(target), alice.hears(status))
    assert alice.ask("INFO", "sip:compb.cisco.com").status == 405
    assert alice.ask("NONSENSE", "sip:compb.cisco.com").status == 501


def test_a_stranger_needs_a_ticket(caller: Make, running: Deployment) -> None:
    """R-SEC-02: Route values of ours let nobody in who has no token of that very call."""
    alice, bob = caller("u512"), caller("u513")
    registered(bob)
    invite = alice.call(bob.aor)
    got = bob.takes("INVITE")
    routes = [("Route", str(one)) for one in got.record_routes]
    bob.answer(got, 486)
    alice.acknowledge(invite, alice.hears(486))
    with running.phone("u514") as stranger:
        other_call = stranger.ask("MESSAGE", bob.aor, routes, b"boo", login=False, Content_Type="text/plain")
        assert other_call.status == 407
        forged = [("Route", f"<sip:AAAA{value.partition(':')[2]}") for _, value in routes]
        assert stranger.ask("MESSAGE", bob.aor, forged, b"boo", login=False).status == 407
    assert not [one for one in bob.requests if one.method == "MESSAGE"]
