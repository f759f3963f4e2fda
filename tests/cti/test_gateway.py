"""Associations, monitors and the order of answers and events (R-CTI-01, R-CTI-04, R-ARC-08, D-36)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti import gateway
from cti.associations import Identity, TooManyAssociations
from cti.csta import messages as m
from cti.csta.codec import ED3, decode, encode
from cti.csta.errors import Fault
from cti.csta.features import Device
from cti.csta.messages import AutoOriginate, ConnectionID, CSTAErrorCode
from cti.csta.services import SERVICES
from cti.gateway import FILTER_NAMES, Options
from tests.cti.csta import anything
from tests.cti.desk import LINES, Desk, Site, fault

NOW = AutoOriginate.DO_NOT_PROMPT
LINE = "tel:2001;phone-context=dialstring"


# System services (T-CTI-3)


def test_start_and_stop_monitor(site: Site) -> None:
    """T-CTI-3 numbers 1 and 2."""
    desk = site.desk("2001")
    answer = desk.ask(m.MonitorStart(m.DeviceObject(LINE)))
    assert answer == m.MonitorStartResponse("00000001", None, True)
    site.press("2001", "do not disturb")
    assert desk.told() == [m.DoNotDisturbEvent(LINE, True, monitor_cross_ref_id="00000001")]
    assert desk.ask(m.MonitorStop("00000001")) == m.MonitorStopResponse()
    site.press("2001", "disturb")
    assert desk.told() == []


def test_request_system_status(site: Site) -> None:
    """T-CTI-3 number 3."""
    assert site.desk().ask(m.RequestSystemStatus()) == m.RequestSystemStatusResponse(m.Status.NORMAL)
    site.switch.away = True
    site.wait(8)
    assert site.desk().ask(m.RequestSystemStatus()) == m.RequestSystemStatusResponse(m.Status.DISABLED)


def test_get_csta_features(site: Site) -> None:
    """T-CTI-3 number 4: what is announced are the lists, all of them and nothing else."""
    answer = site.desk().ask(m.GetCSTAFeatures())
    assert isinstance(answer, m.GetCSTAFeaturesResponse)
    assert answer.supported_events == set(FILTER_NAMES.values()) and len(answer.supported_events) == 13
    services = {kind.__name__.lower() for kind in SERVICES} | {
        "monitorstart", "monitorstop", "requestsystemstatus", "getcstafeatures",
    }  # fmt: skip
    named_like_services = {name.lower() for name in answer.supported_services}
    assert named_like_services == services - {"singlesteptransfercall"} | {"singlesteptransfer"}
    assert len(answer.supported_services) == 17 + 4


# Errors of the gateway itself (T-CTI-5)


def test_service_not_supported(site: Site) -> None:
    """T-CTI-5 number 1, D-38."""
    desk = site.desk("2001")
    for body in (
        f'<SnapshotDevice xmlns="{ED3}"><snapshotObject>2001</snapshotObject></SnapshotDevice>'.encode(),
        encode(m.DoNotDisturbEvent("2001", True, monitor_cross_ref_id="1")),
        encode(m.SystemStatus(m.Status.NORMAL)),
        b'<?xml version="1.0"?><hello/>',
    ):
        desk.send(body)
        assert fault(desk.received.pop()[0]) is Fault.SERVICE_NOT_SUPPORTED


def test_invalid_monitor_object_type(site: Site) -> None:
    """T-CTI-5 number 2: a call, a device that is not there, one that is not the user's."""
    desk = site.desk("2001")
    call = m.MonitorStart(m.CallObject(ConnectionID("c1", "2001")))
    for asked in (call, *(m.MonitorStart(m.DeviceObject(device)) for device in ("2999", "2002", "nobody"))):
        assert fault(desk.ask(asked)) is Fault.INVALID_MONITOR_OBJECT_TYPE


def test_invalid_cross_reference_identifier(site: Site) -> None:
    """T-CTI-5 number 3: unknown, gone, somebody else's."""
    desk, other = site.desk("2001"), site.desk("2001", "2002")
    other.watch("2001")
    foreign = other.watch("2002")
    mine = desk.watch("2001")
    desk.ask(m.MonitorStop(mine))
    for reference in (mine, foreign, "x"):
        assert fault(desk.ask(m.MonitorStop(reference))) is Fault.INVALID_CROSS_REFERENCE_IDENTIFIER


def test_a_monitor_of_the_type_call_is_refused(site: Site) -> None:
    asked = m.MonitorStart(m.DeviceObject("2001"), monitor_type=m.MonitorType.CALL)
    assert fault(site.desk("2001").ask(asked)) is Fault.INVALID_PARAMETER_VALUE


ELSEWHERE = ConnectionID("c1", "2002")
MINE = ConnectionID("c1", "2001")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (m.MakeCall("2002", "2001", NOW), Fault.INVALID_CALLING_DEVICE_IDENTIFIER),
        (m.AnswerCall(ELSEWHERE), Fault.NO_CALL_TO_ANSWER),
        (m.ClearConnection(ELSEWHERE), Fault.NO_CONNECTION_TO_CLEAR),
        (m.DeflectCall(ELSEWHERE, "2003"), Fault.INVALID_DIVERTING_DEVICE_IDENTIFIER),
        (m.HoldCall(ELSEWHERE), Fault.INVALID_CONNECTION_IDENTIFIER),
        (m.RetrieveCall(ELSEWHERE), Fault.INVALID_CONNECTION_IDENTIFIER),
        (m.ConsultationCall(ELSEWHERE, "2003"), Fault.INVALID_CONNECTION_IDENTIFIER),
        (m.SingleStepTransferCall(ELSEWHERE, "2003"), Fault.INVALID_CONNECTION_IDENTIFIER),
        (m.TransferCall(ELSEWHERE, MINE), Fault.INVALID_HELD_DEVICE_IDENTIFIER),
        (m.ConferenceCall(ELSEWHERE, MINE), Fault.INVALID_HELD_DEVICE_IDENTIFIER),
        (m.AlternateCall(ELSEWHERE, MINE), Fault.INVALID_HELD_DEVICE_IDENTIFIER),
        (m.ReconnectCall(MINE, ELSEWHERE), Fault.INVALID_HELD_DEVICE_IDENTIFIER),
        (m.GenerateDigits(ELSEWHERE, "1"), Fault.INVALID_CONNECTION_IDENTIFIER),
        (m.SetForwarding("2002", True, None, "2003"), Fault.INVALID_PARAMETER_VALUE),
        (m.SetDoNotDisturb("2002", True), Fault.INVALID_PARAMETER_VALUE),
        (m.GetForwarding("2002"), Fault.INVALID_PARAMETER_VALUE),
        (m.GetDoNotDisturb("2002"), Fault.INVALID_PARAMETER_VALUE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, m.Request) else "",
)
def test_a_line_of_somebody_else_is_as_if_it_were_not_there(site: Site, asked: m.Request, expected: Fault) -> None:
    """R-CTI-06: who may control what; one row for each service."""
    desk = site.desk("2001")
    desk.ask(m.MakeCall("2001", "2002", NOW))
    assert fault(desk.ask(asked)) is expected
    assert site.switch.model.calls["c1"].parties["2002"] is m.ConnectionState.ALERTING


def test_an_application_user_may_control_every_line(site: Site) -> None:
    desk = site.desk(everything=True)
    assert isinstance(desk.ask(m.MakeCall("2003", "2004", NOW)), m.MakeCallResponse)
    site.switch.ring_in("+14085550100", "2005", now=site.now)
    outside = ConnectionID("c2", "+14085550100")
    assert fault(desk.ask(m.ClearConnection(outside))) is Fault.NO_CONNECTION_TO_CLEAR, "no line of ours"


# Events


def test_the_answer_comes_before_its_events(site: Site) -> None:
    """D-36: clients drop events of calls that they have not learnt of yet."""
    desk, other = site.desk("2001"), site.desk("2002")
    mine = desk.watch("2001")
    theirs = other.watch("2002")
    desk.send(encode(m.MakeCall(LINE, "2002", NOW)))
    assert [type(one).__name__ for one, _ in desk.received] == ["MakeCallResponse", "OriginatedEvent", "DeliveredEvent"]
    answer = desk.received[0][0]
    assert answer == m.MakeCallResponse(ConnectionID("c1", LINE)), "to the letter as the client wrote its line"
    assert {one.monitor_cross_ref_id for one in desk.told() if isinstance(one, m.Event)} == {mine}
    [delivered] = other.told()
    assert isinstance(delivered, m.DeliveredEvent) and delivered.monitor_cross_ref_id == theirs
    assert delivered.connection == ConnectionID("c1", "2002") and delivered.calling_device == "2001"


def test_events_are_kept_in_order_each_one(site: Site) -> None:
    """R-CTI-02: nothing is left out or merged, however fast it goes."""
    desk = site.desk("2001")
    desk.watch("2001")
    for _ in range(50):
        site.switch.press("2001", "do not disturb", now=0)
        site.switch.press("2001", "disturb", now=0)
    site.gateway.carry()
    site.deliver()
    assert [one.do_not_disturb_on for one in desk.told() if isinstance(one, m.DoNotDisturbEvent)] == [True, False] * 50


def test_each_monitor_is_told(site: Site) -> None:
    """Two monitors of one device in one association, and one in another."""
    desk, other = site.desk("2001"), site.desk("2001")
    references = [desk.watch("2001"), desk.watch("2001"), other.watch("2001")]
    assert references == ["00000001", "00000002", "00000001"], "unique in the association"
    site.press("2001", "do not disturb")
    told = [one.monitor_cross_ref_id for one in (*desk.told(), *other.told()) if isinstance(one, m.Event)]
    assert told == references


@pytest.mark.parametrize("name", sorted(FILTER_NAMES.values()))
def test_a_filter_leaves_an_event_out(site: Site, name: str) -> None:
    """T-CTI-3 number 1: true means left out, and all others are told."""
    everything, some = site.desk(everything=True), site.desk(everything=True)
    for device in ("2001", "2002", "2003"):
        everything.watch(device)
        answer = some.ask(m.MonitorStart(m.DeviceObject(device), frozenset({name})))
        assert isinstance(answer, m.MonitorStartResponse) and answer.actual_monitor_filter == {name}
    happen(everything)
    told = everything.told()
    assert {type(one) for one in told} == set(FILTER_NAMES), "all 13 have happened"
    left = [one for one in told if FILTER_NAMES[type(one)] != name]  # type: ignore[index]
    assert [type(one) for one in some.told()] == [type(one) for one in left]


def happen(desk: Desk) -> None:
    """Something of everything."""
    for asked in (
        m.MakeCall("2001", "2002", NOW),
        m.AnswerCall(ConnectionID("c1", "2002")),
        m.ConsultationCall(ConnectionID("c1", "2001"), "2003"),
        m.DeflectCall(ConnectionID("c2", "2003"), "2004"),
        m.ReconnectCall(ConnectionID("c2", "2001"), ConnectionID("c1", "2001")),
        m.SetDoNotDisturb("2003", True),
        m.SetForwarding("2003", True, m.ForwardingType.BUSY, "2001"),
        m.SingleStepTransferCall(ConnectionID("c1", "2001"), "2003"),
        m.SetDoNotDisturb("2003", False),
        m.ConsultationCall(ConnectionID("c1", "2001"), "2003"),
        m.AnswerCall(ConnectionID("c4", "2003")),
        m.ConferenceCall(ConnectionID("c1", "2001"), ConnectionID("c4", "2001")),
        m.SingleStepTransferCall(ConnectionID("c5", "2001"), "2005"),
        m.MakeCall("2001", "2002", NOW),
    ):
        answer = desk.ask(asked)
        assert not isinstance(answer, CSTAErrorCode), (asked, answer)


def test_existing_calls_are_followed_from_now_on(site: Site) -> None:
    desk = site.desk("2001", "2002")
    desk.ask(m.MakeCall("2001", "2002", NOW))
    desk.watch("2001")
    assert desk.told() == []
    desk.ask(m.AnswerCall(ConnectionID("c1", "2002")))
    assert desk.names() == ["Established"]


# Editions


def test_a_client_is_spoken_to_in_its_own_edition(site: Site) -> None:
    """R-STD-11."""
    desk = site.desk("2001")
    desk.namespace = ED3.replace("ed3", "ed5")
    desk.watch("2001")
    site.press("2001", "do not disturb")
    desk.send(encode(m.MonitorStop("x"), desk.namespace))
    assert {document.namespace for document in site.documents} == {desk.namespace}


# What ends


def test_a_lost_connection_takes_its_monitors_and_no_call(site: Site) -> None:
    desk, other = site.desk("2001"), site.desk("2001")
    desk.watch("2001")
    other.watch("2001")
    desk.ask(m.MakeCall("2001", "2002", NOW))
    desk.told()
    other.told()
    site.gateway.close(desk.association)
    site.press("2002", "off hook")
    assert other.names() == ["Established"] and desk.told() == []
    desk.send(encode(m.RequestSystemStatus()))
    assert desk.received == [], "it is not there any more"
    site.gateway.close(desk.association)


def test_a_session_that_is_not_renewed_ends(site: Site) -> None:
    """D-36: 1810 seconds at installation; RequestSystemStatus renews it. Seen with the next heartbeat."""
    desk = site.desk("2001")
    site.wait(1809)
    desk.ask(m.RequestSystemStatus())
    site.wait(1809)
    assert not site.gateway.ended
    assert site.gateway.next_deadline() <= desk.association.expires_at + site.gateway.options.heartbeat
    site.wait(1 + site.gateway.options.heartbeat)
    assert [one.association for one in site.gateway.ended] == [desk.association]
    assert site.gateway.associations() == []


def test_a_change_of_the_system_status_is_told(site: Site) -> None:
    """D-36: seen by the heartbeat, every 8 seconds at installation; requests fail until then as well."""
    desk, stranger = site.desk("2001"), site.desk(known=False)
    site.switch.away = True
    assert fault(desk.ask(m.GetDoNotDisturb("2001"))) is Fault.RESOURCE_OUT_OF_SERVICE
    site.wait(7)
    assert desk.told() == []
    site.wait(1)
    assert desk.told() == [m.SystemStatus(m.Status.DISABLED)]
    desk.send(encode(m.SystemStatusResponse()))
    assert desk.received == [], "an answer is not answered"
    site.switch.away = False
    site.wait(8)
    assert desk.told() == [m.SystemStatus(m.Status.NORMAL)] and stranger.told() == []


def test_a_line_that_is_gone_is_not_monitored_any_more(site: Site) -> None:
    desk = site.desk("2001", "2002")
    reference = desk.watch("2002")
    desk.ask(m.MakeCall("2001", "2002", NOW))
    desk.told()
    site.gateway.provision([line for line in LINES if line.id != "2002"], Options(heartbeat=5))
    site.deliver()
    assert desk.told() == [
        m.ConnectionClearedEvent(
            ConnectionID("c1", "2002"), "2002", m.Cause.NORMAL_CLEARING, m.ConnectionState.NULL,
            monitor_cross_ref_id=reference,
        ),
        m.MonitorStop(reference),
    ]  # fmt: skip
    assert site.switch.model.calls == {}


def test_a_user_who_loses_a_line_loses_its_monitor(site: Site) -> None:
    desk = site.desk("2001", "2002")
    desk.watch("2001")
    reference = desk.watch("2002")
    site.gateway.authorise(desk.association, Identity("ann", frozenset({"2001"})))
    site.deliver()
    assert desk.told() == [m.MonitorStop(reference)]


def test_there_is_a_limit_to_everything(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MAX_MONITORS", 2)
    monkeypatch.setattr(gateway, "MAX_ASSOCIATIONS", 1)
    desk = site.desk("2001")
    desk.watch("2001")
    desk.watch("2001")
    assert fault(desk.ask(m.MonitorStart(m.DeviceObject("2001")))) is Fault.OBJECT_MONITOR_LIMIT_EXCEEDED
    with pytest.raises(TooManyAssociations):
        site.desk("2001")


def test_one_user_does_not_fill_a_device_with_monitors(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event goes to every monitor: many clients of one user would hold up those of all others."""
    monkeypatch.setattr(gateway, "MAX_ON_DEVICE", 2)
    one, two, other = site.desk("2001", "2002"), site.desk("2001"), site.desk("2001")
    site.gateway.authorise(other.association, Identity("bob", frozenset({"2001"})))
    one.watch("2001")
    reference = two.watch("2001")
    assert fault(one.ask(m.MonitorStart(m.DeviceObject(LINE)))) is Fault.OBJECT_MONITOR_LIMIT_EXCEEDED
    one.watch("2002")
    other.watch("2001")
    two.ask(m.MonitorStop(reference))
    one.watch("2001")


@pytest.mark.parametrize(("dialled", "told"), [("\x01", ""), ("1\x1b2", "12"), ("9\ud800", "9"), ("\ufffe#a", "#a")])
def test_what_cannot_be_told_in_xml_is_left_out_of_what_was_dialled(site: Site, dialled: str, told: str) -> None:
    """Whoever presses buttons by REST may send any characters: the events are told without them."""
    desk = site.desk("2001")
    desk.watch("2001")
    site.press("2001", "off hook")
    site.press("2001", "dial", f"x{dialled}")
    first, second = desk.told()
    assert isinstance(first, m.OriginatedEvent) and isinstance(second, m.FailedEvent)
    assert first.called_device == second.called_device == f"x{told}"


# Anything at all


@given(st.lists(anything.messages().map(encode) | st.binary(max_size=80), max_size=12))
def test_any_documents_have_one_answer_each(bodies: list[bytes]) -> None:
    site = Site()
    desk = site.desk(everything=True)
    desk.watch("2001")
    for body in bodies:
        before = len(desk.received)
        desk.send(body)
        answers = [number for _, number in desk.received[before:] if number is not None]
        assert answers == [desk.asked] or (not answers and silent(body))
        if desk.association not in site.gateway.associations():
            return


def silent(body: bytes) -> bool:
    """An answer of the client's."""
    return isinstance(decode(body).message, m.Response)


def test_a_device_that_was_not_provisioned_is_nobodys(site: Site) -> None:
    site.switch.model.add(Device("2777"))
    desk = site.desk("2777", everything=True)
    assert fault(desk.ask(m.MonitorStart(m.DeviceObject("2777")))) is Fault.INVALID_MONITOR_OBJECT_TYPE
