"""Programs at a running edge: CSTA over TCP and TLS (R-ARC-08, R-CTI-01, R-STD-11, D-36)."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cti.csta import messages as m
from cti.csta.codec import ED3
from cti.csta.messages import AutoOriginate, ConnectionID
from tests.phone import DOMAIN, PASSWORD
from tests.program import Program
from tests.system import ROOT, Deployment, deployed
from tests.telephony import add_desk
from tests.waiting import wait_until

pytestmark = pytest.mark.system

LINES = f"""
lines:
  - {{uri: "tel:2001", owner: "u1@{DOMAIN}"}}
  - {{uri: "tel:2002", owner: "u2@{DOMAIN}"}}
  - {{uri: "tel:2003", owner: "u2@{DOMAIN}"}}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed(tls=True) as found:
        found.apply(LINES)
        add_desk(found)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def program(site: Deployment) -> Program:
    return Program(("127.0.0.1", site.csta))


def test_two_people_and_an_application_follow_a_call(site: Deployment) -> None:
    """The whole way: log in, features, monitor, call, answer, transfer, clear, stop, log out."""
    with program(site) as one, program(site) as two, program(site) as all_lines:
        answer = one.log_in(f"u1@{DOMAIN}", PASSWORD)
        assert isinstance(answer, m.StartApplicationSessionPosResponse) and answer.actual_session_duration == 1810
        two.log_in(f"u2@{DOMAIN}", PASSWORD)
        all_lines.log_in("desk", "secret")
        assert one.ask(m.RequestSystemStatus()) == m.RequestSystemStatusResponse(m.Status.NORMAL)
        features = one.ask(m.GetCSTAFeatures())
        assert isinstance(features, m.GetCSTAFeaturesResponse) and len(features.supported_services) == 21
        line = "tel:2001;phone-context=dialstring"
        monitored = one.ask(m.MonitorStart(m.DeviceObject(line)))
        assert isinstance(monitored, m.MonitorStartResponse)
        two.ask(m.MonitorStart(m.DeviceObject("tel:2002")))
        all_lines.ask(m.MonitorStart(m.DeviceObject("2003")))

        made = one.ask(m.MakeCall(line, "2002", AutoOriginate.DO_NOT_PROMPT))
        assert isinstance(made, m.MakeCallResponse) and made.calling_device.device_id == line
        call = made.calling_device.call_id
        assert one.event(m.OriginatedEvent).calling_device == line
        assert one.event(m.DeliveredEvent).monitor_cross_ref_id == monitored.monitor_cross_ref_id
        rings = two.event(m.DeliveredEvent)
        assert rings.connection == ConnectionID(call, "tel:2002") and rings.calling_device == "2001"
        two.ask(m.AnswerCall(rings.connection))
        assert one.event(m.EstablishedEvent).local_connection_info is m.ConnectionState.CONNECTED
        two.event(m.EstablishedEvent)
        two.ask(m.SingleStepTransferCall(ConnectionID(call, "2002"), "2003"))
        assert two.event(m.TransferedEvent).local_connection_info is m.ConnectionState.NULL
        one.event(m.TransferedEvent)
        joined = one.event(m.DeliveredEvent).connection.call_id
        assert all_lines.event(m.DeliveredEvent).connection == ConnectionID(joined, "2003")
        all_lines.ask(m.ClearConnection(ConnectionID(joined, "2003")))
        all_lines.event(m.ConnectionClearedEvent)
        one.event(m.ConnectionClearedEvent)
        assert one.event(m.ConnectionClearedEvent).local_connection_info is m.ConnectionState.NULL
        assert one.ask(m.MonitorStop(monitored.monitor_cross_ref_id)) == m.MonitorStopResponse()
        assert one.ask(m.StopApplicationSession(one.session)) == m.StopApplicationSessionPosResponse()
        with pytest.raises(EOFError):
            one.next()


def test_a_line_of_somebody_else_cannot_be_watched(site: Deployment) -> None:
    with program(site) as one:
        one.log_in(f"u1@{DOMAIN}", PASSWORD)
        answer = one.ask(m.MonitorStart(m.DeviceObject("2002")))
        assert answer == m.CSTAErrorCode("operation", "invalidMonitorObjectType")


def test_before_the_log_in_nothing_is_answered_but_errors(site: Deployment) -> None:
    with program(site) as one:
        assert one.ask(m.GetCSTAFeatures()) == m.CSTAErrorCode("operation", "serviceNotSupported")
        assert one.ask_document(b"<hello/>") == m.CSTAErrorCode("operation", "serviceNotSupported")
        assert one.ask_document(b"<") == m.CSTAErrorCode("operation", "invalidParameterValue")


def test_wrong_passwords_end_the_connection(site: Deployment) -> None:
    with program(site) as one:
        for name in ("desk", f"u1@{DOMAIN}", "nobody"):
            answer = one.log_in(name, "wrong")
            assert answer == m.StartApplicationSessionNegResponse("invalidApplicationInfo")
        with pytest.raises(EOFError):
            one.next()


@pytest.mark.parametrize("stream", [b"INVITE sip:a@b SIP/2.0\r\n\r\n", b"\x00\x00\x00\x02", b"\x00\x00\x00\x20abcd"])
def test_what_is_no_frame_closes_the_connection(site: Deployment, stream: bytes) -> None:
    with program(site) as one:
        one.socket.sendall(stream)
        with pytest.raises(EOFError):
            one.next()


def test_a_frame_may_come_in_pieces(site: Deployment) -> None:
    with program(site) as one:
        document = f'<GetCSTAFeatures xmlns="{ED3}"/>'.encode()
        frame = b"\x00\x00" + (8 + len(document)).to_bytes(2, "big") + b"0000" + document
        one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame[:12]:
            one.socket.sendall(bytes([byte]))
        one.socket.sendall(frame[12:])
        assert one.next() == (0, m.CSTAErrorCode("operation", "serviceNotSupported"))


def test_a_lost_program_leaves_its_call(site: Deployment) -> None:
    """D-36: monitors go, calls stay."""
    with program(site) as other:
        other.log_in("desk", "secret")
        other.ask(m.MonitorStart(m.DeviceObject("2002")))
        with program(site) as one:
            one.log_in(f"u1@{DOMAIN}", PASSWORD)
            one.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
        rings = other.event(m.DeliveredEvent)
        other.ask(m.AnswerCall(rings.connection))
        assert other.event(m.EstablishedEvent).calling_device == "2001"
        other.ask(m.ClearConnection(rings.connection))


def test_what_an_administrator_changes_counts_at_once(site: Deployment) -> None:
    """A line that changes hands is no longer monitored by who had it."""
    site.apply(f'lines: [{{uri: "2009", owner: "u9@{DOMAIN}"}}]')
    with program(site) as nine, program(site) as eight:
        nine.log_in(f"u9@{DOMAIN}", PASSWORD)
        eight.log_in(f"u8@{DOMAIN}", PASSWORD)
        wait_until(lambda: watches(nine, "2009"), "the new line", 10)
        site.apply(f'lines: [{{uri: "2009", owner: "u8@{DOMAIN}"}}]')
        assert nine.event(m.MonitorStop).monitor_cross_ref_id
        assert watches(eight, "2009")


def watches(program: Program, device: str) -> bool:
    return isinstance(program.ask(m.MonitorStart(m.DeviceObject(device))), m.MonitorStartResponse)


def test_over_tls(site: Deployment) -> None:
    with Program(("127.0.0.1", site.csta_tls), site.trust(), DOMAIN) as one:
        one.namespace = ED3.replace("ed3", "ed4")
        assert isinstance(one.log_in("desk", "secret", 60), m.StartApplicationSessionPosResponse)
        prolonged = one.ask(m.ResetApplicationSessionTimer(one.session, 90))
        assert prolonged == m.ResetApplicationSessionTimerPosResponse(90)


def test_the_client_of_the_documentation(site: Deployment) -> None:
    """docs/examples/csta_client.py as docs/cti.md starts it."""
    words = [sys.executable, "docs/examples/csta_client.py", f"127.0.0.1:{site.csta}", f"u1@{DOMAIN}", PASSWORD]
    with program(site) as two:
        two.log_in(f"u2@{DOMAIN}", PASSWORD)
        two.ask(m.MonitorStart(m.DeviceObject("2002")))
        client = subprocess.Popen([*words, "tel:2001", "2002"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        rings = two.event(m.DeliveredEvent)
        two.ask(m.AnswerCall(rings.connection))
        two.ask(m.ClearConnection(rings.connection))
        output, _ = client.communicate(timeout=20)
    assert client.returncode == 0
    assert output.splitlines() == [
        "0001 StartApplicationSessionPosResponse", "0002 MonitorStartResponse", "0003 MakeCallResponse",
        "9999 OriginatedEvent", "9999 DeliveredEvent", "9999 EstablishedEvent", "9999 ConnectionClearedEvent",
    ]  # fmt: skip


def test_a_call_on_the_simulated_switch_is_presence(site: Deployment) -> None:
    """R-PUB-22, R-PUB-23, D-23: on the phone, then Do Not Disturb, as on real phones; gone with the line's owner."""
    with program(site) as desk, site.phone("u9") as watcher:
        desk.log_in("desk", "secret")
        watch = watcher.subscribe(f"sip:u1@{DOMAIN}")
        made = desk.ask(m.MakeCall("2001", "2003", AutoOriginate.DO_NOT_PROMPT))
        assert isinstance(made, m.MakeCallResponse)
        watch.sees("on-the-phone")
        desk.ask(m.ClearConnection(made.calling_device))
        watch.loses("on-the-phone")
        desk.ask(m.SetDoNotDisturb("2001", True))
        watch.sees('id="p3"')
        site.apply(LINES.replace(f'owner: "u1@{DOMAIN}"', f'owner: "u3@{DOMAIN}"'))
        watch.loses('id="p3"')
        other = watcher.subscribe(f"sip:u3@{DOMAIN}")
        other.sees('id="p3"')
        site.apply(LINES)
        watch.sees('id="p3"')
        desk.ask(m.SetDoNotDisturb("2001", False))
        watch.loses('id="p3"')


def test_do_not_disturb_is_presence_where_an_operator_wants_it(site: Deployment) -> None:
    """D-36: the setting counts for what is set already, at once and both ways."""
    setting = (
        "from cti.models import CtiSettings; from provisioning.announce import announce;"
        "CtiSettings(dnd_is_presence={}).save(); announce(CtiSettings)"
    )
    with program(site) as desk, site.phone("u9") as watcher:
        desk.log_in("desk", "secret")
        desk.ask(m.SetDoNotDisturb("2003", True))
        watch = watcher.subscribe(f"sip:u2@{DOMAIN}")
        watch.sees('id="p3"')
        site.manage("shell", "-v0", "-c", setting.format(False))
        watch.loses('id="p3"')
        site.manage("shell", "-v0", "-c", setting.format(True))
        watch.sees('id="p3"')
        desk.ask(m.SetDoNotDisturb("2003", False))
        watch.loses('id="p3"')
