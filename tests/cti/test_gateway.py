"""Associations, monitors and the order of answers and events (R-CTI-01, R-CTI-04, R-ARC-08, D-36)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti import gateway
from cti.csta import messages as m
from cti.csta.codec import ED3, SESSION, decode, encode
from cti.csta.errors import Fault, named
from cti.csta.features import Device
from cti.csta.messages import AutoOriginate, ConnectionID, CSTAErrorCode
from cti.csta.services import SERVICES
from cti.gateway import FILTER_NAMES, Identity, Options, TooManyAssociations
from tests.cti.csta import anything
from tests.cti.desk import LINES, Desk, Site

NOW = AutoOriginate.DO_NOT_PROMPT
LINE = "tel:2001;phone-context=dialstring"


def fault(answer: m.Message) -> Fault | None:
    assert isinstance(answer, CSTAErrorCode), answer
    return named(answer.value)


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


# Application sessions


def start(*versions: str, duration: int | None = None, password: str = "secret") -> m.StartApplicationSession:
    return m.StartApplicationSession(m.ApplicationInfo("desk", "ann", password), versions or (ED3,), duration)


def decide(site: Site, identity: Identity | None) -> None:
    login = site.gateway.logins.popleft()
    assert (login.name, login.password) == ("ann", "secret")
    site.gateway.decide(login, identity, site.now)
    site.deliver()


def test_a_session_is_opened_prolonged_and_closed(site: Site) -> None:
    """ECMA-354."""
    desk = site.desk(known=False)
    desk.send(encode(start("urn:x", f"{ED3}/priv2", duration=60)))
    assert desk.received == []
    decide(site, Identity("ann", frozenset({"2001"})))
    answer = desk.received.pop()
    assert answer == (m.StartApplicationSessionPosResponse(desk.association.id, f"{ED3}/priv2", 60), 1)
    desk.watch("2001")
    site.wait(59)
    prolonged = desk.ask(m.ResetApplicationSessionTimer(desk.association.id, 99_999))
    assert prolonged == m.ResetApplicationSessionTimerPosResponse(1810)
    wrong = desk.ask(m.ResetApplicationSessionTimer("other"))
    assert wrong == m.ResetApplicationSessionTimerNegResponse("invalidSessionID")
    assert desk.ask(m.StopApplicationSession("other")) == m.StopApplicationSessionNegResponse("invalidSessionID")
    assert desk.ask(m.StopApplicationSession(desk.association.id)) == m.StopApplicationSessionPosResponse()
    assert site.gateway.ended.popleft().reason == "logged out"


def test_a_version_that_is_too_long_to_be_repeated(site: Site) -> None:
    """The answer, four times as long as the question when it is escaped, would not fit into a frame."""
    desk = site.desk(known=False)
    desk.send(encode(start(ED3 + "-long")).replace(b"-long", b">" * 60_000))
    assert not site.gateway.logins
    assert desk.received == [(m.StartApplicationSessionNegResponse("requestedProtocolVersionNotSupported"), 1)]


def test_before_the_log_in_nothing_is_supported(site: Site) -> None:
    desk = site.desk(known=False)
    for asked in (
        m.RequestSystemStatus(),
        m.GetCSTAFeatures(),
        m.MonitorStart(m.DeviceObject("2001")),
        m.MonitorStop("1"),
        m.MakeCall("2001", "2002", NOW),
    ):
        assert fault(desk.ask(asked)) is Fault.SERVICE_NOT_SUPPORTED
    site.wait(30)
    assert site.gateway.ended.popleft().association is desk.association


def test_a_wrong_password_is_refused_and_the_third_ends_it(site: Site) -> None:
    desk = site.desk(known=False)
    for _ in range(3):
        desk.send(encode(start()))
        decide(site, None)
        refusal = m.StartApplicationSessionNegResponse("invalidApplicationInfo")
        assert desk.received.pop()[0] == refusal
    assert site.gateway.ended.popleft().reason == "too many wrong passwords"
    site.gateway.decide(gateway.LogIn(desk.association, "ann", "", ED3, None, 1), Identity("ann"), site.now)
    assert not site.gateway.transmissions


def test_a_version_that_nobody_speaks_is_refused(site: Site) -> None:
    answer = site.desk(known=False).ask(start("urn:x"))
    assert answer == m.StartApplicationSessionNegResponse("requestedProtocolVersionNotSupported")


def test_one_session_for_one_connection(site: Site) -> None:
    assert site.desk("2001").ask(start()) == m.StartApplicationSessionNegResponse("invalidApplicationInfo")
    desk = site.desk(known=False)
    desk.send(encode(start()))
    assert desk.ask(start()) == m.StartApplicationSessionNegResponse("invalidApplicationInfo")


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


def test_the_names_of_sessions_are_not_those_of_services(site: Site) -> None:
    body = encode(start()).replace(SESSION.encode(), ED3.encode())
    desk: Any = site.desk("2001")
    desk.send(body)
    assert fault(desk.received.pop()[0]) is Fault.SERVICE_NOT_SUPPORTED


def test_a_device_that_was_not_provisioned_is_nobodys(site: Site) -> None:
    site.switch.model.add(Device("2777"))
    desk = site.desk("2777", everything=True)
    assert fault(desk.ask(m.MonitorStart(m.DeviceObject("2777")))) is Fault.INVALID_MONITOR_OBJECT_TYPE
