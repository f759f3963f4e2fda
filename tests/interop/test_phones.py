"""baresip phones under control of a CSTA program: what the program asks for, the phones show, and hear (section 10)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cti.csta import messages as m
from cti.csta.messages import AutoOriginate, ConnectionID, ForwardingType
from tests.interop.deskphone import TONES, DeskPhone
from tests.phone import DOMAIN, PASSWORD
from tests.program import Program
from tests.services import free_port
from tests.system import Deployment, deployed
from tests.telephony import add_desk
from tests.waiting import wait_until

pytestmark = pytest.mark.system

NUMBERS = ("2001", "2002", "2003")
"Of u1, u2 and u3."


class Office:
    """Three phones, and a program that monitors all of them."""

    def __init__(self, site: Deployment, phones: list[DeskPhone], program: Program) -> None:
        self.site = site
        self.phones = phones
        self._program = program
        self._references: dict[str, str] = {}
        for number in NUMBERS:
            answer = program.ask(m.MonitorStart(m.DeviceObject(number)))
            assert isinstance(answer, m.MonitorStartResponse)
            self._references[answer.monitor_cross_ref_id] = number

    def does(self, request: m.Request) -> Any:
        """The answer to a service that is not refused."""
        answer = self._program.ask(request)
        assert not isinstance(answer, m.CSTAErrorCode), (request, answer)
        return answer

    def hears_of(self, kind: type[m.Event], number: str) -> Any:
        """The next event of this kind at this line; others before it are passed over."""
        while True:
            event: Any = self._program.event(m.Event)
            if isinstance(event, kind) and self._references[event.monitor_cross_ref_id] == number:
                return event

    def call(self, caller: str, called: str) -> str:
        """MakeCall and AnswerCall: the id of the call."""
        made = self.does(m.MakeCall(caller, called, AutoOriginate.DO_NOT_PROMPT))
        id: str = made.calling_device.call_id
        self.hears_of(m.DeliveredEvent, called)
        self.does(m.AnswerCall(ConnectionID(id, called)))
        self.hears_of(m.EstablishedEvent, called)
        return id

    def ends(self) -> None:
        """Every phone is hung up."""
        for phone in self.phones:
            phone.command("hangup")
            phone.idle()


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Deployment, list[int]]]:
    controls = [free_port() for _ in NUMBERS]
    with deployed() as found:
        found.apply(
            "lines:\n"
            + "".join(
                f'  - {{uri: "{number}", owner: "u{index}@{DOMAIN}", switch: sip, control_link: "127.0.0.1:{link}"}}\n'
                for index, (number, link) in enumerate(zip(NUMBERS, controls, strict=True), 1)
            )
        )
        add_desk(found)
        found.start_edge()
        yield found, controls
        assert "Traceback" not in found.logs(), found.logs()[-4000:]


@pytest.fixture(scope="module")
def phones(site: tuple[Deployment, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[DeskPhone]]:
    found, controls = site
    folder: Path = tmp_path_factory.mktemp("phones")
    made = [
        DeskPhone(folder / number, f"u{index}@{DOMAIN}", PASSWORD, found.proxy, transport, tone, control)
        for index, (number, transport, tone, control) in enumerate(
            zip(NUMBERS, ("udp", "tcp", "udp"), TONES, controls, strict=True), 1
        )
    ]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def office(site: tuple[Deployment, list[int]], phones: list[DeskPhone]) -> Iterator[Office]:
    with Program(("127.0.0.1", site[0].csta)) as program:
        program.log_in("desk", "secret")
        made = Office(site[0], phones, program)
        yield made
        made.ends()


def test_make_answer_and_clear(office: Office) -> None:
    """R-CTI-03: both phones are in the call and hear each other; clearing it hangs both up."""
    one, two, _ = office.phones
    call = office.call("2001", "2002")
    one.shows("ESTABLISHED"), two.shows("ESTABLISHED")
    one.recognises(two), two.recognises(one)
    office.does(m.ClearConnection(ConnectionID(call, "2001")))
    one.idle(), two.idle()


def test_hold_and_retrieve(office: Office) -> None:
    """R-CTI-03: nobody hears anything while the call is held, and both do afterwards."""
    one, two, _ = office.phones
    call = office.call("2001", "2002")
    one.hears_somebody()
    office.does(m.HoldCall(ConnectionID(call, "2001")))
    one.hears_nobody(), two.hears_nobody()
    office.does(m.RetrieveCall(ConnectionID(call, "2001")))
    one.hears_somebody(), two.hears_somebody()


def test_the_phones_own_buttons(office: Office) -> None:
    """R-CTI-02: dialling, answering, holding and hanging up at the phone make the same events."""
    one, two, _ = office.phones
    one.command("dial", f"sip:u2@{DOMAIN}")
    office.hears_of(m.DeliveredEvent, "2002")
    two.command("accept")
    office.hears_of(m.EstablishedEvent, "2001")
    one.command("hold")
    office.hears_of(m.HeldEvent, "2002")
    two.hears_nobody()
    one.command("resume")
    office.hears_of(m.RetrievedEvent, "2002")
    two.hears_somebody()
    two.command("hangup")
    office.hears_of(m.ConnectionClearedEvent, "2001")
    one.idle()


def consulting(office: Office) -> tuple[str, str]:
    """2001 has 2002 on hold and talks to 2003."""
    one, two, three = office.phones
    first = office.call("2001", "2002")
    answer = office.does(m.ConsultationCall(ConnectionID(first, "2001"), "2003"))
    second: str = answer.initiated_call.call_id
    office.hears_of(m.DeliveredEvent, "2003")
    office.does(m.AnswerCall(ConnectionID(second, "2003")))
    office.hears_of(m.EstablishedEvent, "2003")
    one.hears_somebody(), three.hears_somebody(), two.hears_nobody()
    return first, second


def test_consultation_alternate_and_reconnect(office: Office) -> None:
    """R-CTI-03: the phone in the middle hears one of two, and then the first one alone."""
    one, two, three = office.phones
    first, second = consulting(office)
    office.does(m.AlternateCall(ConnectionID(first, "2001"), ConnectionID(second, "2001")))
    one.hears_somebody(), two.hears_somebody(), three.hears_nobody()
    office.does(m.AlternateCall(ConnectionID(second, "2001"), ConnectionID(first, "2001")))
    one.hears_somebody(), two.hears_nobody()
    office.does(m.ReconnectCall(ConnectionID(second, "2001"), ConnectionID(first, "2001")))
    three.idle()
    one.hears_somebody(), two.hears_somebody()


def test_transfer(office: Office) -> None:
    """R-CTI-03: those who stay hear each other, the phone that has transferred is free."""
    one, two, three = office.phones
    first, second = consulting(office)
    office.does(m.TransferCall(ConnectionID(first, "2001"), ConnectionID(second, "2001")))
    one.idle()
    two.hears_somebody(), three.hears_somebody()
    three.command("hangup")
    two.idle()


def test_single_step_transfer(office: Office) -> None:
    """R-CTI-03: the phone that stays hears the new one as soon as that answers."""
    one, two, three = office.phones
    first = office.call("2001", "2002")
    answer = office.does(m.SingleStepTransferCall(ConnectionID(first, "2001"), "2003"))
    one.idle()
    office.hears_of(m.DeliveredEvent, "2003")
    office.does(m.AnswerCall(answer.transferred_call))
    two.hears_somebody(), three.hears_somebody()


def test_conference(office: Office) -> None:
    """R-CTI-03: each of three phones hears the two others; when one has left, two are left."""
    one, two, three = office.phones
    first, second = consulting(office)
    office.does(m.ConferenceCall(ConnectionID(first, "2001"), ConnectionID(second, "2001")))
    office.hears_of(m.ConferencedEvent, "2003")
    one.hears_somebody(), two.hears_somebody(), three.hears_somebody()
    one.command("hangup")
    two.hears_somebody(), three.hears_somebody()


def test_deflect(office: Office) -> None:
    """R-CTI-03: the call rings elsewhere; the first phone does not ring any more."""
    one, two, three = office.phones
    call = office.does(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT)).calling_device.call_id
    office.hears_of(m.DeliveredEvent, "2002")
    two.shows("INCOMING")
    office.does(m.DeflectCall(ConnectionID(call, "2002"), "2003"))
    office.hears_of(m.DeliveredEvent, "2003")
    two.idle()
    office.does(m.AnswerCall(ConnectionID(call, "2003")))
    one.hears_somebody(), three.hears_somebody()


@pytest.mark.parametrize("kind", [ForwardingType.IMMEDIATE, ForwardingType.BUSY, ForwardingType.NO_ANSWER])
def test_forwarding(office: Office, kind: ForwardingType) -> None:
    """R-CTI-03: at once, when the phone says that it is busy, and after a ring."""
    one, two, three = office.phones
    office.does(m.SetForwarding("2002", True, kind, "2003", 1))
    office.hears_of(m.ForwardingEvent, "2002")
    one.command("dial", f"sip:u2@{DOMAIN}")
    if kind is ForwardingType.BUSY:
        office.hears_of(m.DeliveredEvent, "2002")
        two.command("hangup")  # 486
    office.hears_of(m.DeliveredEvent, "2003")
    three.command("accept")
    one.hears_somebody(), three.hears_somebody()
    two.idle()
    office.does(m.SetForwarding("2002", False, kind))


def test_do_not_disturb(office: Office) -> None:
    """R-CTI-03: the phone does not ring, the caller hears that it is not to be disturbed."""
    one, two, _ = office.phones
    office.does(m.SetDoNotDisturb("2002", True))
    one.command("dial", f"sip:u2@{DOMAIN}")
    assert office.hears_of(m.FailedEvent, "2001").cause is m.Cause.DO_NOT_DISTURB
    one.idle()
    assert "INCOMING" not in two.calls()
    assert office.does(m.GetDoNotDisturb("2002")).do_not_disturb_on
    office.does(m.SetDoNotDisturb("2002", False))


def test_the_phones_transfer_button(office: Office) -> None:
    """RFC 3515: REFER of a real phone brings its call to the third one; the phone itself is out."""
    one, two, three = office.phones
    office.call("2001", "2002")
    one.command("transfer", f"sip:u3@{DOMAIN}")
    three.shows("INCOMING")
    one.idle()
    three.command("accept")
    two.shows("ESTABLISHED"), three.shows("ESTABLISHED")
    two.hears_somebody(), three.hears_somebody()


def test_digits(office: Office) -> None:
    """R-CTI-03: what the program dials arrives at the other phone, digit by digit."""
    _, two, _ = office.phones
    call = office.call("2001", "2002")
    office.does(m.GenerateDigits(ConnectionID(call, "2001"), "5#"))
    wait_until(lambda: "received DTMF: '#'" in two.log() and "received DTMF: '5'" in two.log(), "digits in its log")


def test_a_watcher_sees_the_call(office: Office) -> None:
    """R-PUB-22, R-PUB-23: Busy and on the phone during a real call, and back."""
    with office.site.peer("u5") as peer:
        watch = peer.subscribe(f"sip:u1@{DOMAIN}")
        call = office.call("2001", "2002")
        assert b"<rpid:busy/>" in watch.sees("on-the-phone").body
        office.does(m.ClearConnection(ConnectionID(call, "2001")))
        watch.loses("on-the-phone")
