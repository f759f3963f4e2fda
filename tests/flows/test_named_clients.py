"""The clients that the guide names, by the messages that they send (R-ARC-04)."""

from collections.abc import Callable

import pytest

from sipedge.sip.message import Request, parse
from tests.builders import guide
from tests.phone import Phone, pidf
from tests.system import Deployment

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


def test_sametime_subscribes_with_the_legacy_type_only(peer: Make, running: Deployment) -> None:
    """R-ARC-04, R-SUB-28, D-33: one SUBSCRIBE, and every NOTIFY has the type that it knows."""
    presentity = peer()
    watch = peer().subscribe(
        presentity.aor, accept="application/cpim-pidf+xml", User_Agent="Lotus-Sametime-SIPConnector/7.0"
    )
    assert watch.response.status == 200
    for activity in ("busy", "meeting"):
        presentity.publish(pidf(presentity.aor, activity=activity))
        notify = watch.sees(f"<rpid:{activity}/>")
        assert notify.get("Content-Type") == "application/cpim-pidf+xml"


def test_xten_publishes_as_in_the_guide(peer: Make, running: Deployment) -> None:
    """R-ARC-04, EX-4, V-14, R-PUB-11: eyeBeam's document, byte for byte, is what a watcher then sees."""
    example = parse(guide("ex4.sip"))
    assert isinstance(example, Request)
    with running.peer("xten3") as xten, running.peer("ippm4") as watcher:
        watch = watcher.subscribe(xten.aor)
        watch.heard(1)
        answer = xten.publish(example.body, User_Agent=example.user_agent, expires=example.expires)
        assert answer.status == 200 and answer.get("SIP-ETag")
        notify = watch.sees("<ce:available/>")
        assert b"Manually set by persona" in notify.body
        xten.publish(tag=answer.get("SIP-ETag"), expires=0)
