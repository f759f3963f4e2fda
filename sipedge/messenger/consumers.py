"""One tab of the messenger: the WebSocket between a page and the user agent of its log-in.

The page hears the full state first, then every event; after a gap, or when the user agent had to be logged in again,
the full state once more. What the page wants is asked of the edge, or of the rules beside this module; nothing is
decided here. A message is confirmed to the edge only after the page has said that it shows it (DESIGN section 15).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError
from django.utils.translation import activate
from django.utils.translation import gettext as _

from presence.store import DatabaseAway
from provisioning import languages
from provisioning.asking import NoAnswer, Refused
from provisioning.models import EngineSettings
from sipedge.messenger import browsers, buddies, history, personal, sessions
from sipedge.messenger.agents import group
from sipedge.messenger.browsers import Ended
from sipedge.messenger.buddies import Problem

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0
"Seconds between two signs of life; less where `MessengerSettings.grace`, after which an edge ends a log-in, is short."

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"Seconds until an edge that did not answer is asked again: doubled each time."

SEND_PATIENCE = 35.0
"Seconds that a message may take: a proxy gives up after 32 (RFC 3261 timer F)."

SHOWN_AGAIN = 12.0
"Seconds that a command waits while the log-in is brought back."

LARGEST = 65_536
"Characters of one frame of a page: a long message and its frame."

LARGEST_ID = 2**63 - 1
"Of a row."

MOST_TASKS = 100
"Things that one page may have asked for at a time."

OVER, TOO_MUCH, NOT_NOW = 4001, 1008, 1013
"Reasons to close: the log-in has ended, the page misbehaves, the bus is away (RFC 6455 section 7.4)."

TROUBLE = (NoAnswer, Refused, DatabaseError, DatabaseAway)
"What passes by itself."


class MessengerConsumer(AsyncJsonWebsocketConsumer):
    """Relays; see above."""

    async def connect(self) -> None:
        """Whose log-in it is, the browser's cookie says."""
        self._session = ""
        self._gone = False
        self._language = languages.of_connection(self.scope)
        self._heartbeat = HEARTBEAT
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        "Look after the log-in now."
        self._current = asyncio.Event()
        "The page shows what the edge has."
        await self.accept()
        session = await database_sync_to_async(browsers.of_browser)(self.scope["session"])
        if session is None:
            await self._over("over")
            return
        self._session, self._persona = session.id, session.persona
        try:
            await self.channel_layer.group_add(group(session.id), self.channel_name)
        except (redis.RedisError, OSError):
            await self.close(NOT_NOW)
            return
        self._start(self._keep())

    async def disconnect(self, code: int) -> None:
        """The tab was closed; the log-in lasts a little (`MessengerSettings.grace`)."""
        self._gone = True
        for task in list(self._tasks):
            task.cancel()
        if self._session:
            try:
                await self.channel_layer.group_discard(group(self._session), self.channel_name)
            except (redis.RedisError, OSError) as error:  # the bus forgets whom it cannot reach
                log.info("a tab could not say goodbye", error=type(error).__name__)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Something the page wants; each by itself, since answers may wait for what else the page says."""
        try:
            wanted = json.loads(text_data or "") if len(text_data or "") <= LARGEST else None
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict) or str(wanted.get("do")) not in _DOES or len(self._tasks) > MOST_TASKS:
            await self.close(TOO_MUCH)
            return
        if self._session:
            self._start(self._do(wanted))

    async def send_json(self, content: Any, close: bool = False) -> None:
        """To the page, unless it has just gone."""
        if self._gone:
            return
        try:
            await super().send_json(content, close)
        except (OSError, RuntimeError):  # what the ASGI server says when the other end was faster
            self._gone = True

    # The log-in

    async def _keep(self) -> None:
        """Log in, say again and again that the log-in is in use, and log in again when it is gone."""
        pause = FIRST_PAUSE
        while True:
            self._wake.clear()
            try:
                if self._current.is_set():
                    await browsers.alive(self._session)
                else:
                    await self._show(await browsers.log_in(self._session))
            except Ended as ended:
                await self._over(str(ended))
                return
            except TROUBLE as trouble:
                if self._current.is_set():
                    self._current.clear()
                    await self.send_json({"type": "waiting"})
                log.info("a log-in waits for an edge", why=str(trouble))
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            else:
                wait, pause = self._heartbeat, FIRST_PAUSE
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                pass

    async def _show(self, snapshot: dict[str, Any]) -> None:
        """Everything that the page shows."""
        await self.send_json({"type": "state", **snapshot, **await database_sync_to_async(self._beside)()})
        self._current.set()

    def _beside(self) -> dict[str, Any]:
        """What the edge does not know."""
        session, settings = browsers.find(self._session), sessions.settings()
        if session is None:
            raise Ended("over")
        self._heartbeat = min(HEARTBEAT, settings.grace / 3)
        limit = EngineSettings.objects.values_list("message_limit", flat=True).first()
        return {
            "groups": buddies.groups(session.persona),
            "messages": history.recent(session.id, settings.messages),
            "texts": personal.texts(session.persona),
            "options": personal.options(session),
            "limits": {"buddies": settings.contacts, "message": limit},
        }

    async def _over(self, why: str) -> None:
        """Nothing more comes."""
        await self.send_json({"type": "ended", "why": why})
        if not self._gone:
            self._gone = True
            await self.close(OVER)

    # Events

    async def messenger_event(self, message: dict[str, Any]) -> None:
        """Of the user agent, or of another tab."""
        event = message["event"]
        if event["type"] == "ended":  # by whoever logged out, or because nobody said that it is in use
            self._current.clear()
            self._wake.set()
        elif event["type"] in _READ_AGAIN:
            self._start(self._read_again(event["type"]))
        else:
            await self.send_json(event)

    async def _read_again(self, part: str) -> None:
        rows = await database_sync_to_async(_READ_AGAIN[part])(self._persona)
        await self.send_json({"type": part, part if part != "lists" else "groups": rows})

    async def _tell(self, event: dict[str, Any]) -> None:
        """All tabs."""
        await self.channel_layer.group_send(group(self._session), {"type": "messenger.event", "event": event})

    # What the page wants

    async def _do(self, wanted: dict[str, Any]) -> None:
        """Do it, and answer if the page waits for that."""
        activate(self._language)  # of this task alone
        answer: dict[str, Any] = {"type": "answer", "ref": wanted.get("ref")}
        try:
            answer["result"] = await _DOES[wanted["do"]](self, wanted)
        except Problem as problem:
            answer["error"] = str(problem)
        except Refused as refused:
            answer["error"] = refused.reason or _("The server refuses this.")
        except Ended as ended:
            await self._over(str(ended))
            return
        except (*TROUBLE, redis.RedisError, OSError):
            answer["error"] = _("The server does not answer.")
        if wanted.get("ref") is not None:
            await self.send_json(answer)

    async def _ask(self, name: str, **arguments: Any) -> Any:
        """Ask the edge; when it does not know the log-in any more, once again after that is back."""
        try:
            return await browsers.ask(self._session, name, **arguments)
        except Refused as refused:
            if refused.status != sessions.GONE:
                raise
        self._current.clear()
        self._wake.set()
        try:
            await asyncio.wait_for(self._current.wait(), SHOWN_AGAIN)
        except TimeoutError:
            raise NoAnswer("the log-in is not back") from None
        again = {**arguments, "command": f"{arguments['command']}.2"} if arguments.get("command") else arguments
        return await browsers.ask(self._session, name, **again)

    async def _ping(self, wanted: dict[str, Any]) -> Any:
        """The page wants to know whether anybody is there."""

    async def _status(self, wanted: dict[str, Any]) -> Any:
        return await self._ask("status", status=_value(wanted, "status", str), note=_value(wanted, "note", str))

    async def _idle(self, wanted: dict[str, Any]) -> Any:
        return await self._ask("idle", idle=_value(wanted, "idle", bool))

    async def _send(self, wanted: dict[str, Any]) -> Any:
        command = _value(wanted, "ref", str)[:64]
        return await self._ask(
            "send",
            command=command,
            patience=SEND_PATIENCE,
            to=_value(wanted, "to", str),
            text=_value(wanted, "text", str),
        )

    async def _typing(self, wanted: dict[str, Any]) -> Any:
        return await self._ask("typing", to=_value(wanted, "to", str))

    async def _shown(self, wanted: dict[str, Any]) -> Any:
        for message in _value(wanted, "messages", list)[:MOST_TASKS]:
            await self._ask("confirm", message=str(message))

    async def _read(self, wanted: dict[str, Any]) -> Any:
        peer = _value(wanted, "peer", str)
        await database_sync_to_async(history.mark_read)(self._session, peer)
        await self._tell({"type": "read", "peer": peer})

    async def _search(self, wanted: dict[str, Any]) -> Any:
        return await database_sync_to_async(buddies.search)(_value(wanted, "words", str))

    async def _add(self, wanted: dict[str, Any]) -> Any:
        await database_sync_to_async(self._added)(_value(wanted, "uri", str), _value(wanted, "group", int, None))
        await self._tell({"type": "lists"})

    def _added(self, uri: str, group: int | None) -> None:
        buddies.add(self._persona, uri, group=group, most=sessions.settings().contacts)

    async def _remove(self, wanted: dict[str, Any]) -> Any:
        await database_sync_to_async(buddies.remove)(
            self._persona, _value(wanted, "uri", str), group=_value(wanted, "group", int, None)
        )
        await self._tell({"type": "lists"})

    async def _option(self, wanted: dict[str, Any]) -> Any:
        options = await database_sync_to_async(self._chosen)(_value(wanted, "options", dict))
        await self._tell({"type": "options", "options": options})

    def _chosen(self, chosen: dict[str, Any]) -> dict[str, Any]:
        session = browsers.find(self._session)
        if session is None:
            raise Ended("over")
        return personal.choose(session, chosen)

    async def _add_text(self, wanted: dict[str, Any]) -> Any:
        await database_sync_to_async(personal.add_text)(self._persona, _value(wanted, "text", str))
        await self._tell({"type": "texts"})

    async def _remove_text(self, wanted: dict[str, Any]) -> Any:
        await database_sync_to_async(personal.remove_text)(self._persona, _value(wanted, "id", int))
        await self._tell({"type": "texts"})

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a tab's work failed", exc_info=error)


def _value(wanted: dict[str, Any], name: str, kind: type, *otherwise: Any) -> Any:
    """A value of the page; raises Problem when it is not of this kind, and is not left out where it may be."""
    value = wanted.get(name, *otherwise)
    if isinstance(value, str):
        value = value.replace("\0", "\ufffd")  # no database column takes it
    if value is None and otherwise:
        return None
    if isinstance(value, kind) and not (isinstance(value, int) and abs(value) > LARGEST_ID):
        return value
    raise Problem(_("The server does not understand this page. Reload it."))


_READ_AGAIN: dict[str, Callable[[Any], list[dict[str, Any]]]] = {"lists": buddies.groups, "texts": personal.texts}
"Events that only say that something is different."

_DOES: dict[str, Callable[[MessengerConsumer, dict[str, Any]], Awaitable[Any]]] = {
    "ping": MessengerConsumer._ping,
    "status": MessengerConsumer._status,
    "idle": MessengerConsumer._idle,
    "send": MessengerConsumer._send,
    "typing": MessengerConsumer._typing,
    "shown": MessengerConsumer._shown,
    "read": MessengerConsumer._read,
    "search": MessengerConsumer._search,
    "add": MessengerConsumer._add,
    "remove": MessengerConsumer._remove,
    "option": MessengerConsumer._option,
    "add_text": MessengerConsumer._add_text,
    "remove_text": MessengerConsumer._remove_text,
}
"What a page may want, by its `do`."
