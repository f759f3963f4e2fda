"""The other processes that share our addresses: who does what, and whose connection is whose.

Between each two of them is one stream on a socket in the data directory, which only the service's own account can
open. The process with the higher index connects. What arrives here and is at home there goes there as it came, with
its flow; answers leave from here by the same address, or over the stream when the connection is held there.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

import structlog

from sipedge.rows import BindingRow
from sipedge.sharing.borrowed import Borrowed
from sipedge.sharing.frames import Frame, Kind
from sipedge.sharing.home import MOST, Share, home_of
from sipedge.sharing.link import Link
from sipedge.sip.flow import Flow
from sipedge.transport.tcp import AnyConnection, ConnectionTable

log = structlog.get_logger(__name__)

RETRY: Final = 0.2
"Seconds between two attempts to reach a process that is not there: it may be starting."

PATIENCE: Final = 1.0
"Seconds that a start waits for the others, whose connections it may depend on."

AT_ONCE: Final = 10_000
"Ids in one frame."

HOLD: Final = 15.0
"Seconds that a request waits for the one process that can answer it: a restart takes two or three, if busy ten."

MAX_HELD: Final = 1000
"Requests that wait so; more are answered here, as well as that can be done."

LONGEST_PATH: Final = 100
"Octets of a socket's path that every system takes."


class BadFolder(Exception):
    """The sockets cannot be made; the message is for the operator."""


class Siblings:
    """All of them, as one process sees them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        share: Share,
        folder: Path,
        *,
        received: Callable[[bytes, Flow], None],
        drained: Callable[[], None],
        registered: Callable[[int, tuple[BindingRow, ...]], None],
    ) -> None:
        """`received` and `drained`: what to do with messages that are at home here; `registered`: with somebody's
        contacts, as another process has changed them."""
        self.share = share
        self.passed = self.taken = 0
        "Messages that were at home elsewhere, and that came from there."
        self._loop = loop
        self._name = name
        self._folder = folder
        self._connections: ConnectionTable
        self._received = received
        self._drained = drained
        self._heard_contacts = registered
        self._open: set[Link] = set()
        "All that are open; whatever is said about us is said to all of them."
        self._links: dict[int, Link] = {}
        "Those whose other end is known, by its index."
        self._moved: dict[int, int] = {}
        self._server: asyncio.AbstractServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._held = 0
        self._ready = self._draining = False
        self._complete = asyncio.Event()

    async def open(self, connections: ConnectionTable) -> None:
        """Meet the others, and wait for those that are there; raises BadFolder. `connections`: those that are lent."""
        self._connections = connections
        path = self._path(self.share.index)
        if len(str(path)) > LONGEST_PATH:
            raise BadFolder(f"the path {path} is too long for a socket; choose a shorter CUPS_DATA_DIR")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._server = await self._loop.create_unix_server(self._link, str(path))
        except OSError as error:
            raise BadFolder(f"{path} cannot be opened: {error.strerror}") from None
        self._tasks = [self._loop.create_task(self._reach(index)) for index in range(self.share.index)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._complete.wait(), PATIENCE)

    def accept(self) -> None:
        """Take messages from now on."""
        self._ready = True
        for link in self._open:
            link.send(Kind.READY)

    def drain(self) -> None:
        """Begin nothing new: others do what would have been at home here."""
        self._draining = True
        for link in self._open:
            link.send(Kind.DRAINING)

    def leave(self) -> None:
        """Take no more messages; connections can still be used, theirs and ours."""
        self._ready = False
        for link in self._open:
            link.send(Kind.LEAVING)

    def close(self) -> None:
        """Leave for good."""
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for link in list(self._open):
            link.close()

    # What the network asks

    def receive(self, message: bytes, flow: Flow) -> None:
        """A message has arrived at an address of all of us: it goes home, or is worked on here."""
        if not self.pass_on(message, flow):
            self._received(message, flow)

    def pass_on(self, message: bytes, flow: Flow) -> bool:
        """Give a message to the process that has it at home; False when that is here, or that one cannot be reached."""
        home = home_of(message, self.share.count, self._moved)
        if home is None:
            return False
        if home.index == self.share.index:
            return self._draining and home.new and any(self._pass(index, message, flow) for index in list(self._links))
        link = self._links.get(home.index)
        if home.new and link is not None and link.draining:
            return False
        if self._pass(home.index, message, flow):
            return True
        if home.new or self._held >= MAX_HELD:
            return False
        self._held += 1
        self._loop.call_later(RETRY, self._again, home.index, message, flow, self._loop.time() + HOLD)
        return True

    def _pass(self, index: int, message: bytes, flow: Flow) -> bool:
        link = self._links.get(index)
        if link is None or link.busy:
            return False
        link.send(Kind.RECEIVED, flow, message)
        self.passed += 1
        return True

    def _again(self, index: int, message: bytes, flow: Flow, ends: float) -> None:
        """A request that had to wait: its process may be there by now."""
        if self._pass(index, message, flow):
            self._held -= 1
        elif self._loop.time() < ends:
            self._loop.call_later(RETRY, self._again, index, message, flow, ends)
        else:
            self._held -= 1
            self._received(message, flow)
            self._drained()

    def opened(self, connection: AnyConnection) -> None:
        """A connection of ours is there: all may use it."""
        for link in self._open:
            self._tell(link, connection)

    def lost(self, flow: Flow) -> None:
        """A connection of ours is gone."""
        for link in self._open:
            link.send(Kind.LOST, flow)

    def has(self, ids: Iterable[int]) -> None:
        """We have these subscriptions, by their ids; those whose ids say so anyhow need no word."""
        mine = [id for id in ids if id % MOST != self.share.index]
        self._moved.update(dict.fromkeys(mine, self.share.index))
        for link in self._open:
            _tell_moved(link, mine)

    def registered(self, persona_id: int, bindings: tuple[BindingRow, ...]) -> None:
        """Contacts have changed here: the others, where calls may come for them, know before anybody can tell."""
        if self._open:
            data = json.dumps([persona_id, [row.plain() for row in bindings]]).encode()
            for link in self._open:
                link.send(Kind.REGISTERED, None, data)

    @property
    def names(self) -> Collection[str]:
        """Of those that can be reached."""
        return [link.name for link in self._links.values()]

    @property
    def there(self) -> Collection[int]:
        """Indices of those that can be reached."""
        return self._links.keys()

    def report(self) -> dict[str, int]:
        """Numbers for people."""
        there = {"process": self.share.index + 1, "of": self.share.count, "reached": len(self._links)}
        return {**there, "passed": self.passed, "taken": self.taken}

    # Links

    def _path(self, index: int) -> Path:
        return self._folder / f"edge-{index + 1}.sock"

    def _link(self) -> Link:
        return Link(self._loop, opened=self._greet, heard=self._heard, lost=self._gone)

    async def _reach(self, index: int) -> None:
        """Connect to a process with a lower index whenever there is no link to it."""
        while True:
            if index not in self._links:
                with contextlib.suppress(OSError):
                    await self._loop.create_unix_connection(self._link, str(self._path(index)))
            await asyncio.sleep(RETRY)

    def _greet(self, link: Link) -> None:
        self._open.add(link)
        link.send(Kind.HELLO, None, json.dumps([self._name, *self.share]).encode())
        for connection in self._connections.ours():
            self._tell(link, connection)
        _tell_moved(link, [id for id, index in self._moved.items() if index == self.share.index])
        link.send(Kind.KNOWN)
        if self._ready:
            link.send(Kind.READY)
        if self._draining:
            link.send(Kind.DRAINING)

    def _tell(self, link: Link, connection: AnyConnection) -> None:
        facts = json.dumps([connection.outbound, sorted(connection.names)]).encode()
        link.send(Kind.OPENED, connection.flow, facts)

    def _heard(self, link: Link, frames: list[Frame]) -> None:
        messages = False
        for kind, flow, data in frames:
            if kind is Kind.RECEIVED and flow is not None:
                self.taken += 1
                messages = True
                self._received(data, flow)
            elif kind is Kind.SEND and flow is not None:
                self._connections.send(data, flow)
            else:
                self._take(link, kind, flow, data)
        if messages:
            self._drained()

    def _take(self, link: Link, kind: Kind, flow: Flow | None, data: bytes) -> None:
        """What is said about the other process itself, and its connections."""
        if kind is Kind.HELLO:
            link.name, *share = json.loads(data)
            self._meet(link, Share(*share))
        elif kind is Kind.KNOWN:
            link.known = True
            if len(self._links) == self.share.count - 1 and all(one.known for one in self._links.values()):
                self._complete.set()
        elif kind is Kind.OPENED and flow is not None:
            outbound, names = json.loads(data)
            self._connections.borrow(Borrowed(flow, frozenset(names), outbound, link), link)
        elif kind is Kind.LOST and flow is not None:
            self._connections.give_back(flow)
        elif kind is Kind.SPACE and flow is not None:
            connection = self._connections.get(flow)
            if connection is not None:
                connection.space()
        elif kind is Kind.DRAINING:
            link.draining = True
        elif kind in (Kind.READY, Kind.LEAVING):
            link.ready = kind is Kind.READY
        elif kind is Kind.REGISTERED:
            persona_id, rows = json.loads(data)
            self._heard_contacts(persona_id, tuple(map(BindingRow.of_plain, rows)))
        elif kind is Kind.MOVED and link.index is not None:
            self._moved.update(dict.fromkeys(json.loads(data), link.index))

    def _meet(self, link: Link, other: Share) -> None:
        if other.count != self.share.count or other.index in (self.share.index, *self._links):
            log.error("another edge process does not fit", ours=list(self.share), other=list(other))
            link.close()
            return
        link.index = other.index
        self._links[other.index] = link

    def _gone(self, link: Link) -> None:
        """It has ended, and its connections with it."""
        self._open.discard(link)
        if link.index is None or self._links.get(link.index) is not link:
            return
        del self._links[link.index]
        log.warning("an edge process beside this one is gone", process=link.index + 1)
        self._moved = {id: index for id, index in self._moved.items() if index != link.index}
        self._connections.give_back_all(link)


def _tell_moved(link: Link, ids: list[int]) -> None:
    for start in range(0, len(ids), AT_ONCE):
        link.send(Kind.MOVED, None, json.dumps(ids[start : start + AT_ONCE]).encode())
