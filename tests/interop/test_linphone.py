"""liblinphone at one end or both: what is published shows at the watcher, as liblinphone itself understands it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.linphone import Linphone
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.programs import needs_library
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

ALICE, BOB = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}"


@contextlib.contextmanager
def logged_in(deployment: Deployment, folder: Path, aor: str, transport: str, buddy: str) -> Iterator[Linphone]:
    """A liblinphone client with one friend; it publishes that it is online."""
    port, authority = deployment.door(transport)
    client = Linphone(folder, aor, PASSWORD, port, transport, authority)
    with contextlib.closing(client):
        client.watch(buddy)
        client.log_in()
        yield client


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_two_of_them_see_each_other_change(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-FLW-01, R-FLW-04, R-TRN-01, R-REG-01, D-42, D-45, D-46, D-49: and one leaves and comes back."""
    needs_library("linphone")
    with deployed(tls=transport == "tls") as deployment:
        deployment.start_edge()
        with logged_in(deployment, tmp_path / "alice", ALICE, transport, BOB) as one:
            with logged_in(deployment, tmp_path / "bob", BOB, transport, ALICE) as other:
                one.sees(BOB, "online")
                other.sees(ALICE, "online")
                for presence in ("busy", "dnd", "online", "offline", "online"):
                    other.publish(presence)
                    one.sees(BOB, presence)
                other.log_out()
                one.sees(BOB, "offline")
            with logged_in(deployment, tmp_path / "bob again", BOB, transport, ALICE) as other:
                one.sees(BOB, "online")
                other.sees(ALICE, "online")
                one.log_out()
                other.sees(ALICE, "offline")
        assert "Traceback" not in deployment.logs()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_and_another_client_see_each_other(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-FLW-01, R-FLW-04, R-REG-06, D-42, D-45, D-46, D-49: the buddy changes while it is logged in."""
    needs_library("linphone")
    with deployed() as deployment:
        deployment.start_edge()
        with deployment.phone("xten4", transport=transport.upper()) as phone:
            watch = phone.subscribe("xten3")
            assert watch.response.status == 200
            with logged_in(deployment, tmp_path / "alice", ALICE, transport, BOB) as linphone:
                watch.sees("pidfonline:online")  # its own word for what it publishes
                assert bindings(deployment) == 1
                tag = None
                for basic, activity, presence in (
                    ("open", "", "online"),
                    ("open", "busy", "busy"),
                    ("open", "", "online"),
                    ("open", "on-the-phone", "busy"),
                    ("closed", "", "offline"),
                    ("open", "", "online"),
                ):
                    published = phone.publish(pidf(phone.aor, basic, activity), tag=tag)
                    tag = published.get("SIP-ETag")
                    linphone.sees(BOB, presence)
                for presence, text in (("busy", "<rpid:away/>"), ("offline", "<basic>closed</basic>")):
                    linphone.publish(presence)
                    watch.sees(text)
                linphone.publish("online")
                watch.sees("<basic>open</basic>")
                linphone.log_out()
                watch.sees("<basic>closed</basic>")
                wait_until(lambda: bindings(deployment) == 0, "the end of liblinphone's registration")
        assert "Traceback" not in deployment.logs()


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    """R-ARC-04, R-SEC-02, D-45."""
    needs_library("linphone")
    with deployed() as deployment:
        deployment.start_edge()
        client = Linphone(tmp_path / "alice", ALICE, "wrong", deployment.proxy, "udp")
        with contextlib.closing(client):
            client.tell("login")
            client.is_now("account", "failed")
        assert bindings(deployment) == 0


def bindings(deployment: Deployment) -> int:
    """How many contacts the registrar has for alice."""
    with deployment.phone(ALICE) as phone:
        return len(phone.register(expires=None, Contact=None).get_all("Contact"))
