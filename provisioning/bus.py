"""The bus: hints from one process to the others that something has changed (Valkey pub/sub).

A hint says *what* has changed, never the new value: the database is the truth, and who misses a hint catches up
at the next connection. So nothing here ever fails its caller.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
import structlog
from django.conf import settings
from django.db import transaction

from provisioning import trial

log = structlog.get_logger(__name__)

CHANNEL = "cups"

PATIENCE = 0.5
"Seconds that a caller waits for the bus: a hint is not worth more."

RECONNECT = 1.0
"Seconds between two attempts to reach the bus."

SILENCE = 2.0
"Seconds without a word after which the bus is asked whether it is there; after as many more it counts as away."

LOST = (redis.RedisError, OSError)
"What says that the bus is away."

CONNECTED = "connected"
AWAY = "away"
POLICY = "policy"
STATE = "state"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something has changed."""

    kind: str
    "CONNECTED: the bus is there (again), anything may have changed; AWAY: it is not; POLICY; STATE."
    parts: tuple[str, ...] = ()
    "Parts of the policy, see `provisioning.snapshot.parts`."
    personas: tuple[int, ...] = ()
    "Whose state, bindings or subscriptions have changed."
    registered: tuple[int, ...] = ()
    "Those of them who have contacts that were registered, changed or ended."
    origin: str = ""
    "The edge that has made the change and knows it already."


def configured() -> bool:
    """There is a bus."""
    return bool(settings.VALKEY_URL)


def reachable() -> bool:
    """The bus answers."""
    try:
        return bool(_client().ping())
    except LOST:
        return False


def announce_policy(*parts: str) -> None:
    """Edges should read these parts of the policy again; waits for the commit of the running transaction."""
    transaction.on_commit(lambda: _publish({"kind": POLICY, "parts": sorted(set(parts))}), robust=True)


def announce_state(personas: Iterable[int], origin: str = "", registered: Iterable[int] = ()) -> bool:
    """The state of these users has been committed by `origin`; contacts have changed of those who are `registered`.

    Whether the bus has heard it (or there is none).
    """
    return _publish({"kind": STATE, "personas": list(personas), "registered": list(registered), "origin": origin})


async def listen() -> AsyncIterator[Hint]:
    """Hints as they come, for ever; CONNECTED after each (re)connection, AWAY after each attempt that failed."""
    away = False
    while True:
        try:
            async for data in heard(CHANNEL):
                if data is None:
                    away = False
                    yield Hint(CONNECTED)
                elif (hint := _parse(data)) is not None:
                    yield hint
        except LOST as error:
            if not away:  # once, and not every second
                log.warning("bus away", error=type(error).__name__)
        away = True
        yield Hint(AWAY)
        await asyncio.sleep(RECONNECT)


async def heard(channel: str) -> AsyncIterator[bytes | None]:
    """What is said on a channel: None once it is listened to, then each message. Raises LOST when the bus goes away.

    So it does, too, when the bus answers nothing any more: a machine that is gone closes no connection. Nothing is
    tried again here, since whoever listens has to know that something may have been missed.
    """
    client = redis.asyncio.Redis.from_url(
        settings.VALKEY_URL, socket_timeout=SILENCE, socket_connect_timeout=SILENCE, retry=None
    )
    try:
        async with client.pubsub() as source:
            await source.subscribe(channel)
            asked = False
            while True:
                message = await source.get_message(timeout=SILENCE)
                if message is None:
                    if asked:
                        raise redis.TimeoutError("the bus does not answer")
                    await source.ping()
                    asked = True
                    continue
                asked = False
                if message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield message["data"]
    finally:
        await client.aclose()


def _parse(data: bytes) -> Hint | None:
    try:
        fields = json.loads(data)
        return Hint(
            str(fields["kind"]),
            tuple(map(str, fields.get("parts", ()))),
            tuple(map(int, fields.get("personas", ()))),
            tuple(map(int, fields.get("registered", ()))),
            str(fields.get("origin", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("a hint that cannot be read")
        return None


_pool: dict[str, Any] = {}


def _client() -> Any:
    url = settings.VALKEY_URL
    if url not in _pool:
        _pool[url] = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None)
    return _pool[url]


def _publish(fields: dict[str, Any]) -> bool:
    if not configured() or trial.running():
        return True
    try:
        _client().publish(CHANNEL, json.dumps(fields, separators=(",", ":")))
    except LOST as error:
        log.warning("a hint was not heard", kind=fields["kind"], error=type(error).__name__)
        return False
    return True
