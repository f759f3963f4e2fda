"""liblinphone at one end or both: what is published shows at the watcher, as liblinphone itself understands it."""

import contextlib
import socket
import time
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipedge.sip.message import Request, parse
from tests.interop.linphone import Linphone
from tests.programs import needs_library
from tests.system import DOMAIN, PASSWORD, PATIENCE, Deployment, deployed, pidf, wait_until

pytestmark = pytest.mark.system

ALICE, BOB, CAROL = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}", f"ippm4@{DOMAIN}"
LIST = f"sip:buddies@{DOMAIN}"


@contextlib.contextmanager
def logged_in(deployment: Deployment, folder: Path, aor: str, transport: str, buddy: str) -> Iterator[Linphone]:
    """A liblinphone client with one friend; it publishes that it is online."""
    client = Linphone(folder, aor, PASSWORD, deployment.proxy, transport)
    with contextlib.closing(client):
        client.watch(buddy)
        client.log_in()
        yield client


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_of_them_see_each_other_change(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-FLW-01, R-FLW-04, R-TRN-01, R-REG-01, D-42, D-45, D-46, D-49: and one leaves and comes back."""
    needs_library("linphone")
    with deployed() as deployment:
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


def test_what_its_list_subscription_looks_like(tmp_path: Path) -> None:
    """R-ARC-04: an RFC 5367 request, as it arrives at a socket that is no server of ours; nothing is served here."""
    needs_library("linphone")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        client = Linphone(tmp_path / "alice", ALICE, PASSWORD, server.getsockname()[1], "udp")
        with contextlib.closing(client):
            client.tell("login")
            accept(server, "REGISTER")
            client.watch_list(LIST, BOB, CAROL)
            request = accept(server, "SUBSCRIBE")
    assert str(request.uri) == LIST
    assert request.get("Event") == "presence"
    assert request.get("Require") == "recipient-list-subscribe"
    assert request.get("Supported") == "eventlist"
    assert request.get_all("Accept") == ["multipart/related", "application/pidf+xml", "application/rlmi+xml"]
    assert request.get("Accept-Encoding") == "deflate"
    assert request.get("Content-Disposition") == "recipient-list"
    assert request.get("Content-Type") == "application/resource-lists+xml"
    assert request.get("Content-Encoding") == "deflate"
    lists = ElementTree.fromstring(zlib.decompress(request.body))
    name = "{urn:ietf:params:xml:ns:resource-lists}"
    assert lists.tag == f"{name}resource-lists"
    assert {entry.get("uri") for entry in lists.findall(f"{name}list/{name}entry")} == {f"sip:{BOB}", f"sip:{CAROL}"}


def accept(server: socket.socket, method: str) -> Request:
    """Answer 200 to everything until a request with this method has come; that request."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        data, sender = server.recvfrom(65535)
        if not data.strip(b"\r\n\0"):
            continue
        request = parse(data)
        if not isinstance(request, Request):
            continue
        headers = [("Expires", request.get("Expires") or "600")]
        if request.method == "PUBLISH":
            headers.append(("SIP-ETag", "one"))
        else:
            headers.append(("Contact", request.get("Contact") or ""))
        server.sendto(request.respond(200, headers=headers).encode(), sender)
        if request.method == method:
            return request
    raise AssertionError(f"no {method}")


def bindings(deployment: Deployment) -> int:
    """How many contacts the registrar has for alice."""
    with deployment.phone(ALICE) as phone:
        return len(phone.register(expires=None, Contact=None).get_all("Contact"))
