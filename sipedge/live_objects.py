"""What operators do to live objects: end them, send their state again, refresh them (DESIGN section 15).

Each command names rows by id, and is answered with those that it was done to and, of the others, why not. What ends is
written down before the answer leaves; a second time there is nothing left to be ended, and the answer says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog

from presence import publications
from presence.acts import END_BACKEND, END_BINDING, END_PUBLICATION, END_SUBSCRIPTION, REFRESH_BACKEND, RESEND
from presence.engine.errors import DomainError, TryAgainLater
from presence.models import Publication
from presence.rows import PublicationRow
from presence.statuses import status_of
from presence.store import Outcome, Plan, Put
from presence.subscriptions import DEACTIVATED, REASONS
from sipedge import registrar
from sipedge.commands import Handler
from sipedge.dialogs import LiveSubscription, tag_of
from sipedge.models import Binding
from sipedge.rows import BINDING, BindingRow
from sipedge.sip.errors import SipError

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

MOST_RACES: Final = 5
"Times that something is planned anew when its client has changed it meanwhile."

Do = Callable[[int], Awaitable[None]]
"Acts on the row with this id; raises SipError or a domain error."


class LiveObjects:
    """Those of one edge, and of users whom any edge serves."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self.commands: dict[str, Handler] = {
            END_SUBSCRIPTION.command: self.end_subscriptions,
            RESEND.command: self.resend,
            END_PUBLICATION.command: self.end_publications,
            END_BINDING.command: self.end_bindings,
            REFRESH_BACKEND.command: self.refresh_backends,
            END_BACKEND.command: self.end_backends,
        }

    # What is asked

    async def end_subscriptions(self, ids: Sequence[int], reason: str = DEACTIVATED) -> dict[str, Any]:
        """The last NOTIFY says why; raises SipError (422)."""
        if reason not in REASONS:
            raise SipError(422, f"No subscription ends with “{reason}”; there are: {', '.join(REASONS)}.")

        async def end(id: int) -> None:
            for _ in range(MOST_RACES):
                if await self._edge.notifier.end(self._subscription(id), reason):
                    return
            raise TryAgainLater(1)

        return await self._each(END_SUBSCRIPTION.command, ids, end)

    async def resend(self, ids: Sequence[int]) -> dict[str, Any]:
        """The whole state goes out now, whatever the watcher knows; behind a NOTIFY that is not answered yet."""

        async def send(id: int) -> None:
            live = self._subscription(id)
            live.suppress = ""
            self._edge.notifier.first(live)

        return await self._each(RESEND.command, ids, send)

    async def end_publications(self, ids: Sequence[int]) -> dict[str, Any]:
        """As if they had run out."""
        return await self._each(END_PUBLICATION.command, ids, self._end_publication)

    async def end_bindings(self, ids: Sequence[int]) -> dict[str, Any]:
        """As if their clients had unregistered."""
        return await self._each(END_BINDING.command, ids, self._end_binding)

    async def refresh_backends(self, ids: Sequence[int]) -> dict[str, Any]:
        """Their servers are asked now."""
        return await self._each(REFRESH_BACKEND.command, ids, self._edge.backends.refresh)

    async def end_backends(self, ids: Sequence[int]) -> dict[str, Any]:
        """What watchers still need is begun anew."""
        return await self._each(END_BACKEND.command, ids, self._edge.backends.end)

    # How it is done

    async def _each(self, command: str, ids: Sequence[int], do: Do) -> dict[str, Any]:
        refused: list[tuple[int, int, str]] = []

        async def one(id: int) -> None:
            try:
                await do(id)
            except SipError as error:
                refused.append((id, error.status, error.reason or ""))
            except DomainError as error:
                refused.append((id, status_of(error), f"It cannot be done now: {error}."))

        await asyncio.gather(*map(one, ids))
        failed = {id for id, _, _ in refused}
        done = [id for id in ids if id not in failed]
        log.info("an operator has acted", command=command, done=len(done), refused=len(refused))
        return {"done": done, "refused": refused}

    def _subscription(self, id: int) -> LiveSubscription:
        self._edge.drain.check_moved(tag_of(id))
        live = self._edge.subscriptions.get(id)
        if live is None or live.ended:
            raise SipError(404, "This subscription has ended already.")
        return live

    async def _end_publication(self, id: int) -> None:
        """By its newest version: that of the row, which another edge may have written a moment ago."""
        edge = self._edge
        for _ in range(MOST_RACES):
            row, now = await edge.read(_publication, id), edge.now()
            persona = edge.policy.personas.get(row.persona_id) if row is not None else None
            if row is None or persona is None or not row.body or row.expires_at <= now:
                raise SipError(404, "This publication has ended already.")
            if row.door == publications.LINE:
                raise SipError(409, "A line says this, and would say it again: end its call, or its Do Not Disturb.")
            planned = publications.plan_publish(
                persona=persona,
                publisher=None,
                publisher_persona=None,
                entitled=True,
                entity_tag=row.entity_tag,
                expires=0,
                content_type=None,
                body=b"",
                user_agent=row.user_agent,
                door=row.door,
                held={row.id: row},
                ever_published=True,
                policy=edge.policy,
                now=now,
                new_id=edge.new_id,
            )

            if planned.plan is not None and await edge.publish(planned) is Outcome.COMMITTED:
                return
        raise TryAgainLater(1)

    async def _end_binding(self, id: int) -> None:
        """Likewise."""
        edge = self._edge
        for _ in range(MOST_RACES):
            row, now = await edge.read(_binding, id), edge.now()
            if row is None or row.expires_at <= now:
                raise SipError(404, "This contact is not registered any more.")
            ended = registrar.ended(row, now)

            def applied(outcome: Outcome, ended: BindingRow = ended) -> None:
                if outcome is Outcome.COMMITTED:
                    edge.registrar.discard(ended)

            plan = Plan(row.persona_id, (Put(BINDING, ended, row.version),))
            if await edge.commit(plan, applied) is Outcome.COMMITTED:
                return
        raise TryAgainLater(1)


def _publication(id: int) -> PublicationRow | None:
    found = Publication.objects.filter(pk=id).values_list(*PublicationRow._fields).first()
    return PublicationRow(*found)._replace(body=bytes(found[PublicationRow._fields.index("body")])) if found else None


def _binding(id: int) -> BindingRow | None:
    found = Binding.objects.filter(pk=id).values_list(*BindingRow._fields).first()
    return BindingRow(*found) if found is not None else None
