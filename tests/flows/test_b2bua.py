"""Calls through the SIP switching function, with phones whose every answer is the test's (section 10, RFC 3725)."""

from collections.abc import Callable, Iterator

import pytest

from sipedge.sip.message import Request, Response
from tests.caller import Caller
from tests.phone import DOMAIN
from tests.services import free_port
from tests.switchboard import Switchboard
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system
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


@pytest.fixture(scope="module")
def office() -> Iterator[Deployment]:
    with deployed() as deployment:
        deployment.environment["CUPS_TEST_LOOK"] = "0.5"
        yield deployment
        assert "Traceback" not in deployment.logs(), deployment.logs()[-4000:]


@pytest.fixture(scope="module")
def board(office: Deployment) -> Iterator[Switchboard]:
    lines = (f'  - {{uri: "{number}", owner: "u{number}@{DOMAIN}", switch: sip}}\n' for number in range(100, 200))
    office.apply("lines:\n" + "".join(lines))
    made = Switchboard(office, free_port())
    yield made
    made.close()


@pytest.fixture
def desk(office: Deployment, board: Switchboard) -> Iterator[Make]:
    made: list[Desk] = []

    def make(user: str, transport: str = "TCP") -> Desk:
        made.append(Desk(user, ("127.0.0.1", office.proxy_ws if transport == "WS" else office.proxy), transport))
        return made[-1]

    yield make
    board.does("end")
    board.forget()
    for one in made:
        one.hang_up()


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


def talking(alice: Desk, bob: Desk, board: Switchboard) -> tuple[str, Request, Response, Request]:
    """Alice has called Bob: the call's id, her INVITE with its answer, and the INVITE that he got."""
    invite = alice.dials(bob.aor)
    got = bob.picks_up()
    answer = alice.hears(200)
    alice.acknowledge(invite, answer)
    call = board.sees(alice.number, "EstablishedEvent")["established_connection"]["call_id"]
    return call, invite, answer, got


def test_make_call(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: the caller's phone rings first, then the other one with its offer; then both know each other."""
    alice, bob = desk("u110"), desk("u111")
    made = board.does("MakeCall", calling_device="110", called_directory_number="111", auto_originate="doNotPrompt")
    ring = alice.takes("INVITE")
    assert not ring.body and ring.from_.uri_text == bob.aor and ring.get("Answer-Mode") == "Auto"
    assert board.states()[made["calling_device"]["call_id"]] == {"110": "initiated"}
    alice.says(ring, 180)
    alice.says(ring, 200, alice.media())
    ack = alice.acknowledged(ring)
    assert b"a=inactive" in ack.body and b"0.0.0.0" in ack.body
    got = bob.takes("INVITE")
    assert b"m=audio 20110 " in got.body and got.from_.uri_text == alice.aor
    assert board.at("110") == ["OriginatedEvent"]
    bob.says(got, 180)
    board.sees("110", "DeliveredEvent")
    bob.says(got, 200, bob.media())
    bob.acknowledged(got)
    told = alice.takes("INVITE", 2)
    assert b"m=audio 20111 " in told.body and b"a=sendrecv" in told.body
    alice.says(told, 200, alice.media())
    alice.acknowledged(told)
    board.sees("110", "EstablishedEvent")
    board.does("ClearConnection", connection_to_be_cleared=[made["calling_device"]["call_id"], "110"])
    alice.answer(alice.takes("BYE"), 200)
    bob.answer(bob.takes("BYE"), 200)
    board.sees("110", "ConnectionClearedEvent")
    board.sees("111", "ConnectionClearedEvent", 2)


def test_make_call_that_nobody_takes(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: a caller who does not lift the handset hears of it, as does one whose callee is busy."""
    alice, bob = desk("u112"), desk("u113")
    board.does("MakeCall", calling_device="112", called_directory_number="113")
    alice.says(alice.takes("INVITE"), 486)
    board.sees("112", "ServiceCompletionFailureEvent")
    board.forget()
    board.does("MakeCall", calling_device="112", called_directory_number="113")
    alice.picks_up(2)
    bob.says(bob.takes("INVITE"), 486)
    assert board.sees("112", "FailedEvent")["cause"] == "busy"
    alice.answer(alice.takes("BYE"), 200)
    assert not board.states()


def test_hold_and_retrieve(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: both phones are told, the one that is held by sendonly; then they get each other's media anew."""
    alice, bob = desk("u114"), desk("u115")
    call, *_ = talking(alice, bob, board)
    board.does("HoldCall", call_to_be_held=[call, "114"])
    mine, theirs = alice.takes("INVITE"), bob.takes("INVITE", 2)
    assert b"a=inactive" in mine.body and b"a=sendonly" in theirs.body and b"m=audio 20114 " in theirs.body
    alice.says(mine, 200, alice.media("inactive"))
    bob.says(theirs, 200, bob.media("recvonly"))
    assert board.states()[call] == {"114": "hold", "115": "connected"}
    assert board.ask("HoldCall", call_to_be_held=[call, "114"]) == {"error": "invalidConnectionState"}
    bob.acknowledged(theirs), alice.acknowledged(mine)
    board.does("RetrieveCall", call_to_be_retrieved=[call, "114"])
    rejoins(alice, 2, bob, 3)
    assert board.at("115")[-2:] == ["HeldEvent", "RetrievedEvent"]


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


def test_a_phone_holds_by_its_own_button(desk: Make, board: Switchboard) -> None:
    """R-CTI-02: its re-INVITE reaches the other phone, and the events say what its user did."""
    alice, bob = desk("u116"), desk("u117", "UDP")
    call, invite, answer, _ = talking(alice, bob, board)
    alice.leaves("INVITE", invite, answer, alice.media("sendonly"), Content_Type="application/sdp")
    told = bob.takes("INVITE", 2)
    assert b"a=sendonly" in told.body and b"m=audio 20116 " in told.body
    bob.says(told, 200, bob.media("recvonly"))
    wait_until(lambda: any(b"recvonly" in one.body for one in alice.responses), "the answer to the hold")
    board.sees("117", "HeldEvent")
    assert board.states()[call] == {"116": "hold", "117": "connected"}
    alice.leaves("INVITE", invite, answer, alice.media(), Content_Type="application/sdp")
    told = bob.takes("INVITE", 3)
    assert b"a=sendrecv" in told.body
    bob.says(told, 200, bob.media())
    board.sees("117", "RetrievedEvent")
    assert board.states()[call] == {"116": "connected", "117": "connected"}


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


def test_consultation_and_alternate(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: one phone, two calls; who is not heard is held."""
    alice, bob, carol = desk("u120"), desk("u121"), desk("u122")
    first, second = consulting(alice, bob, carol, board)
    board.does("AlternateCall", held_call=[first, "120"], active_call=[second, "120"])
    held = carol.takes("INVITE", 2)
    assert b"a=sendonly" in held.body
    carol.says(held, 200, carol.media("recvonly"))
    rejoins(alice, 3, bob, 3)
    assert board.at("120")[-2:] == ["HeldEvent", "RetrievedEvent"]
    assert board.states()[second] == {"120": "hold", "122": "connected"}


def test_reconnect(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: the consulted phone is hung up, the held one is back."""
    alice, bob, carol = desk("u123"), desk("u124"), desk("u125")
    first, second = consulting(alice, bob, carol, board)
    board.does("ReconnectCall", held_call=[first, "123"], active_call=[second, "123"])
    carol.answer(carol.takes("BYE"), 200)
    rejoins(alice, 3, bob, 3)
    assert board.states() == {first: {"123": "connected", "124": "connected"}}


def test_transfer(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: those who stay are joined by re-INVITE, who transfers gets BYE; no REFER is needed."""
    alice, bob, carol = desk("u126"), desk("u127"), desk("u128")
    first, second = consulting(alice, bob, carol, board)
    answer = board.does("TransferCall", held_call=[first, "126"], active_call=[second, "126"])
    alice.answer(alice.takes("BYE"), 200)
    rejoins(bob, 3, carol, 2)
    assert board.states() == {answer["transferred_call"]["call_id"]: {"127": "connected", "128": "connected"}}
    assert board.at("126")[-1] == board.at("127")[-1] == board.at("128")[-1] == "TransferedEvent"
    carol.send(carol.back(carol.takes("INVITE"), "BYE").encode())
    bob.answer(bob.takes("BYE"), 200)


def test_transfer_while_it_rings(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: who has been transferred hears the new phone when it answers."""
    alice, bob, carol = desk("u130"), desk("u131"), desk("u132")
    first, *_ = talking(alice, bob, board)
    answer = board.does("ConsultationCall", existing_call=[first, "130"], consulted_device="132")
    bob.says(bob.takes("INVITE", 2), 200, bob.media("recvonly"))
    alice.says(alice.takes("INVITE"), 200, alice.media("inactive"))
    got = carol.takes("INVITE")
    carol.says(got, 180)
    board.sees("130", "DeliveredEvent", 2)
    second = answer["initiated_call"]["call_id"]
    board.does("TransferCall", held_call=[first, "130"], active_call=[second, "130"])
    alice.answer(alice.takes("BYE"), 200)
    waits = bob.takes("INVITE", 3)
    bob.says(waits, 200, bob.media("inactive"))
    assert board.at("132")[-1] == "TransferedEvent"
    carol.says(got, 200, carol.media())
    rejoins(bob, 4, carol, 2)
    assert list(board.states().values()) == [{"131": "connected", "132": "connected"}]


def test_single_step_transfer(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: who stays waits for the new phone; its answer joins them."""
    alice, bob, carol = desk("u133"), desk("u134"), desk("u135")
    first, *_ = talking(alice, bob, board)
    board.does("SingleStepTransferCall", active_call=[first, "133"], transferred_to="135")
    alice.answer(alice.takes("BYE"), 200)
    got = carol.takes("INVITE")
    assert b"m=audio 20134 " in got.body and got.from_.uri_text == bob.aor
    waits = bob.takes("INVITE", 2)
    assert b"a=inactive" in waits.body
    bob.says(waits, 200, bob.media("inactive"))
    carol.says(got, 180)
    carol.says(got, 200, carol.media())
    told = bob.takes("INVITE", 3)
    assert b"m=audio 20135 " in told.body
    bob.says(told, 200, bob.media())
    bob.acknowledged(told)
    assert board.at("134")[-3:] == ["TransferedEvent", "DeliveredEvent", "EstablishedEvent"]


def test_conference(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: all three get ports of the mixer; when one leaves, the others hear each other without it."""
    alice, bob, carol = desk("u136"), desk("u137"), desk("u138")
    first, second = consulting(alice, bob, carol, board)
    board.does("ConferenceCall", held_call=[first, "136"], active_call=[second, "136"])
    ports = set()
    for phone, number in ((alice, 3), (bob, 3), (carol, 2)):
        got = phone.takes("INVITE", number)
        assert b"RTP/AVP 0 8 101" in got.body and b"a=sendrecv" in got.body
        ports.add(next(line for line in got.body.splitlines() if line.startswith(b"m=audio")))
        phone.says(got, 200, phone.media())
        phone.acknowledged(got)
    assert len(ports) == 3
    assert board.at("138")[-1] == "ConferencedEvent"
    assert board.ask("counts")["heard"] == [0, 0, 0]
    alice.send(alice.build("OPTIONS", "sip:compb.cisco.com").encode())
    board.does("ClearConnection", connection_to_be_cleared=[next(iter(board.states())), "136"])
    alice.answer(alice.takes("BYE"), 200)
    rejoins(bob, 4, carol, 3)
    assert board.ask("counts")["heard"] == []


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


def test_digits(desk: Make, board: Switchboard) -> None:
    """R-CTI-03: GenerateDigits and the phone's own keys reach the other phone as INFO."""
    alice, bob = desk("u154"), desk("u155")
    call, invite, answer, _ = talking(alice, bob, board)
    board.does("GenerateDigits", connection_to_send_digits=[call, "154"], characters_to_send="4#")
    for number, digit in ((1, b"4"), (2, b"#")):
        info = bob.takes("INFO", number)
        assert info.get("Content-Type") == "application/dtmf-relay" and b"Signal=" + digit in info.body
        bob.answer(info, 200)
    alice.leaves("INFO", invite, answer, b"Signal=7\r\nDuration=100\r\n", Content_Type="application/dtmf-relay")
    info = bob.takes("INFO", 3)
    assert b"Signal=7" in info.body
    bob.answer(info, 200)
    alice.hears(200, "INFO")


def test_answer_by_notify(desk: Make, board: Switchboard) -> None:
    """R-CTI-03, R-CTI-06: a phone that says so is told to answer by NOTIFY; of another one that is refused."""
    alice, bob = desk("u156"), desk("u157")
    invite = alice.dials(bob.aor)
    got = bob.takes("INVITE")
    bob.says(got, 180)
    call = board.sees("157", "DeliveredEvent")["connection"]["call_id"]
    assert board.ask("AnswerCall", call_to_be_answered=[call, "157"]) == {"error": "serviceNotSupported"}
    bob.says(got, 180, Allow_Events="talk, hold")
    wait_until(lambda: "error" not in board.ask("AnswerCall", call_to_be_answered=[call, "157"]), "the phone's offer")
    notify = bob.takes("NOTIFY")
    assert notify.get("Event") == "talk" and notify.to.tag == "callee"
    bob.answer(notify, 200)
    bob.says(got, 200, bob.media())
    alice.acknowledge(invite, alice.hears(200))
    assert board.ask("AnswerCall", call_to_be_answered=[call, "157"]) == {"error": "noCallToAnswer"}


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


def test_a_line_in_a_call_is_its_owners_presence(desk: Make, board: Switchboard, office: Deployment) -> None:
    """R-PUB-22, R-PUB-23: on the phone within a second of the answer, and not any more after the call."""
    alice, bob = desk("u180"), desk("u181")
    with office.peer("u400") as peer:
        watch = peer.subscribe(alice.aor)
        call, *_ = talking(alice, bob, board)
        assert b"<rpid:busy/>" in watch.sees("on-the-phone").body
        board.does("ClearConnection", connection_to_be_cleared=[call, "180"])
        alice.takes("BYE")
        wait_until(lambda: b"on-the-phone" not in watch.notifies[-1].body, "the end of the call at the watcher")


def test_do_not_disturb_of_a_line_is_its_owners_presence(desk: Make, board: Switchboard, office: Deployment) -> None:
    """D-23: as if its owner had said so by hand, while the setting says so."""
    alice = desk("u182")
    with office.peer("u401") as peer:
        watch = peer.subscribe(alice.aor)
        board.does("SetDoNotDisturb", device="182", do_not_disturb_on=True)
        watch.sees('id="p3"')
        board.does("SetDoNotDisturb", device="182", do_not_disturb_on=False)
        wait_until(lambda: b'id="p3"' not in watch.notifies[-1].body, "the end of Do Not Disturb at the watcher")
