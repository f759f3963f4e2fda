"""A real Kamailio as foreign server: its users' states reach our watchers, and its troubles do what D-32 says."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.kamailio import DOMAIN, EXPIRES, Kamailio
from tests.phone import DOMAIN as OURS
from tests.phone import pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

JOE = f"sip:u1@{OURS}"
PHONE = f"sip:5555@{DOMAIN}"


@pytest.fixture
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        found.start_worker()
        yield found
        assert "Traceback" not in found.logs()


def state(activity: str) -> bytes:
    return pidf(PHONE, activity=activity, tuple_id="line1", extra=f"<contact>{PHONE}</contact>")


def at(site: Deployment, server: Kamailio, transport: str, user: str = "5555") -> None:
    site.apply(
        f'foreign_servers: [{{name: cm, address: "127.0.0.1:{server.port}", transport: {transport}}}]\n'
        f'mappings: [{{user: "u1@{OURS}", foreign: "{user}@{DOMAIN}", server: cm}}]\n'
    )


def held(site: Deployment) -> str:
    """State of the back-end subscription as its row says it."""
    return site.manage(
        "shell", "-v0", "-c",
        "from presence.models import BackendSubscription as B; print(*B.objects.values_list('state', flat=True))",
    ).strip()  # fmt: skip


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_user_of_kamailio_is_watched_here(site: Deployment, tmp_path: Path, transport: str) -> None:
    """F-5, R-FLW-03, R-BCK-03, R-BCK-04, R-BCK-05, R-FRN-05, R-FRN-06, D-29, D-32: by another name, in another
    domain.
    """
    kamailio = Kamailio(tmp_path / "kamailio", transport=transport)
    kamailio.start()
    at(site, kamailio, transport)
    try:
        with kamailio.publisher("5555") as desk, site.phone("u2") as watcher:
            tag = desk.publish(state("busy")).get("SIP-ETag")
            watch = wait_until(
                lambda: found if (found := watcher.subscribe(JOE)).heard(1) and held(site) else None,
                "the back-end subscription",
            )
            shown = watch.sees("<rpid:busy/>")
            assert f'entity="{JOE}"'.encode() in shown.body and f">{PHONE}</contact>".encode() in shown.body
            tag = desk.publish(state("meeting"), tag=tag).get("SIP-ETag")
            watch.sees("<rpid:meeting/>")
            # It outlives what Kamailio grants at once: it was refreshed.
            time.sleep(EXPIRES + 2)
            assert desk.publish(state("away"), tag=tag).status == 200
            watch.sees("<rpid:away/>")
            watch.refresh(expires=0)
            wait_until(lambda: held(site) == "", "the end of the back-end subscription")
    finally:
        kamailio.stop()


def test_kamailio_stops_comes_back_moves_and_refuses(site: Deployment, tmp_path: Path) -> None:
    """D-32, D-23 rule 2: Unknown once the state has run out; tried again; followed; given up until provisioned anew."""
    kamailio = Kamailio(tmp_path / "kamailio", transport="tcp")
    kamailio.start()
    at(site, kamailio, "tcp")
    other = Kamailio(tmp_path / "other", transport="tcp")
    try:
        with site.phone("u2") as watcher:
            with kamailio.publisher("5555") as desk:
                desk.publish(state("busy"))
                watch = wait_until(
                    lambda: found if (found := watcher.subscribe(JOE)).heard(1) and held(site) else None,
                    "the back-end subscription",
                )
                watch.sees("<rpid:busy/>")
                kamailio.stop()
                wait_until(lambda: b"<rpid:unknown/>" in watch.notifies[-1].body, "Unknown", 60)
            kamailio.start()
            with kamailio.publisher("5555") as desk:
                desk.publish(state("meeting"))
                wait_until(lambda: b"<rpid:meeting/>" in watch.notifies[-1].body, "the state again", 90)
            other.start()
            with other.publisher("5555") as desk:
                desk.publish(state("away"))
                at(site, other, "tcp")
                wait_until(lambda: b"<rpid:away/>" in watch.notifies[-1].body, "the state from the new place", 60)
            other.stop()
            other.start(refuse="603")
            wait_until(lambda: held(site) == "stopped", "the end of all attempts", 90)
            wait_until(lambda: b"<rpid:unknown/>" in watch.notifies[-1].body, "Unknown", 60)
            other.stop()
            other.start()
            with other.publisher("7777") as desk:
                desk.publish(state("vacation"))
                at(site, other, "tcp", "7777")
                wait_until(lambda: b"<rpid:vacation/>" in watch.notifies[-1].body, "the other mapping's state", 60)
    finally:
        kamailio.stop()
        other.stop()
