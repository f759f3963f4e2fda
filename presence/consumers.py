"""Live presence over WebSocket (docs/integrators.md); it relays between a connection and the feed."""

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.db import database_sync_to_async
from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from presence import feed, publishing, sending, store
from presence.api.integrators import ComponentSerializer
from presence.engine.errors import DomainError, NotAuthorised, TryAgainLater
from presence.identity import Account, identify
from presence.readers import Reader
from presence.statuses import status_of
from presence.store import DatabaseAway
from provisioning.api.authentication import Tokens
from provisioning.models.tokens import ApiToken, Scope
from provisioning.uri import Aor, BadUri

PATIENCE = 10.0
"Seconds that a browser has for its first message, which says who it is."

MAX_MESSAGE = 65_536
"Characters of a message from a program: a thousand addresses, or the longest text."

FRAME = 100
"Documents in one message at most, some 60 kB."

AT_ONCE = 8
"Publications and messages of one connection that wait for their answers."

UNKNOWN, RIGHTS_CHANGED = 4401, 4403
"Close codes: the account is not known; it may not do this, or not any more."


GONE = (RuntimeError, OSError)
"What a server raises for something that is said to a connection which has ended meanwhile."


class BadMessage(Exception):
    """The program has sent something that has no meaning; the message says what."""


class PresenceConsumer(AsyncWebsocketConsumer):
    """One program."""

    channel_layer_alias = "none"  # the feed tells, no group does

    async def connect(self) -> None:
        """Let in who says who it is: in the header, by a session, or in the first message."""
        self._reader: Reader | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        headers = dict(self.scope["headers"])
        self._user_agent = headers.get(b"user-agent", b"").decode("latin-1")
        self._wanted = parse_qs(self.scope["query_string"].decode("latin-1")).get("as", [""])[0]
        said = headers.get(b"authorization", b"").decode("latin-1")
        user = self.scope.get("user")
        self._address = str((self.scope.get("client") or ("",))[0])
        try:
            if said:
                await self._enter(*await _account_of(said.partition(" ")[2].strip(), self._address))
            elif user is not None and user.is_authenticated and _is_home(headers.get(b"origin", b"").decode("latin-1")):
                await self._enter(await database_sync_to_async(_by_rights)(user))
        except (AuthenticationFailed, DomainError, BadUri):
            raise DenyConnection from None
        await self.accept()
        if self._reader is None:
            self._start(self._expect())
        else:
            await self._welcome()

    async def disconnect(self, code: int) -> None:
        """It is gone."""
        for task in (*self._jobs, *([self._writer] if self._writer is not None else [])):
            task.cancel()
        if self._reader is not None:
            (await feed.current()).remove(self._reader)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the program says; every answer bears its `id`."""
        try:
            message = _read(text_data)
        except BadMessage as error:
            await self._error({}, 400, str(error))
        else:
            reader = self._reader
            await self._work(self._introduce(message) if reader is None else self._do(message, reader), message)

    # Who it is

    async def _introduce(self, message: dict[str, Any]) -> None:
        if message.get("type") != "auth":
            raise BadMessage("say first who you are")
        self._wanted = _text(message, "as") or self._wanted
        try:
            await self._enter(*await _account_of(_text(message, "token"), self._address))
        except AuthenticationFailed:
            await self.close(UNKNOWN)
        except NotAuthorised:
            await self.close(RIGHTS_CHANGED)
        else:
            await self._welcome()

    async def _enter(self, account: Account, token: ApiToken | None = None) -> None:
        if token is not None and Scope.READ not in token.scopes:
            raise NotAuthorised("this token has not the scope “read”")
        found = await feed.current()
        wanted = Aor.parse(self._wanted) if self._wanted else None
        reader = Reader(
            lambda policy: identify(account, wanted, policy, policy.resolve), found.policy, self._user_agent
        )
        if token is not None:
            reader.token, reader.only_reads = token.pk, Scope.PRESENCE not in token.scopes
        found.add(reader)
        self._reader = reader

    async def _welcome(self) -> None:
        assert self._reader is not None
        await self._say({"type": "ready", "as": self._reader.identity.watcher})
        self._writer = asyncio.create_task(self._tell(self._reader))

    async def _expect(self) -> None:
        await asyncio.sleep(PATIENCE)
        if self._reader is None:
            await self.close(UNKNOWN)

    # What it wants

    async def _do(self, message: dict[str, Any], reader: Reader) -> None:
        kind = message.get("type")
        if kind == "subscribe":
            await (await feed.current()).subscribe(reader, _aors(message), _text(message, "cursor"))
            await self._say({"type": "subscribed", **_id(message)})
        elif kind == "unsubscribe":
            (await feed.current()).unsubscribe(reader, _aors(message))
            await self._say({"type": "unsubscribed", **_id(message)})
        elif kind in ("publish", "unpublish", "send"):
            if reader.only_reads:
                raise NotAuthorised("this token has not the scope “presence”")
            if len(self._jobs) >= AT_ONCE:
                await self._error(message, 429, "wait for the answers to what you have sent")
            else:
                work = self._send if kind == "send" else self._publish
                self._start(self._work(work(message, reader), message))
        else:
            raise BadMessage("a message has a type: subscribe, unsubscribe, publish, unpublish or send")

    async def _work(self, work: Any, message: dict[str, Any]) -> None:
        """Do something that a message asks for; what goes wrong is its answer."""
        try:
            await work
        except BadMessage as error:
            await self._error(message, 400, str(error))
        except BadUri as error:
            await self._error(message, 400, f"no SIP address: {error}")
        except DomainError as error:
            await self._error(message, status_of(error), str(error))

    async def _publish(self, message: dict[str, Any], reader: Reader) -> None:
        aor = Aor.parse(_text(message, "aor") or reader.identity.watcher)
        tag = _text(message, "etag") or None
        said, expires = None, 0
        if message["type"] == "publish":
            serializer = ComponentSerializer(data=message.get("component", {}))
            try:
                serializer.is_valid(raise_exception=True)
            except ValidationError as error:
                await self._error(message, 400, json.dumps(error.detail))
                return
            said, expires = serializer.statement()
        published = await database_sync_to_async(publishing.publish, thread_sensitive=False)(
            reader.identity, aor, said, expires=expires, entity_tag=tag, user_agent=self._user_agent
        )
        await self._say(
            {"type": "published", **_id(message), "etag": published.entity_tag, "expires": published.expires}
        )

    async def _send(self, message: dict[str, Any], reader: Reader) -> None:
        sent = await sending.send(reader.identity, Aor.parse(_text(message, "to")), _text(message, "text"))
        await self._say({"type": "sent", **_id(message), "status": sent.status, "reason": sent.reason})

    # What it is told

    async def _tell(self, reader: Reader) -> None:
        """The newest state of whatever has changed, as fast as the program reads."""
        found = await feed.current()
        with contextlib.suppress(*GONE):
            while not reader.ended:
                await reader.ready.wait()
                documents, is_all = reader.take(FRAME)
                if documents:
                    cursor = f',"cursor":"{found.cursor(reader)}"' if is_all else ""
                    texts = ",".join(one.text for one in documents)
                    await self.send(text_data=f'{{"type":"presence","documents":[{texts}]{cursor}}}')
            await self._error({}, 403, reader.ended)
            await self.close(RIGHTS_CHANGED)

    def _start(self, work: Any) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _say(self, fields: dict[str, Any]) -> None:
        with contextlib.suppress(*GONE):
            await self.send(text_data=json.dumps(fields, ensure_ascii=False, separators=(",", ":")))

    async def _error(self, message: dict[str, Any], status: int, detail: str) -> None:
        await self._say({"type": "error", **_id(message), "status": status, "detail": detail})


async def _account_of(key: str, address: str) -> tuple[Account, ApiToken | None]:
    """The account of a REST token, and the token if it has a purpose; raises AuthenticationFailed, or TryAgainLater."""
    return await database_sync_to_async(_look_up)(key, address)


def _look_up(key: str, address: str) -> tuple[Account, ApiToken | None]:
    door = Tokens()
    door.address = address
    try:
        with store.away_when_lost():
            user, token = door.authenticate_credentials(key)
    except DatabaseAway:
        raise TryAgainLater(feed.RETRY_AFTER) from None
    return _by_rights(user), token if isinstance(token, ApiToken) else None


def _by_rights(user: Any) -> Account:
    try:
        with store.away_when_lost():
            return Account.of(user)
    except DatabaseAway:
        raise TryAgainLater(feed.RETRY_AFTER) from None


def _is_home(origin: str) -> bool:
    """A page of ours: a session's cookie comes with requests of any page, so its origin has to be asked."""
    host = urlsplit(origin).hostname or ""
    return origin in settings.CSRF_TRUSTED_ORIGINS or (bool(host) and validate_host(host, settings.ALLOWED_HOSTS))


def _read(text: str | None) -> dict[str, Any]:
    if text is None or len(text) > MAX_MESSAGE:
        raise BadMessage(f"a message is text of {MAX_MESSAGE} characters at most")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("a message is a JSON object") from None
    if not isinstance(message, dict):
        raise BadMessage("a message is a JSON object")
    return message


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name, "")
    if not isinstance(value, str):
        raise BadMessage(f"{name} is text")
    return value


def _aors(message: dict[str, Any]) -> list[Aor]:
    values = message.get("aors")
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise BadMessage("aors is a list of addresses")
    return [Aor.parse(one) for one in values]


def _id(message: dict[str, Any]) -> dict[str, Any]:
    """What the program calls its message."""
    value = message.get("id")
    return {"id": value} if isinstance(value, str | int) else {}
