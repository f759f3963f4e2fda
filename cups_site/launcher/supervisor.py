"""Children: started in order, watched, restarted with growing pauses, stopped in reverse order."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"Seconds before a child that ended is started again; doubled each time."

STEADY = 60.0
"Seconds that a child has to live for its pause to begin anew."

STOP_LIMIT = 15.0
"Seconds that a child gets to end after SIGTERM before it is killed."

READY_LIMIT = 90.0
"Seconds for a child to become ready."

PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process and how to tell that it is ready."""

    name: str
    words: list[str]
    environment: dict[str, str]
    ready_line: str | None = None
    "Printed on its standard output when it is ready."
    ready_when: Callable[[], Awaitable[bool]] | None = None
    "Asked again and again until it says so."
    stays_down: int | None = None
    "Exit status by which it says that it does not want to be started again."
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    said: list[str] = field(default_factory=list)
    "The last lines of a child that is not ready yet."


class Failed(Exception):
    """A child did not become ready."""


class Supervisor:
    """Owns the children of one run."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._width = 8

    async def start(self, child: Child) -> None:
        """Start a child and wait until it is ready; raises Failed."""
        self._children.append(child)
        keeper = asyncio.create_task(self._keep(child))
        self._keepers.append(keeper)
        polled = asyncio.create_task(self._poll(child)) if child.ready_when is not None else None
        ready = asyncio.create_task(child.ready.wait())
        try:
            await asyncio.wait({ready, keeper}, timeout=READY_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            if polled is not None:
                polled.cancel()
        if not child.ready.is_set():
            raise Failed(f"{child.name} did not start" + (f": {child.said[-1]}" if child.said else ""))

    async def stop(self) -> None:
        """Stop all, the last one started first."""
        self._stopping = True
        for child in reversed(self._children):
            process = child.process
            if process is None or process.returncode is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_LIMIT)
            except TimeoutError:
                print(f"{child.name} does not stop; killed", flush=True)
                process.kill()
                await process.wait()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, child: Child) -> None:
        pause = FIRST_PAUSE
        while not self._stopping:
            began = time.monotonic()
            child.process = await asyncio.create_subprocess_exec(
                *child.words,
                env=child.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=1 << 20,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
            await self._echo(child)
            status = await child.process.wait()
            if self._stopping or not child.ready.is_set():
                return
            if child.stays_down is not None and status == child.stays_down:
                print(f"{child.name} has left; it stays down until the next start", flush=True)
                return
            if time.monotonic() - began > STEADY:
                pause = FIRST_PAUSE
            print(f"{child.name} ended (status {status}); started again in {pause:g} s", flush=True)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _echo(self, child: Child) -> None:
        assert child.process is not None and child.process.stdout is not None
        while True:
            try:
                line = await child.process.stdout.readline()
            except ValueError:  # longer than the limit
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if child.ready_line is not None and text == child.ready_line:
                child.ready.set()
                continue
            child.said = [*child.said[-20:], text] if text else child.said
            print(f"{child.name:<{self._width}} | {text}", flush=True)

    async def _poll(self, child: Child) -> None:
        assert child.ready_when is not None
        while not await child.ready_when():
            await asyncio.sleep(0.05)
        child.ready.set()


def _die_with_parent() -> None:
    """Between fork and exec: the kernel ends the child when this process dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(1)
