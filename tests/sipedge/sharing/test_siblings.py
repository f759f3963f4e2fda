"""Processes beside each other: they meet, pass messages on, lend connections, and notice that one is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sipedge.peers import Peers
from sipedge.sharing import siblings as module
from sipedge.sharing.home import Share, home_of, numbered
from sipedge.sharing.siblings import BadFolder, Siblings
from sipedge.sip.flow import Flow
from sipedge.transport.tcp import ConnectionTable

pytestmark = pytest.mark.asyncio

HERE = ("127.0.0.1", 5060)
UDP = Flow("UDP", HERE, ("192.0.2.1", 5060))


class Held:
    """A connection that a process holds."""

    names = frozenset({"example.com"})
    outbound = False

    def __init__(self, serial: int) -> None:
        self.flow = Flow("TLS", HERE, ("192.0.2.9", 40000 + serial), serial)
        self.sent: list[bytes] = []
        self.spaced = self.closed = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def space(self) -> None:
        self.spaced = True

    def slow(self, now: float) -> bool:
        return False

    def idle(self, now: float) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Process:
    def __init__(self, folder: Path, index: int, count: int = 2) -> None:
        self.received: list[tuple[bytes, Flow]] = []
        self.lost: list[Flow] = []
        self.heard: list[Any] = []
        loop = asyncio.get_running_loop()

        def nothing(*_: Any) -> None: ...

        self.siblings = Siblings(
            loop, f"edge-{index + 1}", Share(index, count), folder, drained=nothing,
            received=lambda data, flow: self.received.append((data, flow)),
            registered=lambda *what: self.heard.append(what),
        )  # fmt: skip
        self.table = ConnectionTable(
            loop, peers=Peers(), received=nothing, drained=nothing, broken=nothing, lost=self.lost.append,
            audience=self.siblings,
        )  # fmt: skip

    async def open(self) -> None:
        await self.siblings.open(self.table)

    def held(self) -> Held:
        one = Held(self.table.next_serial())
        self.table.add(one)
        return one


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    first, second = Process(tmp_path, 0), Process(tmp_path, 1)
    await asyncio.gather(first.open(), second.open())
    for one in (first, second):
        one.siblings.accept()
    await until(lambda: takes(first) and takes(second))
    yield first, second
    for one in (first, second):
        one.siblings.close()
    await asyncio.sleep(0)


def takes(process: Process) -> bool:
    """The other one can be given messages."""
    return any(link.ready for link in process.siblings._links.values())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


def message(home: int, *, id: int | None = None) -> bytes:
    """A SUBSCRIBE that is at home in this process of two; `id`: within the dialog of this subscription."""
    for number in range(100):
        tag = f";tag={id:x}" if id is not None else ""
        data = f"SUBSCRIBE sip:u{number}@x SIP/2.0\r\nTo: <sip:u{number}@x>{tag}\r\n\r\n".encode()
        found = home_of(data, 2, {})
        if id is not None or (found is not None and found.index == home):
            return data
    raise AssertionError(home)


async def test_messages_go_home(pair: tuple[Process, Process]) -> None:
    first, second = pair
    assert not first.siblings.pass_on(message(0), UDP) and first.siblings.pass_on(message(1), UDP)
    assert second.siblings.pass_on(message(0), UDP)
    await until(lambda: bool(first.received and second.received))
    assert first.received == [(message(0), UDP)] and second.received == [(message(1), UDP)]
    assert (first.siblings.passed, first.siblings.taken) == (1, 1)


async def test_connections_are_lent(pair: tuple[Process, Process]) -> None:
    """With what their certificates say, until they are gone; nobody closes what is not its own."""
    first, second = pair
    one = first.held()
    await until(lambda: second.table.get(one.flow) is not None)
    lent = second.table.get(one.flow)
    assert lent is not None and lent.names == one.names and len(second.table) == 0
    assert second.table.send(b"hello", one.flow)
    lent.space()
    await until(lambda: one.spaced)
    assert one.sent == [b"hello"]
    second.table.close()
    await asyncio.sleep(0.05)
    assert not one.closed
    first.table.remove(one)
    await until(lambda: second.lost == [one.flow])
    assert second.table.get(one.flow) is None and first.lost == [one.flow]


async def test_who_comes_later_learns_of_all(tmp_path: Path) -> None:
    first = Process(tmp_path, 0)
    await first.open()
    one = first.held()
    id = numbered(1 << 62, 1)
    first.siblings.has([id, numbered(1 << 62, 0)])
    second = Process(tmp_path, 1)
    await second.open()
    assert second.table.get(one.flow) is not None, "known before anything is resumed"
    first.siblings.accept()
    await until(lambda: takes(second))
    assert second.siblings.pass_on(message(0, id=id), UDP), "a subscription that has moved there"
    await until(lambda: bool(first.received))
    for each in (first, second):
        each.siblings.close()


async def test_a_process_that_ends_takes_its_connections_with_it(pair: tuple[Process, Process]) -> None:
    """What begins anew is done here then; what only that one can answer waits a while for its successor."""
    first, second = pair
    one = second.held()
    await until(lambda: first.table.get(one.flow) is not None)
    second.siblings.close()
    await until(lambda: first.lost == [one.flow])
    assert not first.siblings.pass_on(message(1), UDP)
    within = message(1, id=numbered(1 << 62, 1))
    assert first.siblings.pass_on(within, UDP) and not first.received


async def test_nobody_waits_for_ever(pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair
    monkeypatch.setattr(module, "HOLD", 0.3)
    monkeypatch.setattr(module, "RETRY", 0.05)
    second.siblings.close()
    await until(lambda: not first.siblings.there)
    within = message(1, id=numbered(1 << 62, 1))
    assert first.siblings.pass_on(within, UDP)
    await until(lambda: first.received == [(within, UDP)])
    monkeypatch.setattr(module, "MAX_HELD", 0)
    assert not first.siblings.pass_on(within, UDP)


async def test_what_is_held_goes_to_the_successor(pair: tuple[Process, Process], tmp_path: Path) -> None:
    first, second = pair
    second.siblings.close()
    await until(lambda: not first.siblings.there)
    within = message(1, id=numbered(1 << 62, 1))
    assert first.siblings.pass_on(within, UDP)
    successor = Process(tmp_path, 1)
    await successor.open()
    successor.siblings.accept()
    await until(lambda: successor.received == [(within, UDP)])
    assert not first.received
    successor.siblings.close()


async def test_who_leaves_is_left_alone(pair: tuple[Process, Process]) -> None:
    """One that is drained answers within its dialogs; one that stops, nothing."""
    first, second = pair
    within = message(1, id=numbered(1 << 62, 1))
    second.siblings.drain()
    await until(lambda: any(link.draining for link in first.siblings._links.values()))
    assert not first.siblings.pass_on(message(1), UDP) and first.siblings.pass_on(within, UDP)
    assert second.siblings.pass_on(message(1), UDP), "others begin what would begin there"
    await until(lambda: first.received == [(message(1), UDP)] and second.received == [(within, UDP)])
    second.siblings.leave()
    await until(lambda: not takes(first))
    assert first.siblings.pass_on(within, UDP) and len(second.received) == 1, "it waits"


async def test_contacts_are_told_at_once(pair: tuple[Process, Process]) -> None:
    first, second = pair
    second.siblings.registered(7, ())
    await until(lambda: first.heard == [(7, ())])
    assert list(first.siblings.names) == ["edge-2"]


async def test_who_does_not_fit_is_refused(pair: tuple[Process, Process], tmp_path: Path) -> None:
    """Another number of processes; a folder whose path no socket takes."""
    first, _ = pair
    stranger = Process(tmp_path, 2, 3)
    await stranger.open()
    assert stranger.siblings.there == set() and list(first.siblings.there) == [1]
    stranger.siblings.close()
    with pytest.raises(BadFolder, match="too long"):
        await Process(tmp_path / ("x" * 100), 0).open()


async def test_bytes_of_somebody_else_end_the_stream(pair: tuple[Process, Process], tmp_path: Path) -> None:
    first, _ = pair
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "edge-1.sock"))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(20):
        while await reader.read(1000):
            pass
    writer.close()
    assert list(first.siblings.there) == [1]
