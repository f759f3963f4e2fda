"""A line in a call is a component of its owner's state: on the phone, with sound (R-PUB-22, R-PUB-23, D-36).

It comes in by a door of its own, through the same plan, commit and announcement as a PUBLISH. Its lifetime is short and
it is renewed while the call lasts: when this edge is killed, nobody is on the phone for longer than that; and when it
starts again, or another one takes over from it, what it has left behind is taken back at once, as its calls are gone.
"""

import asyncio
from collections.abc import Set
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from presence import publications
from presence.engine.errors import DomainError
from presence.models import Publication
from presence.store import Outcome

if TYPE_CHECKING:
    from sipedge.worker import Edge

RENEWAL = 30.0
"Seconds after which the state of a line that lasts is written again: half of its lifetime."

LOOK = 5.0
"Seconds between two looks for those; what could not be written is tried again after as many."

SOURCE = "Line"
"The `<source>` of these components."

DND_SOURCE = "Manually set by persona"
"That of one with Do Not Disturb: its user has said so, and so it decides (D-20, D-23 rule 1)."


def document(aor: str, device: str, *, in_call: bool, dnd: bool) -> bytes:
    """What a line says of its owner."""
    activities = ("<r:on-the-phone/>" if in_call else "") + ("<ce:dnd/>" if dnd else "")
    source = DND_SOURCE if dnd else SOURCE
    contact = device if device.startswith("sip:") else f"tel:{device}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
        'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" '
        'xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps" '
        f'xmlns:so="urn:cisco:params:xml:ns:pidf:source" entity="{escape(aor)}"><tuple id="line-{_id(device)}">'
        "<status><basic>open</basic></status><sc:servcaps><sc:audio>true</sc:audio><sc:video>false</sc:video>"
        f"<sc:text>false</sc:text></sc:servcaps><so:source>{source}</so:source>"
        f"<contact>{escape(contact)}</contact></tuple>"
        f'<dm:person id="line"><r:activities>{activities}</r:activities></dm:person></presence>\r\n'
    ).encode()


def _id(device: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in device)


class LineStates:
    """What the lines of this edge say of their owners, whichever switching function they are on."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._owners: dict[str, int] = {}
        "Lines that say something now, and of whom."
        self._said: dict[tuple[str, int], bytes] = {}
        "By line and owner: what is to be said; empty while the component that said something is taken back."
        self._tags: dict[tuple[str, int], str] = {}
        "By line and owner: the entity tag of its component."
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._due: dict[tuple[str, int], float] = {}
        "By line and owner: when it has to be written again, once it is written."
        self._agent = _agent(edge.name)
        "The program that publishes: which edge's lines, as the pages of live state show it."

    async def start(self) -> None:
        """Take back what this edge has left behind when it was killed."""
        await self.take_back(self._edge.name)

    async def take_back(self, name: str) -> None:
        """Take back what an edge that is gone has left behind: its calls are gone as well."""
        for id, version, owner in await self._edge.read(_left_behind, _agent(name), self._edge.now()):
            line = f"publication {id:x}", owner
            self._tags[line] = f"{id:x}-{version}"
            self._said[line] = b""
            self._edge.background(self._write(line))

    def say(self, device: str, owner: int | None, *, in_call: bool, dnd: bool) -> None:
        """A line is in this state now, and belongs to this persona (by its id) or nobody."""
        persona = self._edge.policy.personas.get(owner) if owner is not None else None
        before = self._owners.pop(device, None)
        shown = persona is not None and (in_call or dnd)
        if before is not None and not (shown and before == owner):
            self._set((device, before), b"")
        if persona is not None and shown:
            self._owners[device] = persona.id
            self._set((device, persona.id), document(str(persona.aor), device, in_call=in_call, dnd=dnd))

    def _set(self, line: tuple[str, int], body: bytes) -> None:
        if self._said.get(line) != body:
            self._said[line] = body
            self._edge.background(self._write(line))

    @property
    def devices(self) -> Set[str]:
        """Lines that say something now."""
        return self._owners.keys()

    async def keep(self) -> None:
        """Renew what lasts."""
        while True:
            await asyncio.sleep(LOOK)
            now = self._edge.loop.time()
            for line in [one for one in self._said if self._due.get(one, 0.0) <= now]:
                self._edge.background(self._write(line))
                await asyncio.sleep(0)  # calls go on in between

    async def _write(self, line: tuple[str, int]) -> None:
        """Make the component say what the line does, by its newest state."""
        edge, (_, owner) = self._edge, line
        async with self._locks.setdefault(line, asyncio.Lock()):
            body, tag, persona = self._said.get(line, b""), self._tags.get(line), edge.policy.personas.get(owner)
            if persona is None or (not body and tag is None):
                self._forget(line, body)
                return
            with suppress(DomainError):  # what could not be written, or has run out, is begun anew by the next renewal
                presentity = await edge.personas.get(persona.id)
                result = publications.plan_publish(
                    persona=persona,
                    publisher=persona.aor,
                    publisher_persona=persona,
                    trusted=True,
                    entity_tag=tag,
                    expires=None if body else 0,
                    content_type="application/pidf+xml" if body else None,
                    body=body,
                    user_agent=self._agent,
                    door=publications.LINE,
                    held=presentity.publications,
                    ever_published=presentity.ever_published,
                    policy=edge.policy,
                    now=edge.now(),
                    new_id=edge.new_id,
                )

                if result.plan is not None and await edge.publish(result) is Outcome.COMMITTED:
                    self._tags[line] = result.entity_tag
                    self._due[line] = edge.loop.time() + RENEWAL
                    if not body:
                        self._forget(line, body)
                    return
            self._tags.pop(line, None)
            self._due.pop(line, None)

    def _forget(self, line: tuple[str, int], body: bytes) -> None:
        """There is no component; nothing is to be said, unless it is something else by now."""
        self._tags.pop(line, None)
        self._due.pop(line, None)
        if self._said.get(line) == body:
            self._said.pop(line, None)


def _agent(edge: str) -> str:
    return f"line/{edge}"


def _left_behind(agent: str, now: datetime) -> list[tuple[int, int, int]]:
    """Components that say something of lines of this edge: id, version, persona."""
    rows = Publication.objects.filter(door=publications.LINE, user_agent=agent, expires_at__gt=now)
    return list(rows.values_list("id", "version", "persona_id"))
