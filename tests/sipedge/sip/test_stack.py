"""Transactions and dialogs: every state with every event, two stacks with a bad network between them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip import transaction as t
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse
from sipedge.sip.stack import AckReceived, RequestReceived, ResponseReceived, Stack, TransactionFailed, Unacceptable
from sipedge.sip.timers import Timers
from tests.builders import TCP, UDP, answer, parsed, request

EVENTS = [value for name, value in vars(t).items() if name.startswith(("RETRANSMIT", "ACK", "SEND_", "PROV", "SUCC", "FAIL", "TRANSPORT", "TIMER_")) and isinstance(value, str) and name not in ("ACKNOWLEDGE", "FAIL")]  # fmt: skip  # noqa: E501
TABLES = {
    "NON_INVITE_SERVER": t.NON_INVITE_SERVER, "INVITE_SERVER": t.INVITE_SERVER,
    "NON_INVITE_CLIENT": t.NON_INVITE_CLIENT, "INVITE_CLIENT": t.INVITE_CLIENT,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_state_with_every_event(name: str) -> None:
    """R-STD-01: what is not in the table is a protocol error, and nothing changes."""
    table = TABLES[name]
    for state, event in itertools.product([*table, t.TERMINATED], EVENTS):
        machine = t.Transaction(table, state, ("key",), "X", UDP)
        action = machine.fire(event)
        if event in table.get(state, {}):
            assert (machine.state, action) == table[state][event]
            assert machine.state in table or machine.state == t.TERMINATED
        else:
            assert (machine.state, action) == (state, "")


def received(stack: Stack, data: bytes, flow: Flow = UDP, now: float = 0.0) -> RequestReceived:
    stack.receive(data, flow, now)
    event = stack.events.popleft()
    assert isinstance(event, RequestReceived)
    return event


def test_a_retransmission_is_answered_from_the_transaction() -> None:
    """R-STD-01: RFC 3261 17.2.2: the rules see a request once, its answer is repeated."""
    stack = Stack("t")
    event = received(stack, request())
    stack.receive(request(), UDP, 0.1)
    assert not stack.events and not stack.transmissions, "not answered yet: absorbed"
    stack.respond(event.transaction, event.request.respond(200), 0.2)
    stack.receive(request(), UDP, 0.3)
    first, again = stack.transmissions
    assert first == again and not stack.events
    assert event.transaction.request is None, "only the bytes of the answer are kept"
    stack.timeout(0.2 + 32.1)
    assert len(stack) == 0


def test_on_a_stream_nothing_is_kept() -> None:
    """R-TRN-01: Timer J is zero on reliable transports."""
    stack = Stack("t")
    event = received(stack, request(), TCP)
    stack.respond(event.transaction, event.request.respond(200), 0.0)
    assert len(stack) == 0 and stack.next_deadline() is None


def test_equal_branches_of_two_clients_are_two_transactions() -> None:
    """D-48: sent-by is part of the match (RFC 3261 17.2.3)."""
    stack = Stack("t")
    received(stack, request())
    received(stack, request(Via="SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKone"))
    assert len(stack) == 2


def test_a_challenged_request_with_credentials_is_new() -> None:
    """D-45: the same branch and CSeq again, after a stateless challenge."""
    stack = Stack("t")
    event = received(stack, request())
    stack.respond_statelessly(event.request, event.request.respond(407), UDP)
    assert len(stack) == 0
    received(stack, request(Proxy_Authorization="Digest ..."))


def test_old_clients_are_told_apart_without_the_cookie() -> None:
    """V-19: RFC 2543 matching by tags, Call-ID, CSeq and Request-URI."""
    stack = Stack("t")
    old = {"Via": "SIP/2.0/UDP 192.0.2.1:5060"}
    received(stack, request(**old))
    stack.receive(request(**old), UDP, 0.1)
    assert not stack.events
    received(stack, request(**old, CSeq="2 OPTIONS"))


@pytest.mark.parametrize(
    ("via", "port", "stamped"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport", 40000, "received=192.0.2.1;rport=40000"),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa", 5070, "received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", 5060, ""),
    ],
)
def test_answers_go_where_via_and_source_say(via: str, port: int, stamped: str) -> None:
    """R-TRN-01: RFC 3261 18.2.2 and RFC 3581."""
    stack = Stack("t")
    flow = UDP._replace(remote=("192.0.2.1", 40000))
    event = received(stack, request(Via=via), flow)
    assert event.transaction.flow.remote == ("192.0.2.1", port)
    assert stamped in (event.request.get("Via") or "")
    assert ("received" in (event.request.get("Via") or "")) == bool(stamped)


def test_a_broken_request_is_answered_once_and_forgotten() -> None:
    """V-01: 400 where an answer finds its way; ACK and broken answers are never answered."""
    stack = Stack("t")
    stack.receive(request(CSeq="1 REGISTER"), UDP, 0.0)
    (data, _) = stack.transmissions.popleft()
    assert data.startswith(b"SIP/2.0 400 ") and len(stack) == 0
    stack.receive(request("ACK", CSeq="1 OPTIONS"), UDP, 0.0)
    stack.receive(b"SIP/2.0 200 OK\r\n\r\n", UDP, 0.0)
    stack.receive(b"\0", UDP, 0.0)
    assert not stack.transmissions
    assert list(stack.events) == [Unacceptable(UDP, 400)] * 3, "told, so that somebody can count"


class Nobody:
    """The user of a stack whose events are read by the test itself."""

    def answered(self, transaction: t.ClientTransaction, response: object) -> None:
        raise AssertionError("the stack tells by events only")

    failed = answered


def notify(stack: Stack, flow: Flow = UDP, now: float = 0.0) -> tuple[t.ClientTransaction, bytes]:
    branch = stack.branch()
    data = request("NOTIFY", Via=f"SIP/2.0/UDP 127.0.0.1:5060;branch={branch}")
    client = stack.begin(data, method="NOTIFY", branch=branch, flow=flow, now=now, user=Nobody(), context="watcher")
    stack.transmissions.clear()
    return client, data


def test_an_answer_is_matched_wherever_it_arrives() -> None:
    """D-46: over another connection too; a second one is a stray (Timer K is zero)."""
    stack = Stack("t")
    client, data = notify(stack)
    stack.receive(answer(data), TCP, 0.1)
    event = stack.events.popleft()
    assert isinstance(event, ResponseReceived) and event.transaction is client and len(stack) == 0
    stack.receive(answer(data), UDP, 0.2)
    assert not stack.events and stack.counters["strays"] == 1


def test_nobody_foresees_a_branch() -> None:
    """D-46, R-SEC-02: of two runs that count alike no branch of one is that of the other; an answer proves its way."""
    mine, theirs = Stack("t", b"one"), Stack("t", b"two")
    assert {mine.branch() for _ in range(50)}.isdisjoint(theirs.branch() for _ in range(50))
    client, data = notify(mine)
    guessed = client.branch.rpartition(".")[0].encode()
    mine.receive(answer(data).replace(client.branch.encode(), guessed), UDP, 0.1)
    assert not mine.events and mine.counters["strays"] == 1


def test_a_request_is_repeated_with_growing_pauses_and_given_up() -> None:
    """R-STD-01: Timer E doubles from T1 to T2, Timer F ends it after 32 s."""
    stack = Stack("t")
    notify(stack)
    times = []
    while (deadline := stack.next_deadline()) is not None:
        stack.timeout(deadline)
        if stack.transmissions:
            times.append(deadline)
            stack.transmissions.clear()
    assert times[:5] == [0.5, 1.5, 3.5, 7.5, 11.5] and times[-1] <= 32
    event = stack.events.popleft()
    assert isinstance(event, TransactionFailed) and event.status == 408


def test_a_broken_connection_fails_what_waits_on_it() -> None:
    """R-TRN-01."""
    stack = Stack("t")
    notify(stack, TCP)
    stack.flow_failed(TCP)
    event = stack.events.popleft()
    assert isinstance(event, TransactionFailed) and event.status == 503 and len(stack) == 0


def test_an_invite_and_its_acknowledgement() -> None:
    """R-STD-01: RFC 6026: a 2xx is acknowledged by the dialog, a failure by the transaction; G and H repeat it."""
    stack = Stack("t")
    event = received(stack, request("INVITE"))
    stack.respond(event.transaction, event.request.respond(486), 0.0)
    stack.transmissions.clear()
    stack.timeout(0.6)
    assert len(stack.transmissions) == 1, "Timer G"
    stack.receive(request("ACK"), UDP, 0.7)
    assert not stack.events and event.transaction.state == t.CONFIRMED
    stack.timeout(40)
    assert len(stack) == 0
    other = received(stack, request("INVITE", Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtwo"))
    stack.respond(other.transaction, other.request.respond(200), 50)
    stack.receive(request("ACK", Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKthree"), UDP, 50.1)
    assert isinstance(stack.events.popleft(), AckReceived)


def test_an_invite_of_ours_is_acknowledged() -> None:
    """R-STD-01: the ACK of a failure repeats the branch, and is repeated with the failure."""
    stack = Stack("t")
    invite = Request.build("INVITE", "sip:a@b", [h for h in parsed("INVITE").headers if h[0] != "Via"])
    client = stack.request(invite, UDP, 0.0, sent_by="127.0.0.1:5060", user=Nobody(), context=None)
    (data, _) = stack.transmissions.popleft()
    stack.receive(answer(data, 180), UDP, 0.1)
    for _ in range(2):
        stack.receive(answer(data, 486), UDP, 0.2)
        ack = parse(stack.transmissions.popleft()[0])
        assert isinstance(ack, Request) and (ack.method, ack.via.branch) == ("ACK", client.branch)
    assert [type(event) for event in stack.events] == [ResponseReceived, ResponseReceived]


def test_an_invite_that_was_taken_back_does_not_stay_for_ever() -> None:
    """RFC 3261 9.1: 64*T1 after the CANCEL it is over, though who rang has not said so."""
    stack = Stack("t")
    invite = Request.build("INVITE", "sip:a@b", [h for h in parsed("INVITE").headers if h[0] != "Via"])
    client = stack.request(invite, UDP, 0.0, sent_by="127.0.0.1:5060", user=Nobody(), context=None)
    stack.receive(answer(stack.transmissions.popleft()[0], 180), UDP, 0.1)
    stack.cancel(client, 100.0, user=Nobody())
    stack.timeout(131.0)
    assert client.state == t.PROCEEDING
    stack.timeout(132.1)
    assert len(stack) == 0


@given(st.lists(st.sampled_from(["deliver", "lose", "double"]), min_size=40, max_size=40))
def test_whatever_the_network_does_the_rule_runs_once(fates: list[str]) -> None:
    """R-TRN-01: with loss and duplication the request is served once, and its answer arrives or is given up."""
    client, server = Stack("c"), Stack("s")
    branch = client.branch()
    data = request("NOTIFY", Via=f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport")
    client.begin(data, method="NOTIFY", branch=branch, flow=UDP, now=0.0, user=Nobody(), context=None)
    fate = itertools.chain(fates, itertools.repeat("deliver"))
    served, now, over = 0, 0.0, None
    while over is None and now < 40:
        for sender, receiver in ((client, server), (server, client)):
            while sender.transmissions:
                sent, _ = sender.transmissions.popleft()
                for _ in range({"deliver": 1, "lose": 0, "double": 2}[next(fate)]):
                    receiver.receive(sent, UDP, now)
            while server.events:
                event = server.events.popleft()
                assert isinstance(event, RequestReceived)
                served += 1
                server.respond(event.transaction, event.request.respond(200), now)
        over = client.events.popleft() if client.events else None
        if not (client.transmissions or server.transmissions) and over is None:
            deadlines = [one for one in (client.next_deadline(), server.next_deadline()) if one is not None]
            now = min(deadlines, default=99.0)
            client.timeout(now)
            server.timeout(now)
    assert served <= 1
    assert isinstance(over, ResponseReceived | TransactionFailed)
    assert isinstance(over, TransactionFailed) or served == 1


def test_timers_fire_in_order_and_only_once() -> None:
    timers: Timers[str] = Timers()
    timers.set(1.0, "a", "A", 0.0)
    timers.set(0.5, "b", "B", 0.2)
    timers.set(1.0, "c", "C", 0.1)
    assert timers.next_deadline() == 0.7
    assert set(timers.due(1.05)) == {("b", "B"), ("a", "A")}
    assert list(timers.due(2.0)) == [("c", "C")] and len(timers) == 0


def dialog(**changes: str | None) -> Dialog:
    return Dialog.from_request(parsed("SUBSCRIBE", **changes), "ours", UDP)


def test_a_dialog_survives_being_written_down() -> None:
    """R-NTF-01: a restart goes on where it was."""
    one = dialog(Record_Route="<sip:p1.example;lr>, <sip:p2.example;lr>")
    one.local_cseq = 500
    again = Dialog.loads(one.dumps())
    assert again.dumps() == one.dumps() and again.local_cseq == 500
    assert again.route_set == ("<sip:p1.example;lr>", "<sip:p2.example;lr>")
    with pytest.raises(ValueError):
        Dialog.loads("[1, 2]")


def test_requests_in_a_dialog_follow_each_other() -> None:
    """D-10: a lower CSeq is 500, a new Contact is the new target; tags and Call-ID decide what belongs to it."""
    one = dialog()
    inside = {"To": "<sip:xten3@compB.cisco.com>;tag=ours"}
    later = parsed("SUBSCRIBE", **inside, CSeq="2 SUBSCRIBE", Contact="<sip:xten4@192.0.2.7>")
    assert one.matches(later) and not one.matches(parsed("SUBSCRIBE"))
    assert one.matches(parsed("SUBSCRIBE", **inside, target="sip:anything@else"))
    one.receive(later)
    assert one.remote_target == "sip:xten4@192.0.2.7"
    with pytest.raises(SipError) as refused:
        one.receive(parsed("SUBSCRIBE", **inside, CSeq="2 SUBSCRIBE"))
    assert refused.value.status == 500


def test_a_strict_router_gets_the_request_uri() -> None:
    """D-10, R-STD-01: RFC 3261 12.2.1.1."""
    line, rest = dialog(Record_Route="<sip:strict.example>, <sip:loose.example;lr>").constant_head(
        "NOTIFY", "<sip:us>", "presence"
    )
    assert line == b"NOTIFY sip:strict.example SIP/2.0\r\n"
    assert b"Route: <sip:loose.example;lr>\r\nRoute: <sip:xten4@192.0.2.1:5060>\r\n" in rest
    line, rest = dialog(Record_Route="<sip:loose.example;lr>").constant_head("NOTIFY", "<sip:us>", "presence;id=7")
    assert line == b"NOTIFY sip:xten4@192.0.2.1:5060 SIP/2.0\r\n" and b"Event: presence;id=7\r\n" in rest


@pytest.mark.parametrize("contact", [None, "*", "<sip:a@b>, <sip:c@d>", "<tel:+1>", "<nonsense"])
def test_a_dialog_needs_one_sip_contact(contact: str | None) -> None:
    """R-SUB-01: 400 for a SUBSCRIBE that says not where its NOTIFYs go."""
    with pytest.raises(SipError) as refused:
        dialog(Contact=contact)
    assert refused.value.status == 400


def test_a_response_is_a_response() -> None:
    assert isinstance(parse(answer(request())), Response)
