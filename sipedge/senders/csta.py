"""CSTA in SIP dialogs: events going out as INFO, in order, one at a time for each dialog (ECMA TR/87, D-36).

A client's dialog lives on the connection that it was opened over. No event is left out: a client that does not keep
up, or does not answer any more, loses its session and opens a new one. Some clients hear every event and answer none
(pidgin-sipe 1.25.0): over a connection, which keeps the order, they are not waited for.
"""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import structlog

from cti.associations import Association
from sipedge import refusals
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow
from sipedge.sip.message import Header, Request, Response
from sipedge.sip.timers import T1, T2
from sipedge.sip.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

CSTA: Final = "application/csta+xml"
"Registered with IANA for the documents of ECMA-323."

BODY: Final[tuple[Header, ...]] = (("Content-Type", CSTA), ("Content-Disposition", "signal;handling=required"))
"Stand with every document (TR/87)."

MAX_WAITING: Final = 1_000
"Events that wait for one client: minutes of a busy line; more is a client that does not answer."

UNANSWERED: Final = 4 * T1
"Seconds after which a client on a connection counts as one that answers no events: on the way are proxies, no people."

LOOK: Final = 2 / 3
"Part of the session's time after which a client that cannot renew it is asked whether it is still there."

GIVE_UP: Final = 64 * T1
"Seconds in which the ACK of an answer over UDP has to come (RFC 3261 13.3.1.4)."

ENDING: Final = frozenset({404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 501, 604})
"Answers that end the dialog (RFC 5057 5.1)."


class Slot:
    """Where the answer to a request is put; the handler sends it before anything that waits in the session."""

    document: bytes = b""


class Session:
    """One client's dialog."""

    def __init__(self, sessions: "Sessions", dialog: Dialog, contact: str, lasts: int, renews: bool) -> None:
        self._sessions = sessions
        self.dialog = dialog
        self.contact = contact
        "Ours."
        self.lasts = lasts
        "Seconds until it has to be renewed."
        self.renews = renews
        "The client does it (RFC 4028)."
        self.association: Association
        self.waiting: deque[tuple[str, bytes]] = deque()
        "Method and document of requests to come."
        self.outstanding: ClientTransaction | None = None
        "What the next request waits for."
        self.answers = False
        "It has answered an event: when it falls silent it is gone."
        self.silent = False
        "It has answered none in time."
        self.acknowledged = False

    @property
    def host(self) -> str:
        """The client's address."""
        return self.dialog.flow.remote[0]

    @property
    def flow(self) -> Flow:
        """What the dialog goes over."""
        return self.dialog.flow

    def send(self, document: bytes, tag: Slot | None) -> None:
        """An answer for its slot, or an event for the queue."""
        if tag is not None:
            tag.document = document
        else:
            self._sessions.queue(self, "INFO", document)

    def close(self) -> None:
        """The gateway has ended the association."""
        self._sessions.hang_up(self)


class Sessions:
    """The dialogs of all clients, by our tag."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._by_tag: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_tag.values())

    def __len__(self) -> int:
        return len(self._by_tag)

    def of(self, tag: str | None) -> Session | None:
        """The session of a dialog."""
        return self._by_tag.get(tag or "")

    def begin(self, dialog: Dialog, contact: str, lasts: int, *, renews: bool) -> Session:
        """A dialog is being opened."""
        return Session(self, dialog, contact, lasts, renews)

    def add(self, session: Session) -> None:
        """It was accepted."""
        self._by_tag[session.dialog.local_tag] = session
        if not session.renews:
            self._edge.loop.call_later(session.lasts * LOOK, self._look, session)

    def _look(self, session: Session) -> None:
        """Ask a client that cannot renew its session whether it is there; any answer but that of a stranger will do."""
        if self.of(session.dialog.local_tag) is session:
            self.queue(session, "OPTIONS", b"")
            self._edge.loop.call_later(session.lasts * LOOK, self._look, session)

    def discard(self, session: Session) -> None:
        """The dialog is over."""
        self._by_tag.pop(session.dialog.local_tag, None)
        session.waiting.clear()
        self._edge.telephony.leave(session.association)

    def lost(self, flow: Flow) -> None:
        """A connection is gone, and the dialogs on it."""
        for session in [one for one in self._by_tag.values() if one.dialog.flow == flow]:
            self.discard(session)

    # Events

    def queue(self, session: Session, method: str, document: bytes) -> None:
        """Send after what waits already, and after the answer that may be on its way."""
        session.waiting.append((method, document))
        if len(session.waiting) > MAX_WAITING:
            self._edge.peers.refused(refusals.UNREAD, session.host)
            self.hang_up(session)
        else:
            self._edge.loop.call_soon(self._next, session)

    def _next(self, session: Session) -> None:
        while session.waiting and session.outstanding is None:
            method, document = session.waiting.popleft()
            transaction = self._ask(session, method, document)
            if method == "INFO" and session.silent:
                continue
            session.outstanding = transaction
            if method == "INFO" and not session.answers and session.dialog.flow.reliable:
                self._edge.loop.call_later(UNANSWERED, self._overtake, session, transaction)

    def _overtake(self, session: Session, transaction: ClientTransaction) -> None:
        """Wait no longer for the answer to an event of a client that has never given any."""
        if session.outstanding is transaction:
            session.silent = True
            session.outstanding = None
            self._next(session)

    def _ask(self, session: Session, method: str, document: bytes) -> ClientTransaction:
        edge, dialog = self._edge, session.dialog
        target, routes = dialog.target_and_routes()
        dialog.local_cseq += 1
        headers = [("Route", route) for route in routes]
        headers += [
            ("Max-Forwards", "70"),
            ("From", f"{dialog.local};tag={dialog.local_tag}"),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.local_cseq} {method}"),
            ("Contact", session.contact),
            *(BODY if document else ()),
        ]
        request = Request.build(method, target, headers, document)
        sent_by = edge.network.listener_of(dialog.flow).sent_by
        client = edge.stack.request(request, dialog.flow, edge.loop.time(), sent_by=sent_by, user=self, context=session)
        edge.flush()
        return client

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """The client has heard an event, or has not."""
        session: Session = transaction.context
        if response.status < 200 or self.of(session.dialog.local_tag) is not session:
            return
        if response.status in ENDING:
            log.info("a CSTA client has ended its session", status=response.status, peer=session.host)
            self.discard(session)
            return
        if transaction.method == "INFO":
            session.answers, session.silent = True, False
        self._edge.telephony.renew(session.association, session.lasts)
        if session.outstanding is transaction:
            session.outstanding = None
            self._next(session)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """It does not answer: it is gone, unless it was not waited for."""
        session: Session = transaction.context
        if session.outstanding is transaction:
            session.outstanding = None
            self.discard(session)

    def hang_up(self, session: Session) -> None:
        """End the dialog from our side."""
        if self.of(session.dialog.local_tag) is session:
            self.discard(session)
            self._ask(session, "BYE", b"")

    # Answers to INVITE over UDP

    def repeat(self, session: Session, transaction: ServerTransaction) -> None:
        """Send the answer again until its ACK is there: over UDP either may be lost."""
        if not transaction.flow.reliable:
            self._again(session, transaction, T1, self._edge.loop.time() + GIVE_UP)

    def _again(self, session: Session, transaction: ServerTransaction, pause: float, until: float) -> None:
        edge = self._edge

        def due() -> None:
            if session.acknowledged or self.of(session.dialog.local_tag) is not session:
                return
            if edge.loop.time() >= until:
                self.hang_up(session)
                return
            edge.stack.transmissions.append((transaction.sent, transaction.flow))
            edge.flush()
            self._again(session, transaction, min(2 * pause, T2), until)

        edge.loop.call_later(pause, due)

    def acknowledge(self, request: Request) -> bool:
        """An ACK; False when it is none of ours."""
        session = self.of(request.to.tag)
        if session is not None:
            session.acknowledged = True
        return session is not None
