"""All log-ins to the messenger at this edge, and what the web side asks of them (DESIGN section 15)."""

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from channels.layers import get_channel_layer

from presence.engine.errors import NotAuthorised, UnknownPresentity
from sipedge.messenger.agent import Agent
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

LOOK = 5.0
"Seconds between two looks for log-ins that nobody uses any more."

MAX_AGENTS = 10_000
"Log-ins at one edge, some 10 kB each with their buddies."


def group(session: str) -> str:
    """The channel group of everybody who shows a log-in."""
    return f"messenger.{session}"


class Agents:
    """The user agents of this edge, by session."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._agents: dict[str, Agent] = {}
        self._logging_in: dict[str, asyncio.Lock] = {}

    def __len__(self) -> int:
        return len(self._agents)

    def kinds(self) -> list[str]:
        """What each is shown on."""
        return [agent.kind for agent in self._agents.values()]

    async def keep(self) -> None:
        """Look after time, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            now = self._edge.loop.time()
            messenger = self._edge.policy.messenger
            for agent in list(self._agents.values()):
                agent.timeout()
                grace = messenger.session_timer * 60 if agent.kind == "phone" else messenger.grace
                if now - agent.alive_at > grace:
                    log.info("a log-in that nobody uses ends", user=agent.persona.aor, kind=agent.kind)
                    await self._end(agent, "unused")

    def policy_changed(self) -> None:
        """Users, buddies or settings may be different."""
        for agent in list(self._agents.values()):
            persona = self._edge.policy.personas.get(agent.persona.id)
            if persona is None or not persona.enabled or not self._edge.policy.messenger.enabled:
                self._edge.background(self._end(agent, "not allowed any more"))
            else:
                agent.look_at_buddies()

    async def close(self) -> None:
        """The edge stops: log-ins go on elsewhere, so nothing is ended but the connections."""
        for agent in list(self._agents.values()):
            agent.abort()

    def cut_off(self, flow: Flow) -> None:
        """What a log-in watched was ended by another edge: the next sign of life of its page begins it again."""
        for agent in [one for one in self._agents.values() if one.flow == flow]:
            del self._agents[agent.session]
            agent.abort()

    # What is asked

    async def log_in(self, session: str, persona: int, kind: str) -> dict[str, Any]:
        """Log a user in; once more is the same log-in. What is shown."""
        lock = self._logging_in.setdefault(session, asyncio.Lock())
        try:
            async with lock:
                agent = self._agents.get(session)
                if agent is None:
                    agent = await self._begin(session, persona, kind)
                return self._used(agent).snapshot()
        finally:
            if not lock.locked():
                self._logging_in.pop(session, None)

    async def _begin(self, session: str, persona: int, kind: str) -> Agent:
        facts = self._edge.policy.personas.get(persona)
        if facts is None or not facts.enabled:
            raise UnknownPresentity("no such user")
        if not self._edge.policy.messenger.enabled or len(self._agents) >= MAX_AGENTS:
            raise NotAuthorised("the messenger is not offered")

        async def tell(event: dict[str, Any]) -> None:
            await self._publish(session, event)

        agent = Agent(self._edge, session, facts, kind, tell)
        await agent.log_in()
        self._agents[session] = agent
        return agent

    async def snapshot(self, session: str) -> dict[str, Any]:
        """What is shown now."""
        return self._used(self._of(session)).snapshot()

    async def alive(self, session: str) -> dict[str, Any]:
        """Somebody still shows it."""
        self._used(self._of(session))
        return {}

    async def log_out(self, session: str) -> dict[str, Any]:
        """End it; one that is not there has ended."""
        agent = self._agents.get(session)
        if agent is not None:
            await self._end(agent, "logged out")
        return {}

    async def status(self, session: str, status: str, note: str = "") -> dict[str, Any]:
        """Choose a state."""
        agent = self._used(self._of(session))
        await agent.set_status(status, note)
        await self._publish(session, {"type": "status", "status": agent.status, "note": agent.note})
        return {}

    async def idle(self, session: str, idle: bool) -> dict[str, Any]:
        """Nothing is done at the keyboard, or something again."""
        await self._used(self._of(session)).set_idle(idle)
        return {}

    async def send(self, session: str, to: str, text: str) -> dict[str, Any]:
        """Send a message; all who show the log-in see it."""
        message = await self._used(self._of(session)).send_message(to, text)
        await self._publish(session, {"type": "message", "message": message})
        return message

    async def typing(self, session: str, to: str) -> dict[str, Any]:
        """A message is being written."""
        self._edge.background(self._used(self._of(session)).say_typing(to))
        return {}

    async def confirm(self, session: str, message: str) -> dict[str, Any]:
        """A message was shown."""
        self._used(self._of(session)).confirm(message)
        return {}

    def _of(self, session: str) -> Agent:
        agent = self._agents.get(session)
        if agent is None:
            raise SipError(481, "No Such Session")
        return agent

    def _used(self, agent: Agent) -> Agent:
        agent.alive_at = self._edge.loop.time()
        return agent

    async def _end(self, agent: Agent, why: str) -> None:
        self._agents.pop(agent.session, None)
        await self._publish(agent.session, {"type": "ended", "why": why})
        await agent.log_out()

    async def _publish(self, session: str, event: dict[str, Any]) -> None:
        try:
            await get_channel_layer().group_send(group(session), {"type": "messenger.event", "event": event})
        except OSError as error:  # whoever shows it reloads when the bus is back
            log.warning("an event was not heard", error=type(error).__name__)
