"""kill -9 of the edge while phones talk: nobody stays on the phone for watchers, and programs go on at once."""

import pytest

from cti.csta import messages as m
from cti.csta.messages import AutoOriginate
from tests.deskset import Desk
from tests.phone import DOMAIN
from tests.program import Program
from tests.system import Deployment

pytestmark = pytest.mark.system

SIP_LINES = f"""
lines:
  - {{uri: "2001", owner: "u1@{DOMAIN}", switch: sip}}
  - {{uri: "2002", owner: "u2@{DOMAIN}", switch: sip}}
"""

SIMULATED_LINES = SIP_LINES.replace("sip}", "simulated}")


def program(deployment: Deployment) -> Program:
    """The first line's user, whose line is monitored."""
    found = Program(("127.0.0.1", deployment.csta))
    found.log_in(f"u1@{DOMAIN}", "secret")
    assert isinstance(found.ask(m.MonitorStart(m.DeviceObject("2001"))), m.MonitorStartResponse)
    return found


def test_phones_talk(deployment: Deployment) -> None:
    """R-CTI-01, D-36: after the restart watchers see both users off the phone, long before the component would have run
    out; the old dialogs are answered with 481; the program monitors again and makes a call, which is seen as well."""
    deployment.apply(SIP_LINES)
    edge = deployment.start_edge()
    server = ("127.0.0.1", deployment.proxy)
    alice, bob, watcher = Desk("u1", server, "UDP"), Desk("u2", server, "UDP"), deployment.peer("ippm4")
    watches = [watcher.subscribe(one.aor) for one in (alice, bob)]
    with program(deployment) as before:
        invite = alice.dials(bob.aor)
        bob.picks_up()
        answer = alice.hears(200)
        alice.acknowledge(invite, answer)
        old = [before.event(kind) for kind in (m.OriginatedEvent, m.DeliveredEvent, m.EstablishedEvent)][-1]
        for watch in watches:
            watch.sees("on-the-phone")
        edge.kill()
        edge.wait()
        with pytest.raises((EOFError, ConnectionError)):
            before.next()
    deployment.start_edge()
    for watch in watches:
        watch.loses("on-the-phone")
    alice.leaves("BYE", invite, answer)
    alice.hears(481, "BYE")
    with program(deployment) as after:
        made = after.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
        assert isinstance(made, m.MakeCallResponse)
        assert made.calling_device.call_id != old.established_connection.call_id
        joins(alice, bob)
        for kind in (m.OriginatedEvent, m.DeliveredEvent, m.EstablishedEvent):
            after.event(kind)
        for watch in watches:
            watch.sees("on-the-phone")
        after.ask(m.ClearConnection(made.calling_device))
        for watch in watches:
            watch.loses("on-the-phone")


def joins(alice: Desk, bob: Desk) -> None:
    """Third-party call control: alice's phone answers, bob's gets the offer, alice's is told the answer."""
    mine = alice.picks_up(1)
    assert not mine.body
    bob.picks_up(2)
    again = alice.takes("INVITE", 2)
    alice.says(again, 200, alice.media())
    alice.acknowledged(again)


def test_simulated_phones_talk(deployment: Deployment) -> None:
    """D-36: the same on the simulated switch, and after an ordered stop."""
    deployment.apply(SIMULATED_LINES)
    edge = deployment.start_edge()
    watch = deployment.peer("ippm4").subscribe(f"sip:u1@{DOMAIN}")
    for end in ("kill", "terminate"):
        with program(deployment) as desk:
            desk.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
            watch.sees("on-the-phone")
            getattr(edge, end)()
            edge.wait()
        edge = deployment.start_edge()
        watch.loses("on-the-phone")
