"""The four transactions of SIP as tables (RFC 3261 section 17, with the corrections of RFC 6026).

Each table says, for a state and an event, the next state and what to do. What is not in a table is a protocol
error, and nothing changes. The tables hold no clock and no bytes: `sipedge.sip.stack` carries out the actions.

One deviation, on purpose: Timer K is zero. It exists to absorb repeated final answers to our own requests; those
find no transaction and are counted as strays, which costs less than keeping every NOTIFY for five seconds.
"""

from typing import Any, Final, Protocol

from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response

# States (RFC 3261 figures 5 to 8, RFC 6026 figures 3 and 5)
CALLING: Final = "Calling"
TRYING: Final = "Trying"
PROCEEDING: Final = "Proceeding"
COMPLETED: Final = "Completed"
CONFIRMED: Final = "Confirmed"
ACCEPTED: Final = "Accepted"
TERMINATED: Final = "Terminated"

# Events
RETRANSMIT: Final = "the same request again"
ACK: Final = "ACK"
SEND_PROVISIONAL: Final = "1xx to send"
SEND_SUCCESS: Final = "2xx to send"
SEND_FAILURE: Final = "300-699 to send"
PROVISIONAL: Final = "1xx received"
SUCCESS: Final = "2xx received"
FAILURE: Final = "300-699 received"
TRANSPORT_ERROR: Final = "transport error"
TIMER_A: Final = "Timer A"
TIMER_B: Final = "Timer B"
TIMER_D: Final = "Timer D"
TIMER_E: Final = "Timer E"
TIMER_F: Final = "Timer F"
TIMER_G: Final = "Timer G"
TIMER_H: Final = "Timer H"
TIMER_I: Final = "Timer I"
TIMER_J: Final = "Timer J"
TIMER_L: Final = "Timer L"
TIMER_M: Final = "Timer M"
TIMER_CANCEL: Final = "no final answer after CANCEL"

# Actions
TRANSMIT: Final = "transmit"
"Send these bytes and keep them for repetitions."
REPEAT: Final = "repeat"
"Send again what was sent last, if anything was."
REPEAT_LATER: Final = "repeat and set the timer again"
PASS: Final = "pass to the user"
PASS_END: Final = "pass to the user; the transaction is over"
PASS_ACK: Final = "pass to the user and acknowledge"
ACKNOWLEDGE: Final = "acknowledge"
FAIL: Final = "tell the user that there was no answer"
SILENCE: Final = "nothing to do"
FORGET: Final = "the transaction is over"

Table = dict[str, dict[str, tuple[str, str]]]

# RFC 3261 figure 8: non-INVITE server transaction.
NON_INVITE_SERVER: Final[Table] = {
    TRYING: {
        RETRANSMIT: (TRYING, SILENCE),
        SEND_PROVISIONAL: (PROCEEDING, TRANSMIT),
        SEND_SUCCESS: (COMPLETED, TRANSMIT),
        SEND_FAILURE: (COMPLETED, TRANSMIT),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    PROCEEDING: {
        RETRANSMIT: (PROCEEDING, REPEAT),
        SEND_PROVISIONAL: (PROCEEDING, TRANSMIT),
        SEND_SUCCESS: (COMPLETED, TRANSMIT),
        SEND_FAILURE: (COMPLETED, TRANSMIT),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    COMPLETED: {
        RETRANSMIT: (COMPLETED, REPEAT),
        TIMER_J: (TERMINATED, FORGET),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
}

# RFC 3261 figure 7 as corrected by RFC 6026 figure 5: INVITE server transaction.
INVITE_SERVER: Final[Table] = {
    PROCEEDING: {
        RETRANSMIT: (PROCEEDING, REPEAT),
        SEND_PROVISIONAL: (PROCEEDING, TRANSMIT),
        SEND_SUCCESS: (ACCEPTED, TRANSMIT),
        SEND_FAILURE: (COMPLETED, TRANSMIT),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    ACCEPTED: {
        RETRANSMIT: (ACCEPTED, SILENCE),
        SEND_SUCCESS: (ACCEPTED, TRANSMIT),
        ACK: (ACCEPTED, PASS),
        TIMER_L: (TERMINATED, FORGET),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    COMPLETED: {
        RETRANSMIT: (COMPLETED, REPEAT),
        ACK: (CONFIRMED, SILENCE),
        TIMER_G: (COMPLETED, REPEAT_LATER),
        TIMER_H: (TERMINATED, FAIL),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    CONFIRMED: {
        RETRANSMIT: (CONFIRMED, SILENCE),
        ACK: (CONFIRMED, SILENCE),
        TIMER_I: (TERMINATED, FORGET),
    },
}

# RFC 3261 figure 6: non-INVITE client transaction; Completed is left at once, since Timer K is zero here.
NON_INVITE_CLIENT: Final[Table] = {
    TRYING: {
        TIMER_E: (TRYING, REPEAT_LATER),
        TIMER_F: (TERMINATED, FAIL),
        TRANSPORT_ERROR: (TERMINATED, FAIL),
        PROVISIONAL: (PROCEEDING, PASS),
        SUCCESS: (TERMINATED, PASS_END),
        FAILURE: (TERMINATED, PASS_END),
    },
    PROCEEDING: {
        TIMER_E: (PROCEEDING, REPEAT_LATER),
        TIMER_F: (TERMINATED, FAIL),
        TRANSPORT_ERROR: (TERMINATED, FAIL),
        PROVISIONAL: (PROCEEDING, PASS),
        SUCCESS: (TERMINATED, PASS_END),
        FAILURE: (TERMINATED, PASS_END),
    },
}

# RFC 3261 figure 5 as corrected by RFC 6026 figure 3: INVITE client transaction.
INVITE_CLIENT: Final[Table] = {
    CALLING: {
        TIMER_A: (CALLING, REPEAT_LATER),
        TIMER_B: (TERMINATED, FAIL),
        TRANSPORT_ERROR: (TERMINATED, FAIL),
        PROVISIONAL: (PROCEEDING, PASS),
        SUCCESS: (ACCEPTED, PASS),
        FAILURE: (COMPLETED, PASS_ACK),
    },
    PROCEEDING: {
        PROVISIONAL: (PROCEEDING, PASS),
        SUCCESS: (ACCEPTED, PASS),
        FAILURE: (COMPLETED, PASS_ACK),
        TIMER_CANCEL: (TERMINATED, FAIL),  # RFC 3261 9.1
        TRANSPORT_ERROR: (TERMINATED, FAIL),
    },
    COMPLETED: {
        FAILURE: (COMPLETED, ACKNOWLEDGE),
        TIMER_D: (TERMINATED, FORGET),
        TRANSPORT_ERROR: (TERMINATED, FORGET),
    },
    ACCEPTED: {
        SUCCESS: (ACCEPTED, PASS),  # another branch of a fork, or the same 2xx again: the user acknowledges each
        TIMER_M: (TERMINATED, FORGET),
    },
}


class Transaction:
    """One transaction: its place in its table, and what was sent last."""

    __slots__ = ("flow", "key", "method", "pause", "sent", "state", "table")

    def __init__(self, table: Table, state: str, key: tuple[str, ...], method: str, flow: Flow) -> None:
        self.table = table
        self.state = state
        self.key = key
        self.method = method
        self.flow = flow
        "Where answers (server) or the request (client) go."
        self.sent = b""
        self.pause = 0.0
        "Seconds to the next repetition, while there are any."

    def fire(self, event: str) -> str:
        """Go to the next state; the action to carry out, or "" when the table does not know the event here."""
        step = self.table.get(self.state, _NOTHING).get(event)
        if step is None:
            return ""
        self.state, action = step
        return action


class ServerTransaction(Transaction):
    """A request that came in and its answers."""

    __slots__ = ("cancelled", "request")

    def __init__(self, request: Request, key: tuple[str, ...], flow: Flow) -> None:
        if request.method == "INVITE":
            super().__init__(INVITE_SERVER, PROCEEDING, key, "INVITE", flow)
        else:
            super().__init__(NON_INVITE_SERVER, TRYING, key, request.method, flow)
        self.request: Request | None = request
        "Let go of when the final answer is out: only its bytes are needed then."
        self.cancelled = False
        "A CANCEL has come for it."


class TransactionUser(Protocol):
    """Who sends requests, and is told what became of each (RFC 3261 section 5: TU)."""

    def answered(self, transaction: "ClientTransaction", response: Response) -> None:
        """An answer has come, provisional ones too."""

    def failed(self, transaction: "ClientTransaction", status: int) -> None:
        """None will: 408 when nobody answered in time, 503 when the flow broke."""


class ClientTransaction(Transaction):
    """A request of ours and the answers to it."""

    __slots__ = ("bare", "context", "request", "user")

    def __init__(self, method: str, branch: str, flow: Flow, user: TransactionUser, context: Any) -> None:
        if method == "INVITE":
            super().__init__(INVITE_CLIENT, CALLING, (branch, method), method, flow)
        else:
            super().__init__(NON_INVITE_CLIENT, TRYING, (branch, method), method, flow)
        self.user = user
        self.bare = False
        "Of a 2xx its user wants only the status."
        self.context = context
        "What the user keeps with its request."
        self.request: Request | None = None
        "For the ACK of an INVITE."

    @property
    def branch(self) -> str:
        """The branch of our Via."""
        return self.key[0]


_NOTHING: Final[dict[str, tuple[str, str]]] = {}
