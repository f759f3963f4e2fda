"""The small web server answers one question, to those who may ask, and lets nobody hold it up."""

import asyncio

import pytest

from sipedge.metrics import responder
from sipedge.metrics.responder import Responder

pytestmark = pytest.mark.asyncio

BODY = b"cups_users 1\n"


def broken() -> bytes:
    raise RuntimeError("something of ours")


async def all_well() -> dict[str, bool | None]:
    return {"database": True, "bus": None}


async def database_away() -> dict[str, bool | None]:
    return {"database": False, "bus": True}


async def ask(
    request: bytes, *, token: str = "", render: object = lambda: BODY, checks: object = all_well
) -> tuple[int, bytes]:
    """The status and the body; 0 where there was no answer."""
    one = Responder(render, checks, token)  # type: ignore[arg-type]
    host, port = await one.open("127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    finally:
        one.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


@pytest.mark.parametrize("target", [b"/metrics", b"/metrics?name[]=up"])
async def test_the_metrics_are_given_as_text(target: bytes) -> None:
    assert await ask(b"GET " + target + b" HTTP/1.1\r\nHost: edge\r\n\r\n") == (200, BODY)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics/../etc HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 405),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET /metrics SIP/2.0\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * responder.MAX_HEAD + b"\r\n\r\n", 431),
    ],
)
async def test_anything_else_is_refused(request_: bytes, status: int) -> None:
    """Hostile bytes end in a clean answer."""
    assert (await ask(request_))[0] == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"", 401),
        (b"Authorization: Bearer wrong\r\n", 401),
        (b"Authorization: Basic secret\r\n", 401),
        (b"Authorization: Bearer \xff\xfe\r\n", 401),
        (b"authorization: bearer secret\r\n", 200),
    ],
)
async def test_a_token_is_asked_for_where_one_is_set(header: bytes, status: int) -> None:
    assert (await ask(b"GET /metrics HTTP/1.1\r\n" + header + b"\r\n", token="secret"))[0] == status


async def test_load_balancers_ask_without_the_token() -> None:
    """Live whatever is away; ready only with everything that is configured."""
    live, ready = (b"GET /" + path + b" HTTP/1.1\r\n\r\n" for path in (b"livez", b"readyz"))
    assert await ask(live, token="secret", checks=database_away) == (200, b'{"live": true}\n')
    assert await ask(ready, token="secret") == (200, b'{"ready": true, "database": true, "bus": null}\n')
    assert await ask(ready, checks=database_away) == (503, b'{"ready": false, "database": false, "bus": true}\n')
    assert (await ask(ready, checks=broken))[0] == 500


async def test_a_fault_of_ours_is_a_500() -> None:
    assert (await ask(b"GET /metrics HTTP/1.1\r\n\r\n", render=broken))[0] == 500


async def test_a_client_that_asks_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder, "PATIENCE", 0.05)
    assert await ask(b"GET /metrics HT") == (0, b"")


async def test_of_too_many_connections_the_last_is_closed() -> None:
    """Who opens connections and says nothing costs no more than a few."""
    one = Responder(lambda: BODY, all_well)
    host, port = await one.open("127.0.0.1", 0)
    idle = [await asyncio.open_connection(host, port) for _ in range(responder.MAX_CONNECTIONS)]
    await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_connection(host, port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    for _, other in (*idle, (reader, writer)):
        other.close()
    one.close()
