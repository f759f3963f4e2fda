"""Flow F-3: a client logs in; flow F-4: what one publishes another one is told. See also `test_transports`."""

from collections.abc import Callable

import pytest

from sipedge.sip.digest import MD5, SHA256
from tests.phone import Phone, pidf

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


@pytest.mark.parametrize("algorithm", [SHA256, MD5])
def test_a_client_logs_in_publishes_and_subscribes(phone: Make, algorithm: str) -> None:
    """R-FLW-01, R-REG-01, R-REG-04, R-SEC-02, R-ARC-05, R-AOR-05, D-12: flow F-3 with either digest."""
    client = phone(algorithm=algorithm)
    registered = client.register()
    assert registered.status == 200
    assert client.address in (registered.get("Contact") or "")
    published = client.publish(pidf(client.aor))
    assert published.status == 200 and published.get("SIP-ETag")
    watch = client.subscribe(client.aor)
    assert (watch.response.status, watch.response.get("Expires"), watch.response.body) == (200, "3600", b"")
    assert b"<ce:available/>" in watch.heard(1).body


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_what_one_publishes_another_one_is_told(phone: Make, transport: str) -> None:
    """R-FLW-02, R-FLW-04, R-ARC-01, R-PUB-01, R-PUB-34, R-NTF-01: flow F-4 through the proxy."""
    publisher, watcher = phone(transport=transport), phone(transport=transport)
    tag = publisher.publish(pidf(publisher.aor)).get("SIP-ETag")
    watch = watcher.subscribe(publisher.aor)
    watch.sees("<ce:available/>")
    changed = publisher.publish(pidf(publisher.aor, activity="busy"), tag=tag)
    assert changed.status == 200 and changed.get("SIP-ETag") not in (None, tag)
    notify = watch.sees("<rpid:busy/>")
    assert notify.cseq.number == 2
    assert (notify.get("Subscription-State") or "").startswith("active;expires=")


def test_the_same_at_an_engine_listener(peer: Make) -> None:
    """R-SEC-01, R-SEC-03, R-SUB-07, R-PUB-03: trusted peers assert identities, nobody is challenged."""
    publisher, watcher = peer(), peer()
    assert publisher.publish(pidf(publisher.aor), login=False).status == 200
    watch = watcher.subscribe(publisher.aor, login=False)
    assert watch.response.status == 200
    watch.sees("<ce:available/>")


def test_the_reachability_follows_every_publication(phone: Make) -> None:
    """R-ARC-06, R-AOR-01, R-AOR-02, R-AOR-03: one address, several devices, one state for the watcher."""
    desk, laptop, watcher = phone(), phone(), phone()
    laptop.aor = desk.aor
    watch = watcher.subscribe(desk.aor)
    watch.sees("<rpid:unknown/>")
    tag = desk.publish(pidf(desk.aor, tuple_id="desk", activity="on-the-phone")).get("SIP-ETag")
    watch.sees("<rpid:busy/><rpid:on-the-phone/>")
    laptop.publish(pidf(desk.aor, tuple_id="laptop"))
    body = watch.sees('id="laptop"').body
    assert body.count(b"<tuple ") == 2, "R-NTF-08: one tuple for each device"
    desk.publish(tag=tag, expires=0)
    body = watch.sees("<ce:available/>").body
    assert body.count(b"<tuple ") == 1
