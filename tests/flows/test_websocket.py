"""SIP over WebSocket at a running edge (RFC 7118, R-TRN-01)."""

import ssl
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import InvalidStatus, NegotiationError
from websockets.sync.client import connect

from tests.phone import DOMAIN, Phone, pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, tls=True) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def browser(site: Deployment) -> Iterator[Callable[..., Phone]]:
    """Clients as browsers are: their Contact is an address that nobody can reach."""
    made: list[Phone] = []

    def make(user: str, transport: str = "WS") -> Phone:
        tls = None
        port = site.proxy_ws
        if transport == "WSS":
            tls = ssl.create_default_context(cafile=site.folder / "tls" / "development-ca.crt")
            port = site.proxy_wss
        made.append(Phone(user, ("127.0.0.1", port), transport=transport, tls=tls, server_name=DOMAIN if tls else ""))
        made[-1].contact = f"<sip:{made[-1].aor.user}@df7jal23ls0d.invalid;transport=ws>"
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("transport", ["WS", "WSS"])
def test_a_browser_is_a_client_like_any_other(site: Deployment, browser: Callable[..., Phone], transport: str) -> None:
    """F-3, F-6, R-TRN-01, R-FLW-05, D-46, RFC 7118: log in, publish, watch, talk, with a client over UDP too."""
    one, other = browser("u1", transport), browser("u2", transport)
    with site.phone("u3") as plain:
        for client in (one, other, plain):
            assert client.register().status == 200
        one.publish(pidf(one.aor))
        for watcher in (other, plain):
            notify = watcher.subscribe(one.aor).sees("<ce:available/>")
            assert notify.via.transport == (transport if watcher is other else "UDP")
        for sender, recipient in ((one, other), (other, plain), (plain, one)):
            text = f"from {sender.aor} over {transport}"
            assert sender.message(recipient.aor, text).status == 200
            recipient.reads(text)


def test_a_browser_that_is_gone_cannot_be_reached(site: Deployment, browser: Callable[..., Phone]) -> None:
    """D-34, RFC 5626: nobody else gets what was meant for its connection; its subscription ends."""
    one = browser("u4")
    one.register()
    one.subscribe(f"sip:u5@{DOMAIN}").heard(1)
    one.close()
    with site.phone("u5") as other:
        wait_until(lambda: other.message(one.aor).status == 480, "480")
        other.publish(pidf(other.aor))
        count = (
            "from presence.models import Subscription as S; "
            f"print(S.objects.filter(watcher='{one.aor}').exclude(state='terminated').count())"
        )
        wait_until(lambda: int(site.manage("shell", "-v0", "-c", count)) == 0, "the end of its subscription", 40)


def test_what_is_no_sip_over_websocket_is_refused(site: Deployment, browser: Callable[..., Phone]) -> None:
    """RFC 7118 section 4, D-39: the subprotocol has to be offered; junk harms nobody; sizes are bounded."""
    url = f"ws://127.0.0.1:{site.proxy_ws}/"
    with pytest.raises((InvalidStatus, NegotiationError)):
        connect(url)
    with pytest.raises((InvalidStatus, NegotiationError)):
        connect(url, subprotocols=["chat"])  # type: ignore[list-item]
    with connect(url, subprotocols=["sip"]) as junk:  # type: ignore[list-item]
        junk.send("no sip at all")
        junk.send(b"\x00\xff" * 100)
        junk.send("x" * 70_000)
        one = browser("u6")
        assert one.register().status == 200
