"""libpurple at one end or both: what is published shows at the watcher, as libpurple itself understands it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.purple import Purple
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.programs import needs_library
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

ALICE, BOB = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}"


@contextlib.contextmanager
def logged_in(deployment: Deployment, folder: Path, aor: str, transport: str, buddy: str) -> Iterator[Purple]:
    """A libpurple client with one buddy."""
    client = Purple(folder, aor, PASSWORD, deployment.proxy, transport)
    with contextlib.closing(client):
        client.watch(buddy)
        client.log_in()
        yield client


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_of_them_see_each_other_log_in_and_out(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-FLW-01, R-FLW-04, R-TRN-01, R-REG-01, D-42, D-43, D-45, D-46, D-47: the same user comes back too."""
    needs_library("purple")
    with deployed() as deployment:
        deployment.start_edge()
        with (
            logged_in(deployment, tmp_path / "alice", ALICE, transport, BOB) as one,
            logged_in(deployment, tmp_path / "bob", BOB, transport, ALICE) as other,
        ):
            one.sees(BOB, "online")
            other.sees(ALICE, "online")
            other.log_out()
            one.sees(BOB, "offline")
            other.log_in()
            one.sees(BOB, "online")
            other.sees(ALICE, "online")
            one.log_out()
            other.sees(ALICE, "offline")
        assert "Traceback" not in deployment.logs()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_and_another_client_see_each_other(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-FLW-01, R-FLW-04, R-REG-06, D-42, D-45, D-46, D-47: the buddy changes while it is logged in."""
    needs_library("purple")
    with deployed() as deployment:
        deployment.start_edge()
        with deployment.phone("xten4", transport=transport.upper()) as phone:
            watch = phone.subscribe("xten3")
            assert watch.response.status == 200
            with logged_in(deployment, tmp_path / "alice", ALICE, transport, BOB) as purple:
                assert b"bs35r9f" in watch.sees("<basic>open</basic>").body  # the tuple id that libpurple always uses
                assert bindings(deployment) == 1
                tag = None
                for basic, status in (("open", "online"), ("closed", "offline"), ("open", "online")):
                    published = phone.publish(pidf(phone.aor, basic), tag=tag)
                    tag = published.get("SIP-ETag")
                    purple.sees(BOB, status)
                purple.log_out()
                watch.sees("<basic>closed</basic>")
                wait_until(lambda: bindings(deployment) == 0, "the end of libpurple's registration")
        assert "Traceback" not in deployment.logs()


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    """R-ARC-04, R-SEC-02, D-45: it tries a few times, says why it stops, and stays offline."""
    needs_library("purple")
    with deployed() as deployment:
        deployment.start_edge()
        client = Purple(tmp_path / "alice", ALICE, "wrong", deployment.proxy, "udp")
        with contextlib.closing(client):
            client.tell("login")
            client.is_now("error", "Incorrect password")
            client.is_now("account", "offline")
        assert bindings(deployment) == 0


def bindings(deployment: Deployment) -> int:
    """How many contacts the registrar has for alice."""
    with deployment.phone(ALICE) as phone:
        return len(phone.register(expires=None, Contact=None).get_all("Contact"))
