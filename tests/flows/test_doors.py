"""One policy on every door: a watcher without permission learns nothing, whichever way it asks (DESIGN section 6).

Each door is driven by a watcher of the same identity, and says in its own form what it was shown. A further door has a
class with `look`, and a line in DOORS.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from presence.engine.reachability import Reachability
from presence.engine.reading import read
from provisioning.uri import Aor
from tests.desk_phone import DeskPhone
from tests.integrators import Listener, account
from tests.messenger import Edge, Session
from tests.phone import DOMAIN, pidf
from tests.receiver import SECRET, Receiver
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

WATCHER = f"sip:u1@{DOMAIN}"
PIN = "4711"
OPEN, BLOCKED, POLITE, FILTERED, NOBODY = (
    f"sip:{name}@{DOMAIN}" for name in ("u10", "u11", "u12", "u13", "no.such.user")
)
RULES = f"""
uri_acls:
  - {{presentity: "{BLOCKED}", default: block}}
  - {{presentity: "{POLITE}", default: polite_block}}
filters:
  - {{kind: person_only, presentity: "{FILTERED}"}}
users: [{{uri: "{WATCHER}", pin: "{PIN}"}}]
lists:
  - uri: "u1.buddies@{DOMAIN}"
    owner: "{WATCHER}"
    members: ["{OPEN}", "{BLOCKED}", "{POLITE}", "{FILTERED}", "{NOBODY}"]
"""

REFUSED = "refused"
"What a door says to whoever may not see, whatever the reason."


class Shown(NamedTuple):
    """What a watcher was shown, or REFUSED as the state and nothing else."""

    state: str
    devices: int = 0
    everything: str = ""
    "All of it as text, to look for what must not be there."


class Doors:
    """A deployment with everything that a watcher can come through."""

    def __init__(self, deployment: Deployment, bus: str, web: Web, receiver: Receiver) -> None:
        self.deployment = deployment
        self.web = web
        self.receiver = receiver
        self.token = account(deployment, "program", persona=WATCHER)
        self.edge = Edge(deployment, bus)
        self.pages = web.address.partition("/api")[0]


def by_sip(doors: Doors, aor: str) -> Shown:
    """SUBSCRIBE and its NOTIFY; 404 and 403 are what the guide wants, and neither has a body."""
    with doors.deployment.peer("u1") as phone:
        watch = phone.subscribe(aor)
        if watch.response.status != 200:
            assert watch.response.status == (404 if aor == NOBODY else 403) and not watch.response.body
            return Shown(REFUSED)
        body = watch.heard(1).body
    shown = read(body)
    return Shown(shown.state.value, sum(one.id != "none" for one in shown.devices), body.decode())


def by_rest(doors: Doors, aor: str) -> Shown:
    """GET as the identity of the account."""
    status, found = Web(doors.web.address, doors.token).ask("GET", f"presence/{aor}/")
    if status != 200:
        assert (status, found["detail"]) == (404, "there is nothing to be seen at this address")
        return Shown(REFUSED)
    return _of_document(found)


def by_websocket(doors: Doors, aor: str) -> Shown:
    """The first document."""
    with Listener(doors.web, doors.token) as program:
        program.asks("subscribe", aors=[aor])
        return _of_document(wait_until(lambda: program.documents(aor), f"a document of {aor}")[-1])


def by_webhook(doors: Doors, aor: str) -> Shown:
    """The first delivery."""
    return _of_document(wait_until(lambda: doors.receiver.documents(aor), f"a delivery about {aor}", 40)[-1])


def by_messenger(doors: Doors, aor: str) -> Shown:
    """What the page is told of a buddy, once its subscription is answered."""
    session = doors.edge.log_in("u1")
    try:
        return _of_buddy(session, aor)
    finally:
        session.log_out()


def _of_buddy(session: Session, aor: str) -> Shown:
    def answered() -> Any:
        one = next(one for one in session.ask("snapshot")["buddies"] if one["uri"] == aor)
        return one if one["subscription"] != "pending" else None

    one = wait_until(answered, f"what is shown of {aor}")
    if one["subscription"] == "refused":
        assert (one["state"], one["activities"], one["note"], one["since"], one["devices"]) == (
            "unknown",
            [],
            "",
            None,
            [],
        )
        return Shown(REFUSED)
    return Shown(one["state"], len(one["devices"]), json.dumps(one))


def by_phone_page(doors: Doors, aor: str) -> Shown:
    """The page of the contact, once its subscription is answered."""
    desk = DeskPhone(f"{doors.pages}/phone/?user=u1")
    if "Yes" in "".join(desk.fill(pin=PIN).items):
        desk.choose("Yes")  # log out the desk of the test before
    desk.choose("Contacts")
    desk.choose(Aor(aor).user)
    wait_until(lambda: desk.refresh().text.splitlines()[0] != Reachability.UNKNOWN.label, f"what is shown of {aor}")
    text = desk.page.text
    state, *more = text.splitlines()
    if state == "Not shown to you":
        assert more == [aor]
        return Shown(REFUSED)
    found = next(one.value for one in Reachability if one.label == state)
    return Shown(found, sum(line.startswith("Device: ") for line in more), text.lower())


DOORS: dict[str, Callable[[Doors, str], Shown]] = {
    "SIP": by_sip,
    "REST": by_rest,
    "WebSocket": by_websocket,
    "webhook": by_webhook,
    "messenger": by_messenger,
    "phone pages": by_phone_page,
}


def _of_document(document: dict[str, Any]) -> Shown:
    if document["subscription"] == "ended":
        assert set(document) == {"aor", "subscription", "etag"}
        return Shown(REFUSED)
    return Shown(document["state"], len(document["devices"]), json.dumps(document))


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED) as deployment, Receiver() as receiver:
        deployment.apply(RULES)
        deployment.start_edge()
        deployment.start_worker()
        for aor in (OPEN, BLOCKED, POLITE, FILTERED):
            with deployment.peer(aor.removeprefix("sip:")) as phone:
                body = pidf(aor, activity="meeting", tuple_id="desk", extra="<note>secret words</note>")
                assert phone.publish(body).status == 200
        web = integrator(deployment)
        made = Doors(deployment, bus, web, receiver)
        targets = [{"uri": aor} for aor in (OPEN, BLOCKED, POLITE, FILTERED, NOBODY)]
        hook = {"name": "wall", "url": receiver.url, "secret": SECRET, "persona": WATCHER, "targets": targets}
        assert web.ask("POST", "webhooks/", hook)[0] == 201
        with made.edge:
            yield made
        assert "Traceback" not in deployment.logs()


@pytest.mark.parametrize("door", DOORS)
def test_a_watcher_with_permission_sees(doors: Doors, door: str) -> None:
    """R-ARC-06, R-NTF-01: so that the other tests are about something."""
    shown = DOORS[door](doors, OPEN)
    assert shown[:2] == ("available", 1) and "meeting" in shown.everything


@pytest.mark.parametrize("aor", [BLOCKED, NOBODY])
@pytest.mark.parametrize("door", DOORS)
def test_a_watcher_without_permission_learns_nothing(doors: Doors, door: str, aor: str) -> None:
    """R-SUB-09, R-ARC-06, D-15: and beside SIP not even whether there is somebody."""
    assert DOORS[door](doors, aor) == Shown(REFUSED)


@pytest.mark.parametrize("door", DOORS)
def test_a_polite_block_looks_like_somebody_who_is_not_there(doors: Doors, door: str) -> None:
    """D-15, D-16."""
    shown = DOORS[door](doors, POLITE)
    assert shown[:2] == ("unavailable", 0)
    assert not any(word in shown.everything for word in ("meeting", "secret words", "desk"))


@pytest.mark.parametrize("door", DOORS)
def test_a_privacy_filter_hides_devices(doors: Doors, door: str) -> None:
    """R-CMP-03, R-CMP-04, D-16, D-28: the person stays; what only hidden devices say goes with them."""
    shown = DOORS[door](doors, FILTERED)
    assert shown[:2] == ("available", 0)
    assert not any(word in shown.everything for word in ("meeting", "secret words", "desk"))


def test_a_change_comes_through_every_door_at_once(doors: Doors) -> None:
    """R-NTF-01, DESIGN section 6: what a client publishes, and what an administrator saves."""
    user = f"sip:u14@{DOMAIN}"
    hook = doors.web.ask("GET", "webhooks/")[1]["results"][0]
    targets = [*hook["targets"], {"uri": user}]
    assert doors.web.ask("PATCH", f"webhooks/{hook['id']}/", {"targets": targets})[0] == 200
    doors.receiver.sees(user, "unknown")
    with doors.deployment.peer("u14") as one, doors.deployment.peer("u1") as phone:
        watch = phone.subscribe(user)
        with Listener(doors.web, doors.token) as program:
            program.asks("subscribe", aors=[user])
            began = time.monotonic()
            one.publish(pidf(user, activity="busy"))
            watch.sees("<rpid:busy/>")
            program.sees(user, "busy")
            doors.receiver.sees(user, "busy")
            assert time.monotonic() - began < 10, "no door waits for the look at all webhooks"
            acl = {"presentity": user, "default": "block"}
            assert doors.web.ask("POST", "uri-acls/", acl)[0] == 201
            wait_until(lambda: "rejected" in (watch.notifies[-1].get("Subscription-State") or ""), "its end by SIP")
            program.sees(user, "ended")
            doors.receiver.sees(user, "ended")
    assert by_rest(doors, user) == Shown(REFUSED)
