"""Flows F-3 and F-6 over every transport, over IPv4 and IPv6 (section 3, R-TRN-01)."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from sipedge.sip.message import Request, parse
from tests.builders import guide
from tests.phone import Phone, pidf
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")
HOSTS = ("127.0.0.1", "::1")

everywhere = pytest.mark.parametrize("host", HOSTS, ids=["IPv4", "IPv6"])
over_everything = pytest.mark.parametrize("transport", TRANSPORTS)

_numbers = count()


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, tls=True) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def client(site: Deployment) -> Iterator[Callable[[str, str], Phone]]:
    """Makes clients over a transport to an address, each of a user that no other test has."""
    with contextlib.ExitStack() as open_ones:

        def make(transport: str, host: str) -> Phone:
            return open_ones.enter_context(site.client(f"u{next(_numbers)}", transport, host))

        yield make


def came_over(request: Request, transport: str, host: str) -> bool:
    """A request of ours says where answers and the next requests go: here, over this transport."""
    ours = f"[{host}]" if ":" in host else host
    contact = request.get("Contact")
    return (
        request.via.transport == transport
        and request.via.sent_by.startswith(f"{ours}:")
        and (contact is None or (f"{ours}:" in contact and f"transport={transport.lower()}" in contact))
    )


@everywhere
@over_everything
def test_a_client_logs_in(client: Callable[[str, str], Phone], transport: str, host: str) -> None:
    """F-3: R-FLW-01, R-REG-01, R-SEC-02, R-TRN-01, R-ARC-05, R-AOR-05, R-PUB-33, D-12, D-46: REGISTER is challenged,
    then bound; PUBLISH; a SUBSCRIBE to each buddy, each with one NOTIFY at once, over the client's own connection.
    """
    one, *buddies = (client(transport, host) for _ in range(3))
    assert one.register(login=False).status == 401
    registered = one.register()
    assert registered.status == 200 and one.contact in (registered.get("Contact") or "")
    published = one.publish(pidf(one.aor))
    assert (published.status, published.body) == (200, b"") and published.get("SIP-ETag")
    assert buddies[0].publish(pidf(buddies[0].aor)).status == 200
    for buddy, state in zip(buddies, ("<ce:available/>", "<rpid:unknown/>"), strict=True):
        watch = one.subscribe(buddy.aor)
        assert (watch.response.status, watch.response.get("Expires"), watch.response.body) == (200, "3600", b"")
        notify = watch.heard(1)
        assert state.encode() in notify.body
        assert notify.target == one.contact.strip("<>") and came_over(notify, transport, host)


@everywhere
@over_everything
def test_two_clients_watch_each_other_and_talk(client: Callable[[str, str], Phone], transport: str, host: str) -> None:
    """F-6: R-FLW-04, R-FLW-05, R-REG-01, R-MSG-01, R-MSG-02, R-MSG-03, R-MSG-04, R-MSG-05, R-TRN-01, EX-6, D-14, D-46,
    RFC 7118: each registers, publishes and subscribes to the other; then MESSAGE in either direction.
    """
    one, other = client(transport, host), client(transport, host)
    watches = []
    for me, buddy in ((one, other), (other, one)):
        assert me.register().status == 200
        assert me.publish(pidf(me.aor)).status == 200
        watches.append(me.subscribe(buddy.aor))
    for watch in watches:
        assert came_over(watch.sees("<ce:available/>"), transport, host)
    example = parse(guide("ex6.sip"))
    assert isinstance(example, Request)
    for me, buddy in ((one, other), (other, one)):
        answer = me.message(
            buddy.aor, kind=example.get("Content-Type") or "", body=example.body, Contact="<sip:ignored@192.0.2.1>"
        )
        assert answer.status == 200
        got = buddy.reads("Hello xten4!")
        assert got.target == buddy.contact.strip("<>"), "exactly the registered Contact"
        assert (got.get("Content-Type"), len(got.body)) == (example.get("Content-Type"), 12)
        assert got.get("P-Asserted-Identity") == f"<{me.aor}>"
        assert got.get("Proxy-Authorization") is None and got.get("Contact") is None  # V-29
        assert got.max_forwards == 69 and len(got.get_all("Via")) == 2 and came_over(got, transport, host)
        assert len(answer.get_all("Via")) == 1


def test_each_is_reached_the_way_it_came(client: Callable[[str, str], Phone]) -> None:
    """R-TRN-01, R-FLW-05, D-46: a ring of messages through all transports and both address families, and back."""
    ring = [client(transport, host) for host in HOSTS for transport in TRANSPORTS]
    for one in ring:
        assert one.register().status == 200
    for step in (1, -1, 5):
        for number, sender in enumerate(ring):
            recipient = ring[(number + step) % len(ring)]
            text = f"{step}: from {sender.aor}"
            assert sender.message(recipient.aor, text).status == 200
            recipient.reads(text)
