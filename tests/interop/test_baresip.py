"""baresip and baresip: what one publishes shows at the other, as baresip itself understands it."""

import time
from pathlib import Path

import pytest

from tests.interop.baresip import Baresip
from tests.phone import DOMAIN, PASSWORD
from tests.programs import needs_program
from tests.system import deployed

pytestmark = pytest.mark.system


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_status_change_at_one_shows_at_the_other(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-ARC-05, R-FLW-01, R-FLW-02, R-FLW-04, R-TRN-01, R-REG-01, D-41, D-42, D-44: the whole loop."""
    needs_program("baresip")
    with deployed(tls=transport == "tls") as deployment:
        deployment.start_edge()
        port, authority = deployment.door(transport)
        alice, bob = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}"
        one = Baresip(tmp_path / "alice", alice, PASSWORD, port, transport, bob, authority)
        other = Baresip(tmp_path / "bob", bob, PASSWORD, port, transport, alice, authority)
        try:
            for client in (one, other):
                client.registered()
                # At its start it publishes "unknown" and "open" at once; which of them is heard last is chance.
                for status in ("presence_offline", "presence_online"):
                    time.sleep(1.0)
                    client.command(status)
            one.sees("Online")
            other.sees("Online")
            other.command("presence_offline")
            one.sees("Offline")
            other.command("presence_online")
            one.sees("Online")
            one.command("presence_offline")
            other.sees("Offline")
        finally:
            one.close()
            other.close()
        assert "Traceback" not in deployment.logs()
