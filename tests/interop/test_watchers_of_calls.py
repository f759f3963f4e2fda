"""Watchers of a real call: sipp by SIP and somebody in a browser see two baresip phones talk, and then not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.messenger_page import people
from tests.interop.deskphone import DeskPhone
from tests.interop.sipp_run import Sipp
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.services import free_port, valkey
from tests.system import PROVISIONED, Deployment, deployed

pytestmark = pytest.mark.system

LINES = f"""
lines:
  - {{uri: "2001", owner: "u1@{DOMAIN}", switch: sip}}
  - {{uri: "2002", owner: "u2@{DOMAIN}", switch: sip}}
lists: [{{uri: "u3.team@{DOMAIN}", owner: "u3@{DOMAIN}", members: ["u1@{DOMAIN}", "u2@{DOMAIN}"]}}]
"""


@pytest.fixture
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + LINES) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs(), found.logs()[-4000:]


def test_busy_and_back(site: Deployment, tmp_path: Path) -> None:
    """R-PUB-22, R-PUB-23, R-IM-01: Available; Interruptible But Busy, as messages can still be read; Available."""
    phones = [
        DeskPhone(tmp_path / f"u{number}", f"u{number}@{DOMAIN}", PASSWORD, site.proxy, "udp", 400, free_port())
        for number in (1, 2)
    ]
    try:
        for number in (1, 2):
            publisher = site.peer(f"u{number}")
            publisher.publish(pidf(publisher.aor))
        watcher = Sipp(tmp_path, site.engine, "watch_call", service="u1")
        with people(site.start_web()) as make:
            one = make("u3").sign_in().is_in()
            one.sees_state("u1", "available"), one.sees_state("u2", "available")
            phones[0].command("dial", f"sip:u2@{DOMAIN}")
            phones[1].shows("INCOMING")
            phones[1].command("accept")
            phones[0].shows("ESTABLISHED")
            one.sees_state("u1", "interruptible"), one.sees_state("u2", "interruptible")
            phones[1].command("hangup")
            one.sees_state("u1", "available"), one.sees_state("u2", "available")
        watcher.ends()
    finally:
        for phone in phones:
            phone.close()
