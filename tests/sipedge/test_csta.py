"""Sessions of the CTI gateway in SIP dialogs: events in order, one at a time, and what ends them (D-36)."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sipedge import refusals
from sipedge.senders import csta
from sipedge.senders.csta import Session, Sessions
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request
from sipedge.telephony import BadAddress, addresses

FLOW = Flow("TCP", ("127.0.0.1", 5060), ("192.0.2.1", 40_000), 1)


class Loop:
    """Calls that are due, by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return 0.0

    def call_soon(self, function: Callable[..., None], *arguments: Any) -> None:
        self.soon.append(lambda: function(*arguments))

    def call_later(self, delay: float, function: Callable[..., None], *arguments: Any) -> None:
        self.later.append((delay, lambda: function(*arguments)))

    def run(self) -> None:
        while self.soon:
            self.soon.pop(0)()

    def after(self, delay: float) -> None:
        """What was to be done after this time is due, once."""
        due = [function for later, function in self.later if later == delay]
        assert due
        self.later = [one for one in self.later if one[0] != delay]
        for function in due:
            function()
        self.run()


class Edge:
    """What the sessions ask of an edge."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.sent: list[Request] = []
        self.left: list[Any] = []
        self.renewed: list[int] = []
        self.refused: list[str] = []
        self.stack = SimpleNamespace(request=self._request)
        self.network = SimpleNamespace(listener_of=lambda flow: SimpleNamespace(sent_by="192.0.2.2:5060"))
        self.telephony = SimpleNamespace(leave=self.left.append, renew=lambda one, lasts: self.renewed.append(lasts))
        self.peers = SimpleNamespace(refused=lambda reason, host: self.refused.append(reason))

    def _request(self, request: Request, flow: Flow, now: float, **options: Any) -> Any:
        self.sent.append(request)
        return SimpleNamespace(context=options["context"], method=request.method)

    def flush(self) -> None:
        pass

    def methods(self) -> list[str]:
        return [request.method for request in self.sent]


@pytest.fixture
def edge() -> Edge:
    return Edge()


def session_of(edge: Edge, *, renews: bool = True) -> tuple[Sessions, Session]:
    sessions = Sessions(edge)  # type: ignore[arg-type]
    dialog = Dialog.to_peer(call_id="c", local="sip:8000@x", local_tag="t", remote="sip:u@192.0.2.1", flow=FLOW)
    session = sessions.begin(dialog, "<sip:192.0.2.2>", 90, renews=renews)
    session.association = SimpleNamespace()  # type: ignore[assignment]
    sessions.add(session)
    return sessions, session


def answered(sessions: Sessions, session: Session, status: int) -> None:
    sessions.answered(session.outstanding, SimpleNamespace(status=status))  # type: ignore[arg-type]


def test_events_go_one_at_a_time_in_their_order(edge: Edge) -> None:
    sessions, session = session_of(edge)
    for number in range(3):
        session.send(b"%d" % number, None)
    assert edge.sent == [], "not before the answer that is being given"
    edge.loop.run()
    assert [request.body for request in edge.sent] == [b"0"]
    answered(sessions, session, 100)
    answered(sessions, session, 200)
    answered(sessions, session, 500)
    assert [(request.body, request.cseq.number) for request in edge.sent] == [(b"0", 1), (b"1", 2), (b"2", 3)]
    assert edge.renewed == [90, 90] and edge.left == []


@pytest.mark.parametrize("status", [404, 408, 481])
def test_a_client_that_knows_nothing_of_it_has_left(edge: Edge, status: int) -> None:
    sessions, session = session_of(edge)
    session.send(b"1", None)
    session.send(b"2", None)
    edge.loop.run()
    answered(sessions, session, status)
    assert edge.left == [session.association] and len(edge.sent) == 1 and sessions.of("t") is None


def test_a_client_that_does_not_answer_has_left(edge: Edge) -> None:
    sessions, session = session_of(edge)
    session.send(b"1", None)
    edge.loop.run()
    sessions.failed(SimpleNamespace(context=session), 408)  # type: ignore[arg-type]
    assert edge.left == [], "another request of an earlier time"
    sessions.failed(session.outstanding, 408)  # type: ignore[arg-type]
    assert edge.left == [session.association]


def test_a_client_that_answers_no_events_hears_them_all(edge: Edge) -> None:
    """D-36: over a connection it is waited for once; that it does not answer does not end its session."""
    sessions, session = session_of(edge)
    for number in range(3):
        session.send(b"%d" % number, None)
    edge.loop.run()
    first = session.outstanding
    assert [request.body for request in edge.sent] == [b"0"]
    edge.loop.after(csta.UNANSWERED)
    assert [request.body for request in edge.sent] == [b"0", b"1", b"2"] and session.outstanding is None
    session.send(b"3", None)
    edge.loop.run()
    assert len(edge.sent) == 4
    sessions.failed(first, 408)  # type: ignore[arg-type]
    assert edge.left == [] and sessions.of("t") is session


def test_a_slow_client_is_waited_for_from_its_first_answer_on(edge: Edge) -> None:
    sessions, session = session_of(edge)
    session.send(b"0", None)
    edge.loop.run()
    first = session.outstanding
    edge.loop.after(csta.UNANSWERED)
    sessions.answered(first, SimpleNamespace(status=200))  # type: ignore[arg-type]
    assert edge.renewed == [90]
    for number in (1, 2):
        session.send(b"%d" % number, None)
    edge.loop.run()
    assert [request.body for request in edge.sent] == [b"0", b"1"] and edge.loop.later == [], "it answers, so it will"
    sessions.failed(session.outstanding, 408)  # type: ignore[arg-type]
    assert edge.left == [session.association], "who has answered and does not any more has left"


def test_a_client_that_has_overlooked_events_and_says_so_has_left(edge: Edge) -> None:
    sessions, session = session_of(edge)
    session.send(b"0", None)
    edge.loop.run()
    first = session.outstanding
    edge.loop.after(csta.UNANSWERED)
    sessions.answered(first, SimpleNamespace(status=481))  # type: ignore[arg-type]
    assert edge.left == [session.association]


def test_over_udp_every_event_needs_its_answer(edge: Edge) -> None:
    """Datagrams may overtake each other."""
    sessions, session = session_of(edge)
    session.dialog.flow = FLOW._replace(transport="UDP")
    session.send(b"0", None)
    session.send(b"1", None)
    edge.loop.run()
    assert edge.loop.later == []
    sessions.failed(session.outstanding, 408)  # type: ignore[arg-type]
    assert len(edge.sent) == 1 and edge.left == [session.association]


def test_a_client_that_gives_no_sign_of_life_has_left(edge: Edge) -> None:
    """An event need not be answered, OPTIONS has to be."""
    sessions, session = session_of(edge, renews=False)
    session.send(b"0", None)
    edge.loop.run()
    edge.loop.after(csta.UNANSWERED)
    edge.loop.after(60)
    assert edge.methods() == ["INFO", "OPTIONS"] and csta.UNANSWERED not in dict(edge.loop.later)
    sessions.failed(session.outstanding, 408)  # type: ignore[arg-type]
    assert edge.left == [session.association]


def test_a_client_that_does_not_keep_up_loses_its_session(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is left out: it opens a new one and looks again."""
    monkeypatch.setattr(csta, "MAX_WAITING", 2)
    sessions, session = session_of(edge)
    for _ in range(3):
        session.send(b"1", None)
    edge.loop.run()
    assert edge.methods() == ["BYE"] and edge.refused == [refusals.UNREAD] and sessions.of("t") is None
    session.close()
    assert edge.methods() == ["BYE"], "once"


def test_a_client_without_a_timer_is_asked(edge: Edge) -> None:
    """RFC 4028: it cannot renew; an answer to OPTIONS does it, after two thirds of the time."""
    sessions, session = session_of(edge, renews=False)
    edge.loop.after(60)
    assert edge.methods() == ["OPTIONS"]
    answered(sessions, session, 405)
    assert edge.renewed == [90]
    sessions.discard(session)
    edge.loop.after(60)
    assert edge.methods() == ["OPTIONS"]


def test_a_lost_connection_takes_its_dialogs(edge: Edge) -> None:
    sessions, session = session_of(edge)
    sessions.lost(FLOW._replace(serial=2))
    assert sessions.of("t") is session
    sessions.lost(FLOW)
    assert edge.left == [session.association] and sessions.of("t") is None


def test_addresses_for_programs_are_read() -> None:
    """CUPS_CSTA_LISTEN."""
    assert addresses("tcp:127.0.0.1:1040, tls:[::1]:1041,") == [("tcp", "127.0.0.1", 1040), ("tls", "::1", 1041)]
    assert addresses("") == []
    for text in ("udp:127.0.0.1:1040", "tcp:1040", "tcp:127.0.0.1:x", "tcp:127.0.0.1:70000"):
        with pytest.raises(BadAddress):
            addresses(text)
