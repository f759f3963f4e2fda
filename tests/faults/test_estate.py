"""What else an edge that is gone has left: subscriptions at foreign servers, states of lines, registrations."""

import json
import socket

import pytest

from cti.csta import messages as m
from cti.csta.messages import AutoOriginate
from tests.faults.edges import Edges, contact_of
from tests.faults.test_kill_calls import SIMULATED_LINES
from tests.flows.backend.scenes import phone_state
from tests.foreign import Foreign
from tests.phone import DOMAIN, pidf
from tests.program import Program
from tests.services import PostgreSQL, valkey
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

FAR = """
foreign_servers: [{{name: far, address: "127.0.0.1:{port}"}}]
mappings: [{{user: "u0@{domain}", foreign: "sip:0@cm.example", server: far, priority: 3}}]
"""

IN_FORCE = (
    "from django.utils import timezone; from sipedge.models import Binding; print(*Binding.objects"
    ".filter(expires_at__gt=timezone.now()).order_by('persona__aor').values_list('persona__user', flat=True))"
)
"Who is registered."


def test_all_that_an_edge_has_left_is_taken_over_or_ends(postgresql_server: PostgreSQL) -> None:
    """D-30, D-36, D-46: the dialog with the foreign server goes on from the survivor, its calls are over, who was
    registered over its connections is not any more, and a watcher over TCP that listens elsewhere hears of its end."""
    with (
        valkey() as bus,
        deployed(server=postgresql_server.url, bus=bus) as deployment,
        Foreign() as far,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        deployment.apply(SIMULATED_LINES + FAR.format(port=far.port, domain=DOMAIN))
        edges = Edges(deployment, 2, CUPS_CSTA_LISTEN=f"tcp:127.0.0.1:{deployment.csta}")
        try:
            watcher, there = edges.roamer("u10", 1), edges.roamer("u11", 2)
            watch = watcher.subscribe(f"sip:u0@{DOMAIN}")
            asked = far.asked(1)
            assert far.notify(asked, phone_state("sip:0@cm.example", "busy")).status == 200
            watch.sees("<rpid:busy/>")
            bound, listening = edges.connected("u12", 1), edges.connected("u13", 1)
            assert there.publish(pidf(there.aor)).status == 200
            listening.contact = f"<sip:u13@127.0.0.1:{door.getsockname()[1]};transport=tcp>"
            for one in (bound, watcher):
                assert one.register(one.contact).status == 200
            listening.subscribe(there.aor).heard(1)
            talks = there.subscribe(f"sip:u1@{DOMAIN}")
            with Program(("127.0.0.1", deployment.csta)) as program:
                program.log_in(f"u1@{DOMAIN}", "secret")
                program.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
                talks.sees("on-the-phone")
                assert edges.ask(IN_FORCE) == "u10 u12"
                edges.kill(1)
            talks.loses("on-the-phone")
            wait_until(lambda: contact_of(watch)[1] == edges.ports[2], "the survivor's Contact", 60)
            again = wait_until(
                lambda: next((one for one in far.requests if one.cseq.number > asked.cseq.number), None), "a refresh"
            )
            assert (again.call_id, again.to.tag) == (asked.call_id, far.tag) and again.get("Expires") != "0"
            assert str(edges.ports[2]) in (again.get("Contact") or "")
            assert far.notify(again, phone_state("sip:0@cm.example", "away")).status == 200
            watch.sees("<rpid:away/>")
            wait_until(lambda: edges.ask(IN_FORCE) == "u10", "the end of a registration", 60, 0.5)
            door.settimeout(60)
            connection, _ = door.accept()
            with connection:
                connection.settimeout(60)
                heard = b""
                while b"\r\n\r\n" not in heard and (more := connection.recv(65535)):
                    heard += more
            assert b"Subscription-State: terminated;reason=deactivated" in heard
            took = edges.ask(
                "import json; from presence.models import EdgeLease;"
                "print(json.dumps(EdgeLease.objects.get(edge='edge-1').adopted))"
            )
            assert json.loads(took) == {"edge-2": {"subscriptions": 1, "ended": 1, "backends": 1, "bindings": 1}}
        finally:
            edges.close()
        assert "Traceback" not in deployment.logs(), deployment.logs()
