"""What the web side asks of the user agents behind the messenger, and what it is told (DESIGN section 15)."""

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from tests.phone import DOMAIN
from tests.system import Deployment
from tests.waiting import wait_until


class Edge:
    """What the web side asks, and what it is told."""

    def __init__(self, site: Deployment, bus: str) -> None:
        self.site = site
        self._client = redis.Redis.from_url(bus)
        self._bus = bus
        self._sessions: list[Session] = []
        self._ids = {
            user: int(id)
            for user, id in json.loads(
                site.manage(
                    "shell", "-v0", "-c",
                    "import json; from provisioning.models import Persona;"
                    "print(json.dumps(list(Persona.objects.values_list('user', 'id'))))",
                )
            )
        }  # fmt: skip

    def ask(self, name: str, *, id: str = "", **arguments: Any) -> dict[str, Any]:
        """A command, and its answer."""
        command = {"id": id or secrets.token_hex(8), "name": f"messenger.{name}", "arguments": arguments}
        command["deadline"] = time.time() + 10
        assert self._client.publish("cups:edge:edge-1", json.dumps(command)) == 1
        found = self._client.blpop([f"cups:reply:{command['id']}"], timeout=10)
        assert found is not None, f"no answer to {name}"
        answer: dict[str, Any] = json.loads(found[1])
        return answer

    def __enter__(self) -> "Edge":
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody listens any more: what is left would find its bus gone, and say so all the time."""
        for session in self._sessions:
            session.close()

    def log_in(self, user: str, kind: str = "web") -> "Session":
        session = Session(self, user, kind, self._bus)
        self._sessions.append(session)
        session.snapshot = session.ask("log_in", persona=self._ids[user], kind=kind)
        return session


class Session:
    """One log-in, and the events of it."""

    def __init__(self, edge: Edge, user: str, kind: str, bus: str) -> None:
        self.id = secrets.token_hex(16)
        self.edge = edge
        self.aor = f"sip:{user}@{DOMAIN}"
        self.events: list[dict[str, Any]] = []
        self.snapshot: dict[str, Any] = {}
        self.confirms = True
        self._end: Callable[[], object] = lambda: None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bus, ready), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def close(self) -> None:
        """Listen no more."""
        self._end()
        self._thread.join(10)

    def _run(self, bus: str, ready: threading.Event) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._listen(bus, ready))

    async def _listen(self, bus: str, ready: threading.Event) -> None:
        from channels_redis.pubsub import RedisPubSubChannelLayer

        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._end = lambda: loop.call_soon_threadsafe(task.cancel) if not loop.is_closed() else None
        layer = RedisPubSubChannelLayer(hosts=[bus])
        channel = await layer.new_channel()
        await layer.group_add(f"messenger.{self.id}", channel)
        ready.set()
        while True:
            event = (await layer.receive(channel))["event"]
            self.events.append(event)
            if event["type"] == "message" and not event["message"]["outgoing"] and self.confirms:
                await asyncio.to_thread(self.ask, "confirm", message=event["message"]["id"])

    def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        answer = self.edge.ask(name, session=self.id, **arguments)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def sees(self, user: str, state: str, **more: Any) -> dict[str, Any]:
        """The buddy in this state."""

        def shown() -> Any:
            buddies = {one["uri"]: one for one in self.ask("snapshot")["buddies"]}
            one = buddies[f"sip:{user}@{DOMAIN}"]
            return one if one["state"] == state and all(one[key] == value for key, value in more.items()) else None

        found: dict[str, Any] = wait_until(shown, f"{user} {state}")
        return found

    def reads(self, text: str) -> dict[str, Any]:
        found: dict[str, Any] = wait_until(
            lambda: next((one["message"] for one in self.events if one.get("message", {}).get("text") == text), None),
            f"the message “{text}”",
        )
        return found

    def log_out(self) -> None:
        self.ask("log_out")
