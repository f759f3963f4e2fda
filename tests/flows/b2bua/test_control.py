"""Services of the SIP switching function, and what each asks of the phones (section 10, RFC 3725)."""

import pytest

from tests.deskset import Make, consulting, rejoins, talking
from tests.switchboard import Switchboard
from tests.waiting import wait_until

pytestmark = pytest.mark.system


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
