"""Calling a device: all phones of its line at once, the first that answers has it (RFC 3261 16.7, D-34)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sipedge.b2bua.answers import Answer
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.leg_user import LegUser
from sipedge.listeners import PROXY
from sipedge.resolve import Target
from sipedge.senders.relay import UNREACHABLE
from sipedge.sip.flow import Flow
from sipedge.ways import to_client

if TYPE_CHECKING:
    from sipedge.b2bua.legs import Legs

AUTO_ANSWER = (
    ("Answer-Mode", "Auto"),  # RFC 5373
    ("Alert-Info", "<http://www.example.com>;info=alert-autoanswer;delay=0"),
    ("Call-Info", "<sip:phone.invalid>;answer-after=0"),
)
"What phones that answer by themselves look for, each kind at its own header; others ring."


class Caller(NamedTuple):
    """Who calls, as the phones are told."""

    from_: str
    "Value of From, without tag."
    asserted: str
    "Address for P-Asserted-Identity; empty for none."


class Ring:
    """A device that is being called, for a call."""

    def __init__(self, call_id: str, device: str, caller: Leg | None, offer: bytes) -> None:
        self.call_id = call_id
        self.device = device
        self.caller = caller
        "The leg whose description the phones were offered."
        self.offer = offer
        self.legs: list[Leg] = []
        self.talks = False
        "A phone has said that it can be told to answer (Allow-Events: talk)."
        self._over = asyncio.Event()

    def cancel(self) -> None:
        """It need not ring any more."""
        self._over.set()

    @property
    def cancelled(self) -> bool:
        """Nobody waits for its answer."""
        return self._over.is_set()

    async def run(
        self,
        legs: "Legs",
        user: LegUser,
        targets: Sequence[Target],
        caller: Caller,
        to: str,
        headers: Sequence[tuple[str, str]],
        began: Callable[[Leg], None],
    ) -> tuple[Leg | None, Answer]:
        """Ring at all targets; the leg that has answered, else the failure that tells the caller most."""
        edge = legs.edge
        waiting: dict[asyncio.Future[Answer], Leg] = {}
        best = Answer(UNREACHABLE)
        over = edge.loop.create_task(self._over.wait())
        try:
            for target in targets:
                flow = await _flow(legs, target)
                if flow is None or self.cancelled:
                    continue
                leg = legs.make(user, self.device, local=caller.from_, remote=to, flow=flow)
                more = [*headers]
                if caller.asserted:
                    more.append(("P-Asserted-Identity", f"<{caller.asserted}>"))
                began(leg)
                self.legs.append(leg)
                waiting[leg.call(target, self.offer, more)] = leg
            while waiting:
                done, _ = await asyncio.wait({*waiting, over}, return_when=asyncio.FIRST_COMPLETED)
                if over in done:
                    return None, Answer(487)
                for future in done:
                    leg, answer = waiting.pop(future), future.result()  # type: ignore[arg-type]
                    if answer.good:
                        self.legs.remove(leg)
                        return leg, answer
                    best = min(best, answer, key=_worth)
                    if answer.status >= 600:
                        return None, answer
            return None, best
        finally:
            over.cancel()
            for leg in self.legs:
                leg.hang_up()


def _worth(answer: Answer) -> tuple[bool, bool, int]:
    """The smaller, the more it tells: that somebody is busy, or declines, more than that nobody is there."""
    return answer.status < 600, answer.status in (408, UNREACHABLE, 503), answer.status


async def _flow(legs: "Legs", target: Target) -> Flow | None:
    """The way to a phone over the connection that it opened, or to another domain's server."""
    network = legs.edge.network
    if target.binding is not None:
        return await to_client(network, legs.edge.locator, target.binding)
    for hop in target.hops:
        flow = await network.flow_to(hop, role=PROXY)
        if flow is not None:
            return flow
    return None
