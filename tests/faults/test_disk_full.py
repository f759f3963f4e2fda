"""The disk of the database is full: changes are refused, what is there is served, all goes on when there is room."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.load import PATIENCE, Load, Publisher, Recovery, holds
from tests.phone import DOMAIN, pidf
from tests.rest import Web, integrator
from tests.services import PostgreSQL
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

MEGABYTES = 160
"For the tables, those of the server itself included."

NOTE = f"<note>{'full ' * 1000}</note>"
"Makes a document that does not fit where its predecessor was."


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """With a disk of its own."""
    if os.geteuid() != 0:
        if os.environ.get("CUPS_REQUIRE_PEERS"):
            pytest.fail("nobody but root can mount a small disk, and this run has to have one")
        pytest.skip("nobody but root can mount a small disk")
    with PostgreSQL(durable=True, megabytes=MEGABYTES) as found:
        yield found


def test_no_room_for_changes(server: PostgreSQL) -> None:
    """D-11: PUBLISH is answered 503 with Retry-After, REST likewise; edge and web live, who asks is told what there is;
    nothing that was acknowledged is missing, and nobody has to start anything again."""
    with deployed(server=server.url) as deployment:
        deployment.start_edge()
        web: Web = integrator(deployment)
        publishers = [Publisher(deployment.peer(f"u{number}"), extra=NOTE) for number in range(4)]
        watcher = deployment.peer("ippm4")
        watches = {one: [watcher.subscribe(one.phone.aor)] for one in publishers}
        steady = deployment.peer("u20")
        assert steady.publish(pidf(steady.aor, activity="busy")).status == 200
        load = Load(publishers, patience=60)
        try:
            load.goes_on(5)
            server.fill()
            wait_until(lambda: all(one.refused > 1 for one in publishers), "refusals", PATIENCE, 0.1)
            assert all(retry and int(retry) > 0 for one in publishers for retry in one.retry_after)
            assert deployment.peer("u21").ask("OPTIONS", f"sip:{DOMAIN}").status == 200, "the edge lives"
            assert web.page("/livez")[0] == 200
            status, seen = web.ask("GET", f"presence/u20@{DOMAIN}/")
            assert (status, seen["state"]) == (200, "busy"), "what there is can be read"
            aor = f"u22@{DOMAIN}"
            component = {"activities": ["meeting"], "note": "full " * 100}
            assert web.ask("PUT", f"presence/{aor}/component/?as={aor}", component)[0] in (200, 201, 503)
            assert "No space left on device" in deployment.logs(), "the log says why"
            server.make_room()
            recovery = Recovery("disk full")
            load.goes_on(5)
            recovery.over()
        finally:
            load.stop()
        assert set(load.answers) <= {200, 503, 412}, load.answers
        holds(deployment, publishers, watches.__getitem__, deployment.peer("u10"))
        assert web.page("/readyz")[0] == 200
        assert web.ask("PUT", f"presence/{aor}/component/?as={aor}", component)[0] in (200, 201)
        assert "Traceback" not in deployment.logs(), deployment.logs()
