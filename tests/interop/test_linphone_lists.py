"""liblinphone and resource lists (RFC 5367, RFC 4662): at a socket that plays the server, and at ours."""

import contextlib
import secrets
import socket
import time
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipedge.sip.message import Request, parse
from tests.interop.linphone import Linphone
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.programs import needs_library
from tests.system import deployed
from tests.waiting import PATIENCE

pytestmark = pytest.mark.system

ALICE, BOB, CAROL = f"xten3@{DOMAIN}", f"xten4@{DOMAIN}", f"ippm4@{DOMAIN}"
LIST = f"sip:buddies@{DOMAIN}"
TAG = "server"


class Server:
    """A UDP socket that answers 200 to whatever a client asks."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port: int = self.socket.getsockname()[1]
        self._client = ("", 0)

    def close(self) -> None:
        """Be gone."""
        self.socket.close()

    def receive(self, method: str) -> Request:
        """Answer everything until a request with this method has come; that request."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            data, self._client = self.socket.recvfrom(65535)
            request = parse(data) if data.strip(b"\r\n\0") else None
            if not isinstance(request, Request):
                continue
            headers = [("Expires", request.get("Expires") or "600")]
            if request.method == "REGISTER":
                headers.append(("Contact", request.get("Contact") or ""))
            elif request.method == "SUBSCRIBE":
                headers += [("Contact", f"<sip:127.0.0.1:{self.port}>"), ("Require", "eventlist")]
            else:
                headers.append(("SIP-ETag", "one"))
            self.socket.sendto(request.respond(200, headers=headers, to_tag=TAG).encode(), self._client)
            if request.method == method:
                return request
        raise AssertionError(f"no {method}")

    def notify(self, subscribe: Request, number: int, *, full: bool, **states: str) -> None:
        """Tell the subscriber how these members are, in the one form that liblinphone understands."""
        resources = "".join(
            f'<resource uri="sip:{user}@{DOMAIN}"><instance id="{user}" state="active" cid="{user}@list"/></resource>'
            for user in states
        )
        meta = (
            f'<?xml version="1.0" encoding="UTF-8"?>\r\n<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="{LIST}" '
            f'version="{number}" fullState="{"true" if full else "false"}">{resources}</list>\r\n'
        ).encode()
        body = part("meta", "application/rlmi+xml", meta)
        for user, basic in states.items():
            body += part(user, "application/pidf+xml", pidf(f"sip:{user}@{DOMAIN}", basic))
        contact = (subscribe.get("Contact") or "").partition("<")[2].partition(">")[0]
        headers = {
            "Via": f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards": "70",
            "From": f"<{LIST}>;tag={TAG}",
            "To": subscribe.get("From") or "",
            "Call-ID": subscribe.get("Call-ID") or "",
            "CSeq": f"{number + 1} NOTIFY",
            "Contact": f"<sip:127.0.0.1:{self.port}>",
            "Event": "Presence",  # with a small p the list is ignored
            "Require": "eventlist",
            "Subscription-State": "active;expires=3600",
            "Content-Type": 'multipart/related;type="application/rlmi+xml";boundary=part',  # unquoted, and the last
        }
        request = Request.build("NOTIFY", contact, list(headers.items()), body + b"--part--\r\n")
        self.socket.sendto(request.encode(), self._client)


def part(name: str, kind: str, content: bytes) -> bytes:
    """One part: what RFC 2392 wants is not what liblinphone compares with the cid, so it has both."""
    return (
        f"--part\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}@list>\r\nContent-Id: {name}@list\r\n"
        f"Content-Type: {kind}\r\n\r\n"
    ).encode() + content + b"\r\n"  # fmt: skip


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[tuple[Server, Linphone, Request]]:
    """A server, a client of it, and the client's subscription to a list of two."""
    with contextlib.closing(Server()) as server:
        client = Linphone(folder, ALICE, PASSWORD, server.port, "udp")
        with contextlib.closing(client):
            client.tell("login")
            server.receive("REGISTER")
            client.watch_list(LIST, BOB, CAROL)
            yield server, client, server.receive("SUBSCRIBE")


def test_what_its_list_subscription_looks_like(tmp_path: Path) -> None:
    """R-ARC-04: an RFC 5367 request, its body deflated."""
    needs_library("linphone")
    with watching(tmp_path / "alice") as (_, _, request):
        pass
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


def test_the_list_notify_that_it_understands(tmp_path: Path) -> None:
    """R-ARC-04: full state, then the change of one member."""
    needs_library("linphone")
    with watching(tmp_path / "alice") as (server, client, request):
        server.receive("PUBLISH")
        server.notify(request, 0, full=True, xten4="open", ippm4="closed")
        client.sees(BOB, "online")
        client.sees(CAROL, "offline")
        server.notify(request, 1, full=False, ippm4="open")
        client.sees(CAROL, "online")
        client.sees(BOB, "online")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_our_lists_show_in_it(tmp_path: Path, transport: str) -> None:
    """R-ARC-04, R-LST-04, R-LST-05, R-LST-06, RFC 5367: two buddies by one subscription, as liblinphone itself shows
    them.
    """
    needs_library("linphone")
    with deployed() as deployment:
        deployment.start_edge()
        with deployment.phone(BOB) as bob, deployment.phone(CAROL) as carol:
            tag = bob.publish(pidf(f"sip:{BOB}")).get("SIP-ETag")
            client = Linphone(tmp_path / "alice", ALICE, PASSWORD, deployment.proxy, transport)
            with contextlib.closing(client):
                client.log_in()
                client.watch_list(LIST, BOB, CAROL)
                client.sees(BOB, "online")
                carol.publish(pidf(f"sip:{CAROL}"))
                client.sees(CAROL, "online")
                bob.publish(tag=tag, expires=0)
                client.sees(BOB, "offline")
                client.sees(CAROL, "online")
                client.log_out()
        assert "Traceback" not in deployment.logs()
