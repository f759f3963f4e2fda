"""pidgin-sipe as a desktop program: it monitors its user's line and places calls through the gateway (ECMA TR/87)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cti.csta import messages as m
from cti.csta.messages import ConnectionID, ConnectionState
from tests.interop.homeserver import HomeServer
from tests.interop.sipe import PLUGIN, Sipe
from tests.phone import DOMAIN, PASSWORD
from tests.program import Program
from tests.programs import needs_file
from tests.system import Deployment, deployed
from tests.telephony import GATEWAY, open_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.system

ALICE, BOB = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}"
LINE = "tel:2001;phone-context=dialstring"
LINES = f"""
lines:
  - {{uri: "tel:2001", owner: "{ALICE}"}}
  - {{uri: "tel:2002", owner: "{BOB}"}}
"""


@contextlib.contextmanager
def office(session_timer: int) -> Iterator[Deployment]:
    """An edge with the lines of two users; `session_timer` in seconds, unlike the administrator's without a minimum."""
    needs_file(PLUGIN)
    with deployed() as found:
        found.apply(LINES)
        open_gateway(found, session_timer)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with office(1810) as found:
        yield found


@contextlib.contextmanager
def desk(site: Deployment, folder: Path, number: str) -> Iterator[tuple[HomeServer, Sipe]]:
    """Alice's pidgin-sipe, logged in; it monitors her line, and has a contact with this number."""
    with HomeServer(("127.0.0.1", site.engine), f"sip:{ALICE}", LINE, GATEWAY) as home:
        client = Sipe(folder, ALICE, PASSWORD, home.port)
        with contextlib.closing(client):
            client.contact(BOB, number)
            client.log_in()
            home.tells(m.MonitorStartResponse)
            yield home, client


@contextlib.contextmanager
def colleague(site: Deployment) -> Iterator[Program]:
    """Bob's program at the gateway's other door; it monitors his line."""
    with Program(("127.0.0.1", site.csta)) as program:
        program.log_in(BOB, PASSWORD)
        program.ask(m.MonitorStart(m.DeviceObject("2002")))
        yield program


def test_it_places_calls(site: Deployment, tmp_path: Path) -> None:
    """R-ARC-08, R-CTI-01, D-36: it hears what becomes of each call, although it answers no event, and ends by BYE."""
    with desk(site, tmp_path, "2002") as (home, client), colleague(site) as bob:
        opened = home.tells(m.RequestSystemStatusResponse)
        assert opened.system_status is m.Status.NORMAL
        home.tells(m.GetCSTAFeaturesResponse)
        for number in (1, 2):
            client.call()
            rings = bob.event(m.DeliveredEvent)
            assert (rings.calling_device, rings.called_device) == ("2001", "2002")
            assert rings.connection.device_id == "2002" and rings.connection.call_id
            call = rings.connection.call_id
            assert home.tells(m.MakeCallResponse, number).calling_device == ConnectionID(call, LINE)
            home.tells(m.DeliveredEvent, number)
            client.is_now("line", "unavailable")
            bob.ask(m.AnswerCall(rings.connection))
            bob.event(m.EstablishedEvent)
            established = home.tells(m.EstablishedEvent, number)
            assert established.established_connection == ConnectionID(call, "2002")
            assert established.local_connection_info is ConnectionState.CONNECTED
            bob.ask(m.ClearConnection(rings.connection))
            bob.event(m.ConnectionClearedEvent)
            home.tells(m.ConnectionClearedEvent, 2 * number)
            client.is_now("line", "available")
        client.log_out()
        wait_until(lambda: ("BYE", 200) in home.answers, "the gateway's answer to its BYE")
        wait_until(lambda: not home.registered, "the end of its registration")


def test_a_call_to_nobody_changes_nothing(site: Deployment, tmp_path: Path) -> None:
    """D-37: the error is in a 200, and it goes on."""
    with desk(site, tmp_path, "2999") as (home, client):
        for number in (1, 2):
            client.call()
            assert home.tells(m.CSTAErrorCode, number) == m.CSTAErrorCode("operation", "invalidCalledDeviceID")
            client.is_now("line", "available")


def test_it_renews_its_session_and_counts_anew(tmp_path: Path) -> None:
    """RFC 4028, RFC 3261 12.2.2: by a re-INVITE; from then on its requests have old numbers, until it logs in again."""
    with office(70) as site, desk(site, tmp_path, "2002") as (home, client):
        wait_until(lambda: home.asked.count("ACK") == 2, "the ACK of its re-INVITE")
        home.tells(m.RequestSystemStatusResponse, 2)
        client.call()
        wait_until(lambda: ("INFO", 500) in home.answers, "the refusal of the call")
        client.is_now("line", "available")
        client.log_out()
        client.log_in()
        home.tells(m.MonitorStartResponse, 2)
        client.call()
        home.tells(m.MakeCallResponse)
