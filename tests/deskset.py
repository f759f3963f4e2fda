"""A phone on a desk whose every answer is the test's, and what phones do together (RFC 3725)."""

from collections.abc import Callable

from sipedge.sip.message import Request, Response
from tests.caller import Caller
from tests.switchboard import Switchboard
from tests.waiting import wait_until

Make = Callable[..., "Desk"]


class Desk(Caller):
    """A phone on a desk, with a description of its media."""

    def __init__(self, user: str, server: tuple[str, int], transport: str) -> None:
        super().__init__(user, server, transport=transport)
        self.number = user.removeprefix("u")
        if transport == "WS":
            self.contact = f"<sip:{user}@df7jal23ls0d.invalid;transport=ws>"
        assert self.register().status == 200

    def media(self, direction: str = "sendrecv") -> bytes:
        """What this phone says of its media; its port is its number."""
        return (
            f"v=0\r\no={self.aor.user} 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {20000 + int(self.number)} RTP/AVP 0 8\r\na={direction}\r\n"
        ).encode()

    def says(self, request: Request, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with a description, and as the callee of this very call."""
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if request.method == "INVITE" and 100 < status < 300:
            more.append(("Contact", self.contact))
        if body:
            more.append(("Content-Type", "application/sdp"))
        self.send(request.respond(status, headers=more, body=body, to_tag="callee").encode())

    def picks_up(self, number: int = 1, direction: str = "sendrecv") -> Request:
        """Ring and answer the INVITE with this number; its ACK has come."""
        invite = self.takes("INVITE", number)
        if invite.to.tag is None:
            self.says(invite, 180)
        self.says(invite, 200, self.media(direction))
        self.acknowledged(invite)
        return invite

    def acknowledged(self, invite: Request) -> Request:
        """The ACK of an INVITE that this phone has answered."""

        def found() -> Request | None:
            mine = (one for one in self.requests if one.method == "ACK" and one.call_id == invite.call_id)
            return next((one for one in mine if one.cseq.number == invite.cseq.number), None)

        ack: Request = wait_until(found, f"the ACK at {self.aor}")
        return ack

    def dials(self, target: str, body: bytes | None = None) -> Request:
        """INVITE with our media."""
        body = self.media() if body is None else body
        invite = self.build("INVITE", target, [("Content-Type", "application/sdp")] if body else [], body)
        self.send(invite.encode())
        challenge = self.hears(407)
        self.acknowledge(invite, challenge)
        headers = [(n, v) for n, v in invite.headers if n not in ("Via", "CSeq")]
        self._cseq += 1
        via = self.build("INVITE", target).get("Via") or ""
        headers = [("Via", via), ("CSeq", f"{self._cseq} INVITE"), *headers]
        headers.append(self.credentials(challenge, "INVITE", target))
        again = Request.build("INVITE", target, headers, body)
        self.send(again.encode())
        return again

    def leaves(self, method: str, invite: Request, response: Response, body: bytes = b"", **headers: str) -> Request:
        """A request of the caller within its call."""
        self._cseq += 1
        made = self.within(invite, response, method, self._cseq)
        made.headers += [(name.replace("_", "-"), value) for name, value in headers.items()]
        if method == "INVITE":
            made.headers.append(("Contact", self.contact))
        request = Request.build(method, made.target, made.headers, body)
        self.send(request.encode())
        return request


def talking(alice: Desk, bob: Desk, board: Switchboard) -> tuple[str, Request, Response, Request]:
    """Alice has called Bob: the call's id, her INVITE with its answer, and the INVITE that he got."""
    invite = alice.dials(bob.aor)
    got = bob.picks_up()
    answer = alice.hears(200)
    alice.acknowledge(invite, answer)
    call = board.sees(alice.number, "EstablishedEvent")["established_connection"]["call_id"]
    return call, invite, answer, got


def rejoins(one: Desk, first: int, other: Desk, second: int) -> None:
    """Two phones are joined: one is asked for its media (INVITE number `first` or `second`), the other is told them."""

    def asked(phone: Desk, number: int) -> bool:
        return len([got for got in phone.requests if got.method == "INVITE"]) >= number

    wait_until(lambda: asked(one, first) or asked(other, second), "one of two phones is asked for its media")
    asks, tells = ((one, first), (other, second)) if asked(one, first) else ((other, second), (one, first))
    got = asks[0].takes("INVITE", asks[1])
    assert not got.body
    asks[0].says(got, 200, asks[0].media())
    told = tells[0].takes("INVITE", tells[1])
    assert f"m=audio {20000 + int(asks[0].number)} ".encode() in told.body and b"a=sendrecv" in told.body
    tells[0].says(told, 200, tells[0].media())
    tells[0].acknowledged(told)
    ack = asks[0].acknowledged(got)
    assert f"m=audio {20000 + int(tells[0].number)} ".encode() in ack.body


def consulting(alice: Desk, bob: Desk, carol: Desk, board: Switchboard) -> tuple[str, str]:
    """Alice has Bob on hold and talks to Carol: both calls."""
    call, *_ = talking(alice, bob, board)
    answer = board.does("ConsultationCall", existing_call=[call, alice.number], consulted_device=carol.number)
    second = answer["initiated_call"]["call_id"]
    held = bob.takes("INVITE", 2)
    assert b"a=sendonly" in held.body
    bob.says(held, 200, bob.media("recvonly"))
    waits = alice.takes("INVITE")
    assert b"a=inactive" in waits.body
    alice.says(waits, 200, alice.media("inactive"))
    got = carol.takes("INVITE")
    assert f"m=audio {20000 + int(alice.number)} ".encode() in got.body and b"a=sendrecv" in got.body
    carol.says(got, 180)
    carol.says(got, 200, carol.media())
    told = alice.takes("INVITE", 2)
    assert f"m=audio {20000 + int(carol.number)} ".encode() in told.body
    alice.says(told, 200, alice.media())
    alice.acknowledged(told)
    assert board.states() == {
        call: {alice.number: "hold", bob.number: "connected"},
        second: {alice.number: "connected", carol.number: "connected"},
    }
    return call, second
