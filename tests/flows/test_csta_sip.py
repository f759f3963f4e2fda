"""Desktop programs at a running edge: CSTA in a SIP dialog (R-ARC-08, R-CTI-01, D-36; ECMA TR/87)."""

from collections.abc import Iterator
from typing import Any

import pytest

from cti.csta import messages as m
from cti.csta.codec import decode, encode
from cti.csta.messages import AutoOriginate, ConnectionID
from sipedge.handlers.csta import MAX_SESSIONS
from tests.phone import DOMAIN
from tests.system import Deployment, deployed
from tests.telephony import GATEWAY, open_gateway
from tests.uacsta import HEADERS, DesktopProgram
from tests.waiting import wait_until

pytestmark = pytest.mark.system

LINE = "tel:2001;phone-context=dialstring"
LINES = f"""
lines:
  - {{uri: "tel:2001", owner: "u1@{DOMAIN}"}}
  - {{uri: "tel:2002", owner: "u2@{DOMAIN}"}}
  - {{uri: "tel:2003"}}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed() as found:
        found.apply(LINES)
        open_gateway(found)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def desk(site: Deployment, user: str, transport: str = "TCP", **options: Any) -> DesktopProgram:
    return DesktopProgram(user, ("127.0.0.1", site.proxy), transport=transport, **options)


@pytest.mark.parametrize("transport", ["TCP", "UDP"])
def test_two_desks_follow_a_call(site: Deployment, transport: str) -> None:
    """The whole way: INVITE, features, monitor, call, answer, hold, clear, stop, BYE."""
    with desk(site, "u1", transport) as one, desk(site, "u2", transport) as two:
        opened = one.open(GATEWAY, m.RequestSystemStatus(LINE))
        assert opened.status == 200 and opened.get("Content-Type") == "application/csta+xml"
        assert decode(opened.body).message == m.RequestSystemStatusResponse(m.Status.NORMAL)
        assert two.open(GATEWAY).status == 200
        assert isinstance(one.request(m.GetCSTAFeatures()), m.GetCSTAFeaturesResponse)
        monitored = one.request(m.MonitorStart(m.DeviceObject(LINE)))
        assert isinstance(monitored, m.MonitorStartResponse)
        two.request(m.MonitorStart(m.DeviceObject("tel:2002")))
        made = one.request(m.MakeCall(LINE, "2002", AutoOriginate.DO_NOT_PROMPT))
        assert isinstance(made, m.MakeCallResponse) and made.calling_device.device_id == LINE
        call = made.calling_device.call_id
        one.hears("Originated", "Delivered")
        [rings] = two.hears("Delivered")
        assert isinstance(rings, m.DeliveredEvent) and rings.connection == ConnectionID(call, "tel:2002")
        two.request(m.AnswerCall(rings.connection))
        for held in (m.HoldCall, m.RetrieveCall) * 3:
            one.request(held(ConnectionID(call, LINE)))
        one.hears("Established", *["Held", "Retrieved"] * 3)
        two.hears("Established", *["Held", "Retrieved"] * 3)
        two.request(m.ClearConnection(rings.connection))
        one.hears("ConnectionCleared", "ConnectionCleared")
        two.hears("ConnectionCleared")
        assert one.request(m.MonitorStop(monitored.monitor_cross_ref_id)) == m.MonitorStopResponse()
        assert one.within("BYE").status == 200
        assert one.within("INFO", encode(m.GetCSTAFeatures())).status == 481
        assert two.within("BYE").status == 200


def test_a_desk_that_answers_no_events_follows_a_call(site: Deployment) -> None:
    """D-36: over TCP it hears all of them in their order."""
    with desk(site, "u1") as one, desk(site, "u2") as two:
        one.answers_events = False
        one.open(GATEWAY, Supported="timer")
        two.open(GATEWAY)
        for client, line in ((one, LINE), (two, "2002")):
            client.request(m.MonitorStart(m.DeviceObject(line)))
        one.request(m.MakeCall(LINE, "2002", AutoOriginate.DO_NOT_PROMPT))
        [rings] = two.hears("Delivered")
        assert isinstance(rings, m.DeliveredEvent)
        two.request(m.AnswerCall(rings.connection))
        two.request(m.ClearConnection(rings.connection))
        one.hears("Originated", "Delivered", "Established", "ConnectionCleared", "ConnectionCleared")
        assert one.within("BYE").status == 200


def test_an_error_of_csta_is_a_success_of_sip(site: Deployment) -> None:
    """D-37: its body says what was wrong."""
    with desk(site, "u1") as one:
        one.open(GATEWAY)
        assert one.request(m.MonitorStop("x")) == m.CSTAErrorCode("operation", "invalidCrossRefID")
        response = one.within("INFO", b"<hello/>")
        assert response.status == 200 and b"serviceNotSupported" in response.body
        assert one.within("INFO", b"x", Content_Type="text/plain").status in (400, 415)
        assert one.ask("INFO", one.target, [("Content-Type", "text/plain")], b"x", **one.identity).status == 415


def test_a_session_is_renewed(site: Deployment) -> None:
    """RFC 4028, D-36: by a re-INVITE with a RequestSystemStatus, or by an UPDATE without a body."""
    with desk(site, "u1") as one:
        opened = one.open(GATEWAY, Supported="timer", Session_Expires="1800")
        assert opened.get("Session-Expires") == "1800;refresher=uac" and opened.get("Require") == "timer"
        longest = one.within("UPDATE", Supported="timer", Session_Expires="9999")
        assert longest.status == 200 and longest.get("Session-Expires") == "1810;refresher=uac"
        again = one.within("INVITE", encode(m.RequestSystemStatus()), Require="timer")
        assert decode(again.body).message == m.RequestSystemStatusResponse(m.Status.NORMAL)
        short = one.within("UPDATE", Session_Expires="89")
        assert short.status == 422 and short.get("Min-SE") == "90"
        assert one.within("UPDATE", Session_Expires="soon").status == 400
        assert opened.get("Session-Expires") and one.within("BYE").status == 200


def test_a_client_that_knows_no_timer_is_told_of_none(site: Deployment) -> None:
    with desk(site, "u1") as one:
        opened = one.open(GATEWAY)
        assert opened.get("Session-Expires") is None and opened.get("Supported") == "timer"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (m.RequestSystemStatus("tel:2002"), 403),
        (m.RequestSystemStatus("tel:2999"), 404),
        (m.RequestSystemStatus("nobody"), 404),
        (m.GetCSTAFeatures(), 400),
    ],
)
def test_a_session_that_cannot_be_is_refused(site: Deployment, message: m.Message, status: int) -> None:
    with desk(site, "u1") as one:
        assert one.open(GATEWAY, message).status == status


def test_a_body_of_another_type_is_refused(site: Deployment) -> None:
    with desk(site, "u1") as one:
        response = one.ask("INVITE", GATEWAY, [("Content-Type", "application/sdp")], b"v=0")
        assert response.status == 415 and response.get("Accept") == "application/csta+xml"
        assert one.ask("INVITE", GATEWAY, HEADERS, b"<").status == 400


def test_somebody_without_a_password_has_no_session(site: Deployment) -> None:
    with desk(site, "u1", password="wrong") as one:
        assert one.open(GATEWAY).status == 407


def test_a_trusted_server_may_bring_its_users(site: Deployment) -> None:
    """R-SEC-03: the request came through a server that has authenticated its user."""
    server = DesktopProgram("u1", ("127.0.0.1", site.engine), transport="TCP", asserted=True)
    with server as one:
        assert one.open(GATEWAY).status == 200
        assert isinstance(one.request(m.MonitorStart(m.DeviceObject("2001"))), m.MonitorStartResponse)


def test_nobody_else_speaks_in_a_session(site: Deployment) -> None:
    """Over another connection a user has to prove who it is."""
    with desk(site, "u1") as one, desk(site, "u2") as two:
        one.open(GATEWAY)
        two.identity, two.target = dict(one.identity), one.target
        two._cseq = 50
        assert two.within("INFO", encode(m.GetCSTAFeatures())).status == 403
        assert isinstance(one.request(m.GetCSTAFeatures()), m.GetCSTAFeaturesResponse)


def test_a_lost_connection_ends_the_session(site: Deployment) -> None:
    """D-36: monitors go, calls stay."""
    with desk(site, "u2") as two:
        two.open(GATEWAY)
        two.request(m.MonitorStart(m.DeviceObject("2002")))
        with desk(site, "u1") as one:
            one.open(GATEWAY)
            one.request(m.MakeCall(LINE, "2002", AutoOriginate.DO_NOT_PROMPT))
        [rings] = two.hears("Delivered")
        assert isinstance(rings, m.DeliveredEvent)
        with desk(site, "u1") as again:
            again.identity, again.target, again._cseq = one.identity, one.target, 90
            wait_until(lambda: again.within("INFO", encode(m.GetCSTAFeatures())).status == 481, "the end", 10)
        two.request(m.AnswerCall(rings.connection))
        two.hears("Established")
        two.request(m.ClearConnection(rings.connection))


def test_calls_still_go_to_users(site: Deployment) -> None:
    """Only the gateway's address is the gateway's."""
    with desk(site, "u1") as one:
        assert one.open(f"sip:u3@{DOMAIN}").status == 480
        assert one.open(f"sip:8001@{DOMAIN}").status == 404


def test_an_edge_that_stops_says_goodbye(site: Deployment) -> None:
    with desk(site, "u1") as one:
        one.open(GATEWAY)
        site.restart_edge()
        wait_until(lambda: one.byes == 1, "BYE", 10)


def test_one_user_does_not_take_all_sessions(site: Deployment) -> None:
    """Hostile input: 503 with Retry-After for one session too many; others come in."""
    with desk(site, "u1") as one, desk(site, "u2") as two:
        answers = [one.open(GATEWAY, Call_ID=f"many-{number}") for number in range(MAX_SESSIONS + 1)]
        assert [answer.status for answer in answers] == [200] * MAX_SESSIONS + [503]
        assert answers[-1].get("Retry-After")
        assert two.open(GATEWAY).status == 200
