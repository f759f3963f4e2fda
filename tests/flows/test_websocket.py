"""SIP over WebSocket at a running edge (RFC 7118, R-TRN-01)."""

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
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture
def browser(site: Deployment) -> Iterator[Callable[..., Phone]]:
    """Clients as browsers are: their Contact is an address that nobody can reach."""
    made: list[Phone] = []

    def make(user: str) -> Phone:
        made.append(site.client(user, "WS"))
        return made[-1]

    yield make
    for one in made:
        one.close()


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
