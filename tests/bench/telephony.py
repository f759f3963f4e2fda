"""`./run bench telephony`: programs at the CTI gateway, and how soon they hear of calls on the simulated switch.

Each program is an application session over TCP of its own, and monitors its lines. Calls begin at a fixed rate: one
program makes the call, another answers when its line rings, the first clears it two seconds later. A time runs from
sending a request to the arrival of its event at the other end. At the end every line has heard every event of its
calls, in the order of the documentation, or the run has failed. Lines belong to users: each call is presence as well.
"""

import argparse
import asyncio
import multiprocessing
import re
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from typing import NamedTuple

from cti.csta import messages as m
from cti.csta.codec import ED3, encode
from cti.csta.framing import EVENT, Frame, Framer
from tests import services
from tests.bench import usage
from tests.phone import DOMAIN, PASSWORD
from tests.system import Deployment, deployed

TALK = 2.0
"Seconds for which two lines talk."

SETTLE = 5.0
"Seconds after the last call: all that was made has ended by then."

LINES = 4
"Lines of each program: those of one user."

CONNECTED_AT_ONCE = 20
"Programs that connect at the same time."

FIRST = 10_000
"The first line's number."

CALLER = ["OriginatedEvent", "DeliveredEvent", "EstablishedEvent", "ConnectionClearedEvent"]
"What the line that calls, and clears, has to hear of each call, in this order."

CALLED = ["DeliveredEvent", "EstablishedEvent", "ConnectionClearedEvent", "ConnectionClearedEvent"]
"What the line hears that is called: the last two are the caller's end and its own."

FAR_END = {"DeliveredEvent": 1, "EstablishedEvent": 0, "ConnectionClearedEvent": 1}
"Event that is timed -> where: at the line that was called (1), or at the one that calls."

_NAME = re.compile(rb"<(\w+)[ />]")
_REFERENCE = re.compile(rb"<monitorCrossRefID>([^<]+)<")
_CALL = re.compile(rb"<callID>([^<]+)<")


class Result(NamedTuple):
    """What a run has shown."""

    times: dict[str, list[float]]
    "Event -> seconds until it was there, sorted."
    calls: int
    lost: int
    "Lines of calls that have not heard exactly what they should."
    idle: int
    full: int
    after: int
    "Bytes of the edge: before the programs, with all of them, after the calls."
    cores: float
    "CPU seconds of the edge in a second of calls."
    connected: float
    "Seconds until all programs monitored all of their lines."


def main(arguments: list[str]) -> int:
    """Measure a tenth first, then all; the exit status is 0 when nothing was lost or reordered."""
    parser = argparse.ArgumentParser(prog="./run bench telephony", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=500, help=f"sessions, each with {LINES} lines (default 500)")
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second (default 50)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for which calls begin (default 30)")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    chosen = parser.parse_args(arguments)
    small = _run(chosen, chosen.programs // 10, chosen.rate / 10)
    full = _run(chosen, chosen.programs, chosen.rate)
    ratios = ", ".join(
        f"{name} {_share(times, 0.99) / _share(small.times[name], 0.99):.2f}" for name, times in full.times.items()
    )
    print(f"p99 with all programs, as a multiple of that with a tenth of them: {ratios}")
    return 1 if small.lost or full.lost else 0


def _run(chosen: argparse.Namespace, programs: int, rate: float) -> Result:
    lines = "".join(
        f'  - {{uri: "{FIRST + number}", owner: "u{number % programs}@{DOMAIN}"}}\n'
        for number in range(programs * LINES)
    )
    users = f'{{pattern: "u{{n}}", first: 0, count: {programs}, domain: {DOMAIN}, password: {PASSWORD}}}'
    provisioned = f"domains: [{DOMAIN}]\nusers: [{users}]\nlines:\n{lines}"
    if chosen.database == "sqlite":
        with deployed(provisioned=provisioned) as deployment:
            return _measured(deployment, chosen, programs, rate)
    with services.PostgreSQL(durable=True) as server, deployed(server=server.url, provisioned=provisioned) as one:
        return _measured(one, chosen, programs, rate)


def _measured(deployment: Deployment, chosen: argparse.Namespace, programs: int, rate: float) -> Result:
    deployment.manage(
        "shell", "-v0", "-c",
        "from provisioning.models import LimitExemption; LimitExemption(network='127.0.0.1/32').save()",
    )  # fmt: skip
    pid = deployment.start_edge().pid
    idle = usage.memory(pid)
    ours, theirs = multiprocessing.Pipe()
    crowd = multiprocessing.get_context("spawn").Process(
        target=_crowd, args=(deployment.csta, programs, rate, chosen.seconds, theirs), daemon=True
    )
    crowd.start()
    began = time.monotonic()
    assert ours.recv() == "ready"
    connected, full = time.monotonic() - began, usage.memory(pid)
    cpu, began = usage.cpu(pid), time.monotonic()
    ours.send("go")
    assert ours.recv() == "called"
    cores = (usage.cpu(pid) - cpu) / (time.monotonic() - began)
    times, calls, lost = ours.recv()
    after = usage.memory(pid)
    crowd.join(10)
    result = Result(times, calls, lost, idle, full, after, cores, connected)
    _print(result, programs, rate)
    return result


def _print(result: Result, programs: int, rate: float) -> None:
    print(f"{programs} programs, {programs * LINES} monitored lines, {rate:g} calls/s: {result.calls} calls")
    print(f"  lines of calls that missed an event or heard it out of order: {result.lost}")
    for name, times in result.times.items():
        shares = ", ".join(f"p{100 * share:g} {1000 * _share(times, share):.1f} ms" for share in (0.5, 0.95, 0.99, 1))
        print(f"  {name}: {shares}")
    each = (result.full - result.idle) / programs / 1000
    print(
        f"  edge: {result.idle / 1e6:.1f} MB idle, {result.full / 1e6:.1f} MB with all programs ({each:.1f} kB each), "
        f"{result.after / 1e6:.1f} MB after the calls; {result.cores:.2f} cores; connected in {result.connected:.1f} s",
        flush=True,
    )


def _share(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


# The programs, in a process of their own


def _crowd(port: int, programs: int, rate: float, seconds: float, pipe: Connection) -> None:
    asyncio.run(Crowd(programs).run(port, rate, seconds, pipe))


class Crowd:
    """All programs and their lines: line n is of program n modulo their count, and calls the next if n is even."""

    def __init__(self, programs: int) -> None:
        self.programs = [Program(self, number) for number in range(programs)]
        self.lines = programs * LINES
        self.heard: dict[tuple[str, int], list[tuple[str, float]]] = defaultdict(list)
        "Call and line -> events with their times, as they came."
        self.asked: dict[str, dict[str, float]] = defaultdict(dict)
        "Call -> event -> when it was asked for."
        self.made: dict[str, int] = {}
        "Call -> the line that has made it."

    async def run(self, port: int, rate: float, seconds: float, pipe: Connection) -> None:
        """Connect, wait for the word, call; then say what came."""
        gate = asyncio.Semaphore(CONNECTED_AT_ONCE)
        await asyncio.gather(*(one.connect(port, gate) for one in self.programs))
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        loop = asyncio.get_running_loop()
        begin, calls = loop.time(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
            calls.append(loop.create_task(self._call(2 * number % self.lines)))
        await asyncio.gather(*calls)
        pipe.send("called")
        await asyncio.sleep(TALK + SETTLE)
        pipe.send(self.found())

    async def _call(self, line: int) -> None:
        began = time.monotonic()
        request = m.MakeCall(str(FIRST + line), str(FIRST + line + 1), m.AutoOriginate.DO_NOT_PROMPT)
        answer = await self.programs[line % len(self.programs)].ask(request)
        found = _CALL.search(answer)
        if found is None:
            raise SystemExit(f"a call was refused: {answer!r}")
        call = found[1].decode()
        self.made[call] = line
        self.asked[call]["DeliveredEvent"] = began

    def found(self) -> tuple[dict[str, list[float]], int, int]:
        """Seconds by event, calls, and lines that have not heard exactly what they should."""
        times: dict[str, list[float]] = defaultdict(list)
        lost = 0
        for call, line in self.made.items():
            for end, wanted in ((line, CALLER), (line + 1, CALLED)):
                lost += [name for name, _ in self.heard[call, end]] != wanted
            for event, away in FAR_END.items():
                arrived = next((at for name, at in self.heard[call, line + away] if name == event), None)
                if arrived is not None:
                    times[event].append(arrived - self.asked[call][event])
        return {name: sorted(each) for name, each in times.items()}, len(self.made), lost


class Program:
    """One application session."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd = crowd
        self._number = number
        self._invoke = 0
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._lines: dict[str, int] = {}
        "Cross reference -> line."
        self._writer: asyncio.StreamWriter

    async def connect(self, port: int, gate: asyncio.Semaphore) -> None:
        """Log in, and monitor all lines."""
        async with gate:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            self._reading = asyncio.create_task(self._read(reader))
            info = m.ApplicationInfo(f"u{self._number}@{DOMAIN}", None, PASSWORD)
            answer = await self.ask(m.StartApplicationSession(info, (ED3,), None))
            if b"PosResponse" not in answer:
                raise SystemExit(f"a log-in was refused: {answer!r}")
            for line in range(self._number, self._crowd.lines, len(self._crowd.programs)):
                answer = await self.ask(m.MonitorStart(m.DeviceObject(str(FIRST + line))))
                found = _REFERENCE.search(answer)
                if found is None:
                    raise SystemExit(f"a monitor was refused: {answer!r}")
                self._lines[found[1].decode()] = line

    def ask(self, request: m.Request) -> "asyncio.Future[bytes]":
        """The answer, as it comes."""
        self._invoke = self._invoke % (EVENT - 1) + 1
        self._writer.write(bytes(Frame(self._invoke, encode(request))))
        found = self._answers[self._invoke] = asyncio.get_running_loop().create_future()
        return found

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        while data := await reader.read(65_536):
            arrived = time.monotonic()
            for frame in framer.feed(data):
                if frame.invoke == EVENT:
                    self._take(frame.document, arrived)
                else:
                    self._answers.pop(frame.invoke).set_result(frame.document)

    def _take(self, document: bytes, arrived: float) -> None:
        """An event: who is called answers at once, the caller clears a little later."""
        name, reference, called = (found.search(document) for found in (_NAME, _REFERENCE, _CALL))
        if name is None or reference is None or called is None:
            raise SystemExit(f"not an event of a call: {document!r}")
        event, line, call = name[1].decode(), self._lines[reference[1].decode()], called[1].decode()
        self._crowd.heard[call, line].append((event, arrived))
        connection = m.ConnectionID(call, str(FIRST + line))
        if event == "DeliveredEvent" and line % 2:
            self._act(call, "EstablishedEvent", m.AnswerCall(connection))
        elif event == "EstablishedEvent" and not line % 2:
            loop = asyncio.get_running_loop()
            loop.call_later(TALK, self._act, call, "ConnectionClearedEvent", m.ClearConnection(connection))

    def _act(self, call: str, event: str, request: m.Request) -> None:
        self._crowd.asked[call][event] = time.monotonic()
        self.ask(request)
