"""`./run bench integrators`: programs over WebSocket on one web process, and how long a change takes to reach them.

Every change is a PUBLISH at an engine listener. Its time runs from sending it to the arrival of the document at each of
the programs that watch the user; the programs are in a process of their own, and read as fast as they can.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection, connect

from tests import services
from tests.phone import DOMAIN, pidf
from tests.rest import Web, integrator
from tests.system import Deployment, deployed

USERS = 500
"Users who change."

CONNECTED_AT_ONCE = 20
"Programs that connect at the same time."

SETTLE = 3.0
"Seconds of rest after the last change."


def main(arguments: list[str]) -> int:
    """Measure; the exit status is 0 when every program has heard the last state of every user it watches."""
    parser = argparse.ArgumentParser(prog="./run bench integrators", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=1000, help="WebSockets (default 1000)")
    parser.add_argument("--follow", type=int, default=50, help="addresses that each follows (default 50)")
    parser.add_argument("--rate", type=float, default=10.0, help="changes a second (default 10)")
    parser.add_argument("--seconds", type=float, default=30.0, help="counted time (default 30)")
    chosen = parser.parse_args(arguments)
    with services.valkey() as bus, deployed(bus=bus) as deployment:
        deployment.start_edge()
        web = integrator(deployment)
        return _measure(deployment, web, chosen)


def _measure(deployment: Deployment, web: Web, chosen: argparse.Namespace) -> int:
    process = psutil.Process(deployment._processes[-1].pid)
    idle = process.memory_info().rss
    ours, theirs = multiprocessing.Pipe()
    address = web.address.replace("http", "ws", 1)
    crowd = multiprocessing.get_context("spawn").Process(
        target=_crowd, args=(address, web._token, chosen.programs, chosen.follow, theirs), daemon=True
    )
    crowd.start()
    began = time.perf_counter()
    assert ours.recv() == "ready"
    connected = time.perf_counter() - began
    full = process.memory_info().rss
    cpu, changed = process.cpu_times(), time.monotonic()
    last = _change(deployment, chosen.rate, chosen.seconds)
    spent = process.cpu_times()
    cores = (spent.user + spent.system - cpu.user - cpu.system) / (time.monotonic() - changed)
    time.sleep(SETTLE)
    ours.send(last)
    times, missing = ours.recv()
    crowd.join(10)
    times.sort()
    print(f"{chosen.programs} programs, {chosen.follow} addresses each, {USERS} users, {chosen.rate:g} changes/s")
    print(f"connected and told everything in {connected:.1f} s")
    print(f"deliveries: {len(times)}, {len(times) / chosen.seconds:.0f}/s; missing at the end: {missing}")
    for share in (0.5, 0.95, 0.99, 1.0):
        print(f"p{share * 100:g}: {1000 * times[min(len(times) - 1, int(len(times) * share))]:.0f} ms")
    each = (full - idle) / chosen.programs / 1000
    print(f"web process: {idle / 1e6:.0f} MB idle, {full / 1e6:.0f} MB full ({each:.0f} kB each), {cores:.2f} cores")
    print(
        f"after the changes: {process.memory_info().rss / 1e6:.0f} MB; load of the machine {psutil.getloadavg()[0]:.1f}"
    )
    return 1 if missing else 0


def _change(deployment: Deployment, rate: float, seconds: float) -> dict[str, str]:
    """Publish at a fixed rate; the last note of each user. A note says when it was sent."""
    tags: dict[str, str] = {}
    last: dict[str, str] = {}
    chance = random.Random(1)
    with contextlib.ExitStack() as stack:
        phones = {}
        begin = time.monotonic()
        for number in range(int(rate * seconds)):
            user = f"u{chance.randrange(USERS)}"
            if user not in phones:
                phones[user] = stack.enter_context(deployment.peer(user))
            time.sleep(max(0.0, begin + number / rate - time.monotonic()))
            note = f"{time.monotonic():.6f}"
            extra = f"<note>{note}</note>"
            body = pidf(phones[user].aor).replace(b"</presence>", f"{extra}</presence>".encode())
            answer = phones[user].publish(body, tag=tags.get(user))
            tags[user] = answer.get("SIP-ETag") or ""
            last[str(phones[user].aor)] = note
    return last


def _crowd(address: str, token: str, programs: int, follow: int, pipe: Connection) -> None:
    asyncio.run(_listen(address, token, programs, follow, pipe))


async def _listen(address: str, token: str, programs: int, follow: int, pipe: Connection) -> None:
    """All programs, in a process of their own."""
    chance = random.Random(2)
    times: list[float] = []
    known: list[dict[str, str]] = [{} for _ in range(programs)]
    gate = asyncio.Semaphore(CONNECTED_AT_ONCE)

    async def begin(number: int) -> ClientConnection:
        async with gate:
            socket = await connect(
                f"{address}/ws/presence/?as=program{number}@example.net",
                additional_headers={"Authorization": f"Token {token}"}, open_timeout=120, ping_interval=None,
            )  # fmt: skip
            aors = [f"u{one}@{DOMAIN}" for one in chance.sample(range(USERS), follow)]
            await socket.send(json.dumps({"type": "subscribe", "aors": aors}))
            while len(known[number]) < follow:
                take(number, json.loads(await socket.recv()))
            return socket

    def take(number: int, message: dict[str, Any]) -> None:
        now = time.monotonic()
        for one in message.get("documents", ()):
            known[number][one["aor"]] = one["note"]
            if one["note"]:
                times.append(now - float(one["note"]))

    async def read(number: int, socket: ClientConnection) -> None:
        async for text in socket:
            take(number, json.loads(text))

    sockets = await asyncio.gather(*(begin(number) for number in range(programs)))
    reading = [asyncio.create_task(read(number, socket)) for number, socket in enumerate(sockets)]
    pipe.send("ready")
    last: dict[str, str] = await asyncio.to_thread(pipe.recv)
    missing = sum(note != last.get(aor, "") for one in known for aor, note in one.items())
    pipe.send((times, missing))
    for task in reading:
        task.cancel()
