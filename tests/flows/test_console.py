"""What operators see of telephony and do there, by REST, while programs follow (R-ARC-08, R-CTI-01)."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from cti.csta import messages as m
from tests.deskset import Desk
from tests.phone import DOMAIN, PASSWORD
from tests.program import Program
from tests.rest import Web, integrator
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.telephony import GATEWAY, open_gateway
from tests.uacsta import DesktopProgram
from tests.waiting import wait_until

pytestmark = pytest.mark.system

OUTSIDE = "+14085550100"
LINES = f"""
lines:
  - {{uri: "tel:2001", owner: "u1@{DOMAIN}"}}
  - {{uri: "tel:2002", owner: "u2@{DOMAIN}"}}
  - {{uri: "tel:2003"}}
  - {{uri: "tel:2100", owner: "u3@{DOMAIN}", switch: sip}}
"""


class Site(NamedTuple):
    """A deployment with its web process."""

    running: Deployment
    web: Web
    lines: dict[str, int]

    def program(self) -> Program:
        return Program(("127.0.0.1", self.running.csta))

    def press(self, number: str, button: str, text: str = "") -> tuple[int, Any]:
        return self.web.ask("POST", f"lines/{self.lines[number]}/press/", {"button": button, "text": text})

    def ring(self, number: str, caller: str) -> tuple[int, Any]:
        return self.web.ask("POST", f"lines/{self.lines[number]}/ring/", {"from": caller})

    def seen(self, query: str = "") -> Any:
        status, answer = self.web.ask("GET", f"telephony/{query}")
        assert status == 200, answer
        return answer

    def device(self, number: str) -> Any:
        (found,) = self.seen(f"?device={number}")["devices"]
        return found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.apply(LINES)
        open_gateway(found)
        found.start_edge()
        web = integrator(found)
        _, answer = web.ask("GET", "lines/")
        yield Site(found, web, {row["uri"]: row["id"] for row in answer["results"]})
        assert "Traceback" not in found.logs()


@pytest.fixture(autouse=True)
def quiet(site: Site) -> Iterator[None]:
    """Phones are put down after each test."""
    yield
    for number in ("2001", "2002", "2003"):
        for button in ("plug", "retrieve", "hang up", "free", "disturb", "do not forward"):
            site.press(number, button)
    assert site.seen()["calls"] == []


def test_a_program_follows_what_is_pressed(site: Site) -> None:
    """Off hook, dial, answer, hold, retrieve, hang up: each button is an event of the monitored line, at once."""
    with site.program() as program:
        program.log_in(f"u1@{DOMAIN}", PASSWORD)
        program.ask(m.MonitorStart(m.DeviceObject("tel:2001")))
        assert site.press("2001", "off hook")[1]["connections"][0]["state"] == "initiated"
        status, phone = site.press("2001", "dial", "2002")
        assert status == 200 and phone["connections"][0]["with"] == [{"device": "2002", "state": "alerting"}]
        assert program.event(m.OriginatedEvent).called_device == "2002"
        assert program.event(m.DeliveredEvent).alerting_device == "2002"
        status, phone = site.press("2002", "off hook")
        assert status == 200 and phone["in_call"] and phone["line"] == site.lines["2002"]
        assert program.event(m.EstablishedEvent).answering_device == "2002"
        (call,) = site.seen()["calls"]
        assert (call["calling"], call["called"], call["switch"]) == ("2001", "2002", "simulated") and call["since"]
        assert {one["device"]: one["state"] for one in call["parties"]} == {"2001": "connected", "2002": "connected"}
        site.press("2001", "hold")
        assert program.event(m.HeldEvent).local_connection_info is m.ConnectionState.HELD
        assert site.device("2001")["connections"][0]["state"] == "held"
        site.press("2001", "retrieve")
        program.event(m.RetrievedEvent)
        site.press("2002", "hang up")
        program.event(m.ConnectionClearedEvent)
        assert site.seen()["calls"] == []


def test_a_call_from_outside(site: Site) -> None:
    with site.program() as program:
        program.log_in(f"u2@{DOMAIN}", PASSWORD)
        program.ask(m.MonitorStart(m.DeviceObject("2002")))
        status, phone = site.ring("2002", "tel:+1-408-555-0100")
        assert status == 200 and phone["connections"][0]["with"] == [{"device": OUTSIDE, "state": "connected"}]
        assert program.event(m.DeliveredEvent).calling_device == OUTSIDE
        assert site.press("2002", "deflect", "2001")[0] == 200
        assert program.event(m.DivertedEvent).new_destination == "2001"
        assert site.ring("2003", OUTSIDE)[0] == 409, "one call at a time"


def test_features_at_the_phone(site: Site) -> None:
    for button, text in (("busy", ""), ("do not disturb", ""), ("forward", "2003"), ("unplug", "")):
        assert site.press("2001", button, text)[0] == 200
    phone = site.device("2001")
    assert (phone["busy"], phone["do_not_disturb"], phone["present"], phone["buttons"]) == (True, True, False, ["plug"])
    assert phone["forwarding"] == [{"kind": "forwardImmediate", "on": True, "to": "2003", "rings": 4}]


@pytest.mark.parametrize(
    ("number", "button", "text", "status", "detail"),
    [
        ("2001", "explode", "", 422, "No phone has a button “explode”; there are: off hook, dial,"),
        ("2001", "dial", "2002", 409, "“dial” does nothing at 2001 now."),
        ("2001", "hang up", "", 409, "“hang up” does nothing at 2001 now."),
        ("2001", "plug", "", 409, "“plug” does nothing at 2001 now."),
        ("2003", "forward", "", 422, "“forward” with “”: calls cannot be forwarded there."),
        ("2001", "forward", "999", 422, "“forward” with “999”: calls cannot be forwarded there."),
        ("2100", "off hook", "", 409, "The phones of 2100 are SIP phones with buttons of their own."),
    ],
)
def test_a_button_that_cannot_be_pressed(
    site: Site, number: str, button: str, text: str, status: int, detail: str
) -> None:
    answer = site.press(number, button, text)
    assert answer[0] == answer[1]["status"] == status and answer[1]["detail"].startswith(detail)


def test_a_number_that_leads_nowhere(site: Site) -> None:
    site.ring("2001", OUTSIDE)
    assert site.press("2001", "deflect", " ")[1]["detail"] == "“deflect” needs a number."
    status, answer = site.press("2001", "deflect", "999")
    assert status == 422 and answer["detail"].endswith("nobody who could take the call has this number.")
    assert site.device("2001")["connections"][0]["state"] == "alerting"


def test_a_request_that_is_not_valid(site: Site) -> None:
    assert site.web.ask("POST", f"lines/{site.lines['2001']}/press/", {})[1]["errors"]["button"]
    assert site.press("2001", "dial", "9" * 400)[0] == 400
    assert site.ring("2001", "nobody")[1]["errors"]["from"]
    assert site.ring("2001", "2003")[0] == 409
    assert site.web.ask("POST", "lines/4711/press/", {"button": "dial"})[0] == 404
    assert site.web.ask("GET", "telephony/?page=0")[0] == 400
    assert site.web.ask("GET", "telephony/?device=nobody")[0] == 400


def test_a_line_that_the_edge_has_not_heard_of(site: Site) -> None:
    """The row is there, but nobody has told the edge."""
    made = site.running.manage(
        "shell", "-v0", "-c",
        "from cti.models import Line; from django.db import connection; line = Line(uri='2999'); line.save();"
        "print(line.pk)",
    )  # fmt: skip
    status, answer = site.web.ask("POST", f"lines/{made.strip()}/press/", {"button": "off hook"})
    assert (status, answer["detail"]) == (404, "2999 is no line of this edge.")
    site.web.ask("DELETE", f"lines/{made.strip()}/")


def test_devices_are_found_by_number_owner_and_part(site: Site) -> None:
    def numbers(query: str) -> list[str]:
        return [one["number"] for one in site.seen(query)["devices"]]

    assert numbers("") == ["2001", "2002", "2003", "2100"] and site.seen()["totals"]["devices"] == 4
    assert numbers("?device=tel:2001;phone-context=dialstring") == ["2001"]
    assert numbers(f"?owner=sip:U2@{DOMAIN.upper()}") == [], "the case of the user part counts"
    assert numbers(f"?owner=sip:u2@{DOMAIN}") == ["2002"]
    assert numbers("?search=210") == ["2100"] and numbers("?search=U3@") == ["2100"] and numbers("?page=2") == []
    phones = site.seen("?search=nobody&phone=2003&phone=tel:2100&phone=999")
    assert phones["devices"] == [] and [one["number"] for one in phones["phones"]] == ["2003", "2100"]
    assert [one["present"] for one in phones["phones"]] == [True, False], "plugged in; nobody has registered"
    with site.running.phone("u3") as phone:
        phone.register()
        assert site.device("2100")["present"]


def test_a_call_of_sip_phones(site: Site) -> None:
    """It stands beside those of the simulated switch; one who is no line takes part by the address."""
    proxy = ("127.0.0.1", site.running.proxy)
    with Desk("u4", proxy, "TCP") as alice, Desk("u3", proxy, "UDP") as bob:
        invite = alice.dials(bob.aor)
        got = bob.picks_up()
        answer = alice.hears(200)
        alice.acknowledge(invite, answer)
        (call,) = site.seen("?device=2100")["calls"]
        assert (call["switch"], call["calling"], call["called"]) == ("sip", str(alice.aor), "2100") and call["since"]
        states = {one["device"]: one["state"] for one in call["parties"]}
        assert states == {str(alice.aor): "connected", "2100": "connected"}
        phone = site.device("2100")
        assert phone["in_call"] and phone["buttons"] == []
        bob.send(bob.back(got, "BYE").encode())
        bob.hears(200, "BYE")
        alice.answer(alice.takes("BYE"), 200)


def test_who_is_connected_and_monitors_what(site: Site) -> None:
    """Over TCP and in a SIP dialog; filters find what concerns a line."""
    desk = DesktopProgram("u2", ("127.0.0.1", site.running.proxy), transport="UDP")
    with site.program() as program, desk:
        (nobody,) = site.seen()["associations"]
        assert (nobody["user"], nobody["transport"], nobody["monitors"]) == ("", "TCP", 0)
        program.log_in(f"u1@{DOMAIN}", PASSWORD, 60)
        watch = program.ask(m.MonitorStart(m.DeviceObject("2001"), frozenset({"held", "delivered"})))
        assert isinstance(watch, m.MonitorStartResponse)
        desk.open(GATEWAY)
        desk.request(m.MonitorStart(m.DeviceObject("2002")))
        seen = site.seen()
        one, two = seen["associations"]
        assert (one["user"], one["edition"], one["monitors"]) == (f"sip:u1@{DOMAIN}", "ed3", 1)
        assert one["peer"] == f"127.0.0.1:{program.socket.getsockname()[1]}" and 0 < one["expires_in"] <= 60
        assert (two["transport"], two["user"]) == ("UDP", f"sip:u2@{DOMAIN}") and two["expires_in"] > 1700
        assert seen["monitors"][0] == {
            "device": "2001", "association": one["id"], "user": one["user"], "reference": watch.monitor_cross_ref_id,
            "left_out": ["delivered", "held"],
        }  # fmt: skip
        found = site.seen("?device=2002")
        assert [row["id"] for row in found["associations"]] == [two["id"]] and found["totals"]["monitors"] == 1
        desk.within("BYE")
        assert (seen["status"], seen["addresses"]) == ("normal", [f"127.0.0.1:{site.running.csta}"])


def test_a_session_is_closed_over_tcp(site: Site) -> None:
    """The program sees the end of its connection; its calls stay."""
    with site.program() as program:
        program.log_in(f"u1@{DOMAIN}", PASSWORD)
        program.ask(m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT))
        (found,) = site.seen()["associations"]
        assert site.web.ask("DELETE", f"telephony/associations/{found['id']}/") == (204, None)
        with pytest.raises(EOFError):
            program.next()
        assert site.seen()["associations"] == [] and len(site.seen()["calls"]) == 1
    status, answer = site.web.ask("DELETE", f"telephony/associations/{found['id']}/")
    assert (status, answer["detail"]) == (404, "This session has ended already.")


def test_a_session_is_closed_in_a_sip_dialog(site: Site) -> None:
    with DesktopProgram("u1", ("127.0.0.1", site.running.proxy), transport="TCP") as desk:
        desk.open(GATEWAY)
        (found,) = site.seen()["associations"]
        assert site.web.ask("DELETE", f"telephony/associations/{found['id']}/")[0] == 204
        wait_until(lambda: desk.byes == 1, "the BYE at the program")


def test_staff_may_what_their_permissions_say(site: Site) -> None:
    """Viewing lines is seeing, changing lines is pressing; others are refused."""
    statuses = []
    for name, permission in (("none", ""), ("looks", "view_line"), ("presses", "change_line")):
        token = site.running.manage(
            "shell", "-v0", "-c",
            "from django.contrib.auth.models import Permission as P, User;"
            "from rest_framework.authtoken.models import Token;"
            f"user = User.objects.create_user('{name}', is_staff=True);"
            f"user.user_permissions.set(P.objects.filter(codename='{permission}'));"
            "print(Token.objects.create(user=user).key)",
        )  # fmt: skip
        web = Web(site.web.address, token.strip())
        press = web.ask("POST", f"lines/{site.lines['2001']}/press/", {"button": "off hook"})[0]
        ring = web.ask("POST", f"lines/{site.lines['2002']}/ring/", {"from": OUTSIDE})[0]
        end = web.ask("DELETE", "telephony/associations/x/")[0]
        statuses.append((web.ask("GET", "telephony/")[0], press, ring, end))
    assert statuses == [(403, 403, 403, 403), (200, 403, 403, 403), (200, 200, 200, 404)]
    assert Web(site.web.address).ask("GET", "telephony/")[0] == 401


def test_each_edge_has_its_own_calls(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first by name is asked; another one has calls and phones of its own."""
    first = site.running.edge
    monkeypatch.setitem(site.running.environment, "CUPS_SIP_LISTEN", f"udp:127.0.0.1:{free_port()}:engine")
    second = site.running.start_edge("edge-2")
    try:
        assert site.seen()["edges"] == ["edge-1", "edge-2"] and site.seen()["edge"] == "edge-1"
        press = f"lines/{site.lines['2001']}/press/?edge=edge-2"
        assert site.web.ask("POST", press, {"button": "off hook"})[0] == 200
        there = site.seen("?edge=edge-2")
        assert (len(there["calls"]), there["addresses"], site.seen()["calls"]) == (1, [], [])
    finally:
        second.terminate()
        second.wait(20)
        site.running.edge = first
    assert site.seen()["edges"] == ["edge-1"]


def test_an_edge_that_is_not_there(site: Site) -> None:
    """Never a success: 503 in words, when this edge or none listens; and soon after a stop nobody is asked in vain."""
    status, answer = site.web.ask("GET", "telephony/?edge=edge-7")
    assert (status, answer["detail"]) == (503, "No edge has answered: edge edge-7 does not listen.")
    assert site.seen("?edge=edge-1")["edges"] == ["edge-1"]
    site.running.edge.terminate()
    site.running.edge.wait(20)
    before = time.monotonic()
    assert site.web.ask("GET", "telephony/")[0] == site.press("2001", "off hook")[0] == 503
    assert time.monotonic() - before < 4
    site.running.start_edge()
    wait_until(lambda: site.web.ask("GET", "telephony/")[0] == 200, "an edge that answers")
