"""What a Kamailio of another domain does by itself; what it and we do together is in test_other_domain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.kamailio_domain import DOMAIN, KamailioDomain
from tests.phone import pidf

pytestmark = pytest.mark.system


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KamailioDomain]:
    found = KamailioDomain(tmp_path / "kamailio", 9, transport="udp", host="127.0.0.9")
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_its_users_talk_and_watch(server: KamailioDomain, transport: str) -> None:
    """RFC 3428, RFC 3856: so that a failure between two domains is not one of the other domain's own."""
    with server.user("bob", transport=transport) as bob, server.user("carol", transport=transport) as carol:
        assert carol.message(f"sip:bob@{DOMAIN}", "within the domain").status == 200
        bob.reads("within the domain")
        assert carol.message(f"sip:nobody@{DOMAIN}").status == 404
        assert carol.message("sip:nobody@elsewhere.example").status == 404
        published = bob.publish(pidf(bob.aor, activity="busy"))
        watch = carol.subscribe(bob.aor)
        watch.sees("<rpid:busy/>")
        bob.publish(pidf(bob.aor, activity="away"), tag=published.get("SIP-ETag"))
        watch.sees("<rpid:away/>")
        assert watch.within_route(expires=0).status in (200, 202)
