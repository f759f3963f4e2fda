"""Tokens with a purpose at a running deployment: by REST and over WebSocket, until they are revoked or run out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.integrators import Listener
from tests.phone import DOMAIN
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

AS = f"?as=sip:u1@{DOMAIN}"
RIGHTS_CHANGED = 4403


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Web:
    return integrator(deployment)


@pytest.fixture
def made(web: Web) -> Callable[..., dict[str, Any]]:
    """Makes a token."""

    def make(*scopes: str, **more: Any) -> dict[str, Any]:
        status, found = web.ask("POST", "tokens/", {"name": "a program", "scopes": list(scopes), **more})
        assert status == 201, found
        return dict(found)

    return make


def test_a_revoked_token_ends_its_connections(web: Web, made: Callable[..., dict[str, Any]]) -> None:
    token, other = made("read", "presence"), made("read")
    with Listener(web, token["token"], AS) as socket, Listener(web, other["token"], AS) as stays:
        socket.is_told("ready")
        published = socket.asks("publish", component={"source": "Calendar", "activities": ["meeting"]})
        assert published["type"] == "published" and published["etag"]
        assert web.ask("DELETE", f"tokens/{token['id']}/")[0] == 204
        assert socket.is_closed() == RIGHTS_CHANGED
        assert stays.asks("subscribe", aors=[f"u2@{DOMAIN}"])["type"] == "subscribed"
    with pytest.raises(InvalidStatus):
        Listener(web, token["token"], AS)


def test_a_token_that_runs_out_ends_its_connections(web: Web, made: Callable[..., dict[str, Any]]) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=8)).isoformat()
    with Listener(web, made("read", expires_at=until)["token"], AS) as socket:
        socket.is_told("ready")
        assert socket.is_closed() == RIGHTS_CHANGED


def test_a_token_that_only_reads_says_nothing(web: Web, made: Callable[..., dict[str, Any]]) -> None:
    with Listener(web, made("read")["token"], AS) as socket:
        for kind, fields in (
            ("publish", {"component": {}}),
            ("unpublish", {"etag": "1-1"}),
            ("send", {"to": f"u2@{DOMAIN}", "text": "hello"}),
        ):
            answer = socket.asks(kind, **fields)
            assert (answer["type"], answer["status"]) == ("error", 403) and "scope" in answer["detail"]


def test_a_token_opens_nothing_else(web: Web, made: Callable[..., dict[str, Any]]) -> None:
    """Neither without its scope, nor from elsewhere."""
    for token in (made("presence"), made("read", networks=["192.0.2.0/24"])):
        with pytest.raises(InvalidStatus):
            Listener(web, token["token"], AS)


def test_scopes_count_by_rest(web: Web, made: Callable[..., dict[str, Any]]) -> None:
    program = Web(web.address, made("read")["token"])
    assert program.ask("GET", "users/")[0] == 200
    status, problem = program.ask("POST", "sources/", {"value": "x"})
    assert (status, problem["status"]) == (403, 403) and "provisioning" in problem["detail"]
