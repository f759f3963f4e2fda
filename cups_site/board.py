"""The first page of the admin by WebSocket: the same as by asking for it, told every few seconds."""

import asyncio
import json
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import Error
from django.utils.translation import override

from cups_site import dashboard
from provisioning import languages

log = structlog.get_logger(__name__)

LOOK = 5.0
"Seconds between two looks: edges report every few seconds, and what is counted is kept for ten."

OVER = 4403
"Close code: logged out, or without the right any more; the page does not come back by itself."

GONE = (RuntimeError, OSError)
"What a server raises for something that is said to a connection which has ended meanwhile."


class BoardConsumer(AsyncWebsocketConsumer):
    """One open page of somebody who may view edges."""

    channel_layer_alias = "none"  # no group tells

    async def connect(self) -> None:
        """Let in whoever may look."""
        self._teller: asyncio.Task[None] | None = None
        if not await database_sync_to_async(self._may)():
            raise DenyConnection
        await self.accept()
        self._teller = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        """It is gone."""
        if self._teller is not None:
            self._teller.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say."""

    async def _tell(self) -> None:
        try:
            while True:
                try:
                    drawn = await database_sync_to_async(self._look)()
                except Error as error:  # the database is away; the page shows what it has
                    log.warning("the first page is not told", error=type(error).__name__)
                else:
                    if drawn is None:
                        await self.close(OVER)
                        return
                    await self.send(json.dumps({"type": "look", "html": drawn}))
                await asyncio.sleep(LOOK)
        except GONE:
            return

    def _look(self) -> str | None:
        with override(languages.of_connection(self.scope)):
            return dashboard.drawn() if self._may() else None

    def _may(self) -> bool:
        """The account is logged in still, and has the right still: both may have been taken away meanwhile."""
        user, session = self.scope.get("user"), self.scope.get("session")
        if user is None or isinstance(user, AnonymousUser) or not user.is_authenticated or session is None:
            return False
        if not session.exists(session.session_key):
            return False
        current: Any = get_user_model().objects.filter(pk=user.pk, is_active=True, is_staff=True).first()
        return current is not None and bool(current.has_perm(dashboard.RIGHT))
