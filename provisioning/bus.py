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
    except (redis.RedisError, OSError):
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
    while True:
        client = redis.asyncio.Redis.from_url(settings.VALKEY_URL, health_check_interval=10)
        try:
            async with client.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                async for message in channel.listen():
                    if message["type"] == "subscribe":
                        yield Hint(CONNECTED)
                    elif message["type"] == "message" and (hint := _parse(message["data"])) is not None:
                        yield hint
        except (redis.RedisError, OSError) as error:
            log.warning("bus away", error=type(error).__name__)
        finally:
            await client.aclose()
        yield Hint(AWAY)
        await asyncio.sleep(RECONNECT)


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
    except (redis.RedisError, OSError) as error:
        log.warning("a hint was not heard", kind=fields["kind"], error=type(error).__name__)
        return False
    return True
