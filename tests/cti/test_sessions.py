"""Application sessions at the gateway: opened by a password, prolonged, and ended (ECMA-354, R-CTI-01, D-36)."""

from typing import Any

from cti.associations import Identity, LogIn
from cti.csta import messages as m
from cti.csta.codec import ED3, SESSION, encode
from cti.csta.errors import Fault
from tests.cti.desk import Site, fault


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
        m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT),
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
    site.gateway.decide(LogIn(desk.association, "ann", "", ED3, None, 1), Identity("ann"), site.now)
    assert not site.gateway.transmissions


def test_a_version_that_nobody_speaks_is_refused(site: Site) -> None:
    answer = site.desk(known=False).ask(start("urn:x"))
    assert answer == m.StartApplicationSessionNegResponse("requestedProtocolVersionNotSupported")


def test_one_session_for_one_connection(site: Site) -> None:
    assert site.desk("2001").ask(start()) == m.StartApplicationSessionNegResponse("invalidApplicationInfo")
    desk = site.desk(known=False)
    desk.send(encode(start()))
    assert desk.ask(start()) == m.StartApplicationSessionNegResponse("invalidApplicationInfo")


def test_the_names_of_sessions_are_not_those_of_services(site: Site) -> None:
    body = encode(start()).replace(SESSION.encode(), ED3.encode())
    desk: Any = site.desk("2001")
    desk.send(body)
    assert fault(desk.received.pop()[0]) is Fault.SERVICE_NOT_SUPPORTED
