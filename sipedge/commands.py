"""What the web side and Celery ask of an edge, with an answer (DESIGN section 15)."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog

from presence.engine.errors import DomainError
from provisioning import asking, bus
from provisioning.asking import Command
from sipedge import exhaustion
from sipedge.messenger.connection import Unanswered
from sipedge.sip.errors import SipError

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

REMEMBERED = 10_000
"Commands whose answer is remembered: the same id again is answered, not done, again."

BUS_PATIENCE = 5.0
"Seconds that an edge waits for the bus before it says that it is ready."

QUESTIONS = frozenset({"telephony", "trace"})
"Commands that change nothing: asked every second by each open page, with answers of up to a megabyte."

Handler = Callable[..., Awaitable[dict[str, Any]]]


class Commands:
    """Listens for commands, and answers them."""

    def __init__(self, edge: "Edge", handlers: dict[str, Handler]) -> None:
        self._edge = edge
        self._handlers = handlers
        self._done: OrderedDict[str, asyncio.Future[dict[str, Any]]] = OrderedDict()
        self._answering: set[asyncio.Task[Any]] = set()
        self.heard = asyncio.Event()
        "This edge can be asked."

    async def wait_until_heard(self) -> None:
        """Until this edge can be asked; not for ever, since calls and presence go on without a bus."""
        if bus.configured():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BUS_PATIENCE):
                    await self.heard.wait()

    async def listen(self) -> None:
        """For ever; without a bus nobody can ask."""
        if not bus.configured():
            return
        async for command in asking.commands(self._edge.name, self.heard):
            self._edge.background(self._answer(command))

    async def finish(self, seconds: float) -> None:
        """Give answers that are on their way the time to leave: what this edge was asked may be why it stops."""
        if self._answering:
            await asyncio.wait(list(self._answering), timeout=seconds)

    async def _answer(self, command: Command) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        known = self._done.get(command.id)
        if known is None:
            if command.deadline < time.time():
                return  # nobody waits, so it must not happen
            known = asyncio.ensure_future(self._run(command))
            if command.name not in QUESTIONS:
                self._done[command.id] = known
            if len(self._done) > REMEMBERED:
                self._done.popitem(last=False)
        await asking.answer(command, await asyncio.shield(known))

    async def _run(self, command: Command) -> dict[str, Any]:
        handler = self._handlers.get(command.name)
        if handler is None:
            return {"status": 501, "reason": "Not Implemented"}
        try:
            return {"result": await handler(**command.arguments)}
        except SipError as error:
            return {"status": error.status, "reason": error.reason or ""}
        except Unanswered as error:
            return {"status": error.status, "reason": "No Answer"}
        except DomainError as error:
            from sipedge.dispatch import ANSWERS

            status = next((ANSWERS[kind][0] for kind in type(error).__mro__ if kind in ANSWERS), 500)
            return {"status": status, "reason": str(error)}
        except MemoryError:
            exhaustion.end()
        except Exception:
            log.exception("a command failed", command=command.name)
            return {"status": 500, "reason": "Server Internal Error"}
