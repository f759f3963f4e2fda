"""Tokens of flows in Record-Route, and what Route values say (RFC 5626 5.2, RFC 3261 16.4)."""

from hypothesis import given
from hypothesis import strategies as st

from provisioning.uri import SipUri
from sipedge.record_route import NO_PASSAGE, Passage, Tickets, passage, record_route
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request

ALICE = Flow("TCP", ("192.0.2.1", 5060), ("198.51.100.1", 40001), 7)
BOB = Flow("WSS", ("192.0.2.1", 443), ("2001:db8::5", 40002), 8)
ELSEWHERE = Flow("UDP", ("192.0.2.1", 5060), ("203.0.113.9", 5060))
TICKETS = Tickets(b"k" * 32)
CALL = "call-1"


def side(flow: Flow, *, call: str = CALL, onward: bool = False) -> str:
    return record_route("192.0.2.1:5060", "tcp", TICKETS.issue(flow, call, onward=onward))


def came(routes: list[str], arrived: Flow, to: str = "<sip:x@a.example>;tag=1", method: str = "BYE") -> Passage:
    headers = [("Route", value) for value in routes] + [("Call-ID", CALL), ("To", to)]
    request = Request.build(method, "sip:x@203.0.113.9", headers)
    return passage(request, arrived, TICKETS, lambda uri: uri.host == "192.0.2.1")


def test_a_token_names_its_flow_in_its_call() -> None:
    """D-46, RFC 5626 5.2: and nothing else."""
    token = TICKETS.issue(BOB, CALL, onward=True)
    assert TICKETS.read(token, CALL) == (BOB, True)
    assert TICKETS.read(token, "call-2") is None
    assert Tickets(b"j" * 32).read(token, CALL) is None
    assert SipUri.parse(f"sip:{token}@a.example").user == token


@given(st.text(max_size=200))
def test_any_text_is_no_token(text: str) -> None:
    """R-SEC-02: no guess lets anybody in, and nothing breaks."""
    assert TICKETS.read(text, CALL) is None


def test_each_client_reaches_the_other_one() -> None:
    """D-46: the last value of ours says where it goes, unless the request came from there."""
    assert came([side(ALICE), side(BOB)], ALICE) == Passage([], True, BOB)
    assert came([side(BOB), side(ALICE)], BOB) == Passage([], True, ALICE)


def test_a_server_elsewhere_reaches_the_client_and_the_client_the_server() -> None:
    """D-02, RFC 5658: our side towards the server has no token."""
    plain = record_route("192.0.2.1:5060", "udp")
    far = "<sip:203.0.113.9;lr>"
    assert came([plain, side(ALICE)], ELSEWHERE) == Passage([], True, ALICE)
    assert came([side(ALICE, onward=True), plain, far], ALICE) == Passage([far], True, None)


def test_nobody_else_gets_further_with_a_token_that_he_has_seen() -> None:
    """R-SEC-02: who is not that client is challenged, or reaches that client only."""
    plain = record_route("192.0.2.1:5060", "udp")
    far = "<sip:203.0.113.9;lr>"
    assert came([side(ALICE), plain, far], ELSEWHERE) == Passage([far], False, None)
    assert came([side(ALICE), far], ELSEWHERE) == Passage([far], True, ALICE)
    assert came([side(ALICE, call="other")], ELSEWHERE) == Passage([], False, None)


def test_routes_of_others_are_left_alone() -> None:
    """RFC 3261 16.4."""
    far = "<sip:203.0.113.9;lr>"
    assert came([far, side(ALICE)], ELSEWHERE) == Passage([far, side(ALICE)], False, None)
    assert came([], ELSEWHERE) == NO_PASSAGE


def test_a_token_is_no_ticket_out_of_its_dialog() -> None:
    """R-SEC-02, D-02: without a To tag it begins nothing, and it leads onward only where its call went onward."""
    far = "<sip:203.0.113.9;lr>"
    assert came([side(ALICE, onward=True), far], ALICE, to="<sip:x@a.example>") == Passage([far], False, None)
    assert came([side(ALICE), side(BOB)], ALICE, to="<sip:x@a.example>") == Passage([], False, None)
    assert came([side(ALICE), far], ALICE) == Passage([far], False, None)


def test_a_message_to_a_server_names_its_sender() -> None:
    """R-SEC-02, D-14: a ticket says that a client may go on, not who is meant by its From."""
    far = "<sip:203.0.113.9;lr>"
    for method, ticket in (("INFO", True), ("MESSAGE", False), ("PUBLISH", False)):
        assert came([side(ALICE, onward=True), far], ALICE, method=method) == Passage([far], ticket, None)
    assert came([side(ALICE), side(BOB)], ALICE, method="MESSAGE") == Passage([], True, BOB)
