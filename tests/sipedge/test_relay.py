"""What has been relayed is gone as soon as its transaction is, without a collection of garbage."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from sipedge.senders import relay as module
from sipedge.senders.relay import Relay, Target
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request
from tests import builders

FLOW = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5062))


def test_a_message_leaves_no_circle_behind(monkeypatch: Any) -> None:
    """Answer, copy and request were kept for each message until the next full collection."""
    forks: list[weakref.ref[module.Fork]] = []

    class Watched(module.Fork):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            forks.append(weakref.ref(self))

    monkeypatch.setattr(module, "Fork", Watched)

    async def relayed() -> int:
        made: list[Any] = []

        def request(copy: Request, flow: Flow, now: float, *, context: Any, **_: Any) -> Any:
            made.append(SimpleNamespace(context=context))
            return made[-1]

        edge = Mock(loop=asyncio.get_running_loop(), stack=SimpleNamespace(request=request))
        edge.network.alive.return_value = True
        relay = Relay(cast(Any, edge))
        asked = builders.parsed("MESSAGE", b"Hello")
        target = Target(uri="sip:user2@127.0.0.1:5062", flow=FLOW)
        running = asyncio.ensure_future(relay.fork(asked, [target], sender=None))
        while not made:
            await asyncio.sleep(0)
        relay.answered(made[0], asked.respond(200))
        status = (await running).status
        made.clear()
        edge.reset_mock()
        return status

    gc.disable()
    try:
        assert asyncio.run(relayed()) == 200
        assert [one() for one in forks] == [None]
    finally:
        gc.enable()
