"""Who hears whom: the media of legs are made what the calls want them to be (RFC 3725).

Calls change by services and by what people do at their phones; each change only says what is wanted of a leg. Here the
difference is made up for by re-INVITEs, one leg after the other, until nothing differs. So hold, retrieve,
consultation, alternate, reconnect, transfer and conference are one thing.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import structlog

from sipedge.b2bua import sdp
from sipedge.b2bua.answers import Gone, Rejected
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.mixer import Conference, NoPort, Ports

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

NOT_ACCEPTABLE = 488
"Status for a phone that shares no format with those it is joined with."

NO_ROOM = 503
"Status when the mixer has no ports left."


class Silent(NamedTuple):
    """The phone hears nobody."""

    direction: str
    "What it is told: INACTIVE when it holds the call itself or waits, SENDONLY when it is held."


class With(NamedTuple):
    """The phone and another one hear each other."""

    other: Leg


class Mixed(NamedTuple):
    """The phone hears all others of a conference."""

    call_id: str


Media: TypeAlias = Silent | With | Mixed


class Control:
    """Makes the media of all legs what they should be."""

    def __init__(
        self,
        edge: "Edge",
        ports: Ports,
        wanted: Callable[[Leg], Media],
        failed: Callable[[Leg, int], None],
    ) -> None:
        """`wanted`: what a leg should hear now; `failed`: it could not be brought about, and a status that says why."""
        self._edge = edge
        self._ports = ports
        self._wanted = wanted
        self._failed = failed
        self._media: dict[Leg, Media] = {}
        self._driven: set[Leg] = set()
        self.conferences: dict[str, Conference] = {}

    def media(self, leg: Leg) -> Media | None:
        """What a leg hears now; None before anything was agreed on."""
        return self._media.get(leg)

    def agreed(self, leg: Leg, media: Media) -> None:
        """It has been told so already, as by the INVITE that has begun it."""
        before = self._media.get(leg)
        if before != media:
            self._leave(leg, before)
        self._media[leg] = media

    def forget(self, leg: Leg) -> None:
        """The leg is over."""
        self._leave(leg, self._media.pop(leg, None))

    def look(self, legs: Iterable[Leg]) -> None:
        """See to the legs that hear something else than they should."""
        for leg in legs:
            if leg.up and not leg.ended and leg not in self._driven and self._media.get(leg) != self._wanted(leg):
                self._driven.add(leg)
                self._edge.background(self._drive(leg))

    async def _drive(self, leg: Leg) -> None:
        try:
            while leg.up and not leg.ended:
                wanted = self._wanted(leg)
                if self._media.get(leg) == wanted:
                    return
                try:
                    await self._change(leg, wanted)
                except Gone:
                    pass  # its user knows
                except Rejected as refused:
                    self.agreed(leg, wanted)  # not tried again before something else is wanted
                    self._failed(leg, refused.status)
        finally:
            self._driven.discard(leg)

    async def _change(self, leg: Leg, wanted: Media) -> None:
        async with contextlib.AsyncExitStack() as turns:
            concerned = {leg, wanted.other} if isinstance(wanted, With) else {leg}
            for one in sorted(concerned, key=lambda one: one.tag):
                await turns.enter_async_context(one.turn)
            if leg.ended or self._wanted(leg) != wanted or self._media.get(leg) == wanted:
                return
            if isinstance(wanted, With):
                await self._join(leg, wanted.other)
            elif isinstance(wanted, Mixed):
                await self._mix(leg, wanted)
            else:
                await leg.renew(
                    sdp.with_direction(leg.description.local or sdp.silent(leg.description.remote), wanted.direction)
                )
                self.agreed(leg, wanted)

    async def _join(self, one: Leg, other: Leg) -> None:
        """Two phones hear each other: each is told what the other one says (RFC 3725 section 7)."""
        if self._media.get(other) == With(one):  # it was called with the description of this one
            told = sdp.audio(other.description.local)
            answer = await one.renew(other.description.remote)
            said = sdp.audio(answer)
            if said is None or told is None or (said.host, said.port) != (told.host, told.port):
                await other.renew(answer)
        else:
            offer = await one.renew(b"")
            answer = b""
            try:
                if not offer:
                    raise Rejected(NOT_ACCEPTABLE)
                answer = await other.renew(offer)
            finally:
                one.confirm(answer or sdp.silent(offer))
        self.agreed(one, With(other))
        self.agreed(other, With(one))

    async def _mix(self, leg: Leg, wanted: Mixed) -> None:
        conference = self.conferences.get(wanted.call_id)
        if conference is None:
            conference = self.conferences[wanted.call_id] = Conference(self._ports)
        host = leg.phone.host
        try:
            party = await conference.join(leg.tag, leg.dialog.flow.local[0], host)
        except (NoPort, OSError) as error:
            log.warning("no port for a conference", error=repr(error))
            raise Rejected(NO_ROOM) from None
        try:
            answer = await leg.renew(sdp.g711(host, party.port))
            if not party.agree(answer, leg.dialog.flow.remote[0]):
                raise Rejected(NOT_ACCEPTABLE)
        except (Gone, Rejected):
            self._leave(leg, wanted)
            raise
        self.agreed(leg, wanted)

    def _leave(self, leg: Leg, media: Media | None) -> None:
        conference = self.conferences.get(media.call_id) if isinstance(media, Mixed) else None
        if isinstance(media, Mixed) and conference is not None:
            conference.leave(leg.tag)
            if not any(conference):
                del self.conferences[media.call_id]
