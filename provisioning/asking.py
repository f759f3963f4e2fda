"""Asking an edge: a command with an answer, over the bus (DESIGN section 15).

The web side and Celery ask; an edge does what it is asked once for each id, and answers. No answer in time is never a
success: every door says 503 in its own form.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import redis
import redis.asyncio
import structlog
from django.conf import settings

from provisioning import bus

log = structlog.get_logger(__name__)

PATIENCE = 5.0
"Seconds that an answer may take: a person is waiting."

SLACK = 1.0
"Seconds beyond an answer's for the bus itself, before it counts as away."

RECONNECT = 1.0
"Seconds between two attempts of an edge to reach the bus."

KEPT = 30
"Seconds for which an answer waits for whoever has asked."


class NoAnswer(Exception):
    """No edge has answered in time; whether it did what it was asked is not known."""


class NotHeard(NoAnswer):
    """Nobody was there to be asked, so nothing was done."""


class Refused(Exception):
    """The edge has answered that it will not; `status` as in SIP, `reason` in words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Command(NamedTuple):
    """What an edge is asked."""

    id: str
    "The same id means the same command: it is done once."
    name: str
    arguments: dict[str, Any]
    deadline: float
    "Epoch seconds after which nobody waits any more."


def channel(edge: str) -> str:
    """Where an edge listens."""
    return f"cups:edge:{edge}"


def edges() -> list[str]:
    """The edges that listen, by name; raises NoAnswer."""
    if not settings.VALKEY_URL:
        raise NoAnswer("there is no bus")
    client = redis.Redis.from_url(settings.VALKEY_URL, socket_timeout=PATIENCE, decode_responses=True)
    try:
        found = client.pubsub_channels(channel("*"))
    except (redis.RedisError, OSError) as error:
        raise NoAnswer(type(error).__name__) from None
    finally:
        client.close()
    return sorted(str(name).removeprefix(channel("")) for name in found)


async def ask(edge: str, name: str, *, id: str = "", patience: float = PATIENCE, **arguments: Any) -> dict[str, Any]:
    """Ask an edge; its answer. Raises NoAnswer or Refused."""
    command = Command(id or secrets.token_hex(12), name, arguments, time.time() + patience)
    if not settings.VALKEY_URL:
        raise NoAnswer("there is no bus")
    client = _client()
    try:
        async with asyncio.timeout(patience + SLACK):
            heard = await client.publish(channel(edge), json.dumps(command._asdict(), separators=(",", ":")))
            if not heard:
                raise NotHeard(f"edge {edge} does not listen")
            found = await client.blpop([_reply(command.id)], timeout=patience)
    except (redis.RedisError, OSError) as error:
        raise NoAnswer(type(error).__name__) from None
    if found is None:
        raise NoAnswer(f"edge {edge} has not answered in time")
    answer: dict[str, Any] = json.loads(found[1])
    if "status" in answer and "result" not in answer:
        raise Refused(int(answer["status"]), str(answer.get("reason", "")))
    result: dict[str, Any] = answer["result"]
    return result


def ask_now(edge: str, name: str, **arguments: Any) -> dict[str, Any]:
    """`ask` for callers that are not asynchronous."""
    return asyncio.run(_once(edge, name, arguments))


def ask_all_now(edges: Iterable[str], name: str, **arguments: Any) -> dict[str, dict[str, Any] | None]:
    """Ask several edges at once; the answer of each, None for one that has given none or has refused."""
    return asyncio.run(_all(list(edges), name, arguments))


async def _all(edges: list[str], name: str, arguments: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    async def one(edge: str) -> dict[str, Any] | None:
        try:
            return await ask(edge, name, **arguments)
        except (NoAnswer, Refused):
            return None

    try:
        return dict(zip(edges, await asyncio.gather(*map(one, edges)), strict=True))
    finally:
        await _close()


async def _once(edge: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return await ask(edge, name, **arguments)
    finally:
        await _close()


async def commands(edge: str, heard: asyncio.Event) -> AsyncIterator[Command]:
    """What an edge is asked, as it comes, for ever; `heard` is set while the bus says that it listens."""
    while True:
        try:
            async for data in bus.heard(channel(edge)):
                if data is None:
                    heard.set()
                elif (command := _parse(data)) is not None:
                    yield command
        except bus.LOST as error:
            if heard.is_set():  # once, and not every second
                log.warning("commands cannot be heard", error=type(error).__name__)
        finally:
            heard.clear()
        await asyncio.sleep(RECONNECT)


async def answer(command: Command, fields: dict[str, Any]) -> None:
    """Answer a command; `fields` has `result`, or `status` and `reason`."""
    client = _client()
    try:
        async with asyncio.timeout(PATIENCE), client.pipeline(transaction=False) as line:
            line.rpush(_reply(command.id), json.dumps(fields, separators=(",", ":")))
            line.expire(_reply(command.id), KEPT)
            await line.execute()
    except (redis.RedisError, OSError) as error:
        log.warning("an answer was not heard", command=command.name, error=type(error).__name__)


def _parse(data: bytes) -> Command | None:
    try:
        fields = json.loads(data)
        return Command(str(fields["id"]), str(fields["name"]), dict(fields["arguments"]), float(fields["deadline"]))
    except (ValueError, KeyError, TypeError):
        log.warning("a command that cannot be read")
        return None


def _reply(id: str) -> str:
    return f"cups:reply:{id}"


_clients: dict[asyncio.AbstractEventLoop, Any] = {}


def _client() -> Any:
    """One client for each event loop: connections cannot be shared between them.

    It has no limit of its own, which would end the wait for an answer after five seconds; who uses it has one.
    """
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        for gone in [one for one in list(_clients) if one.is_closed()]:  # each thread of the web process has a loop
            _clients.pop(gone, None)
        client = _clients[loop] = redis.asyncio.Redis.from_url(settings.VALKEY_URL, socket_timeout=None)
    return client


async def _close() -> None:
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
