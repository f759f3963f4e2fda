"""What clients and peers try at the proxy that they should not get (R-SEC-02, R-SEC-03, D-02, D-14, D-22)."""

import time
from collections.abc import Iterator

import pytest

from tests.caller import Caller
from tests.phone import DOMAIN
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

GUEST = "127.0.0.7"
"An address that the access list lets in."


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed() as found:
        found.apply(f"access_list: [{{address: {GUEST}}}]\noutbound_rules: [{{pattern: '*.closed.example', allow: false}}]")
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def caller(site: Deployment, user: str, **options: str) -> Caller:
    return Caller(user, ("127.0.0.1", site.proxy), **options)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_no_spelling_of_our_own_address_leads_to_the_engine(site: Deployment, host: str, transport: str) -> None:
    """R-SEC-03, D-14: there the proxy is believed, and From with it when the sender hides its identity."""
    with site.phone("u1") as user, site.phone("u2", transport="TCP") as bound:
        route = [("Route", f"<sip:{host}:{site.engine};transport={transport};lr>"), ("Privacy", "id")]
        publish = [*route, ("Event", "presence"), ("Content-Type", "application/pidf+xml")]
        got = user.ask("OPTIONS", f"sip:u3@{DOMAIN}", publish)
        assert got.status == 480
        assert bound.register(f"<sip:u2@{host}:{site.engine};transport=tcp>").status == 200
        bound.close()
        time.sleep(0.2)
        assert user.message(bound.aor, "to the engine").status == 480
