"""A TCP relay between a process and a server that it needs: it is slow, is cut, leads elsewhere."""

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

from tests.services import free_port

CHUNK = 65_536
"Octets that are passed on at once."


class Relay:
    """Listens on a port of its own and passes everything on to `target`, another port of loopback."""

    def __init__(self, target: int) -> None:
        self.target = target
        "Where new connections lead; others go on where they are."
        self.delay = 0.0
        "Seconds for which each piece of what clients send is held up, as by a slow disk behind the server."
        self.port = free_port()
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(60)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> int:
        """Reset all connections, on both sides, with whatever is on its way; their number."""

        async def all_of_them() -> int:
            found = list(self._connections)
            for one in found:
                one.transport.abort()
            return len(found)

        return asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result(60)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._connections |= ends
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pass_on(reader, far_writer, slow=True), self._pass_on(far_reader, writer))
        self._connections -= ends
        for one in ends:
            one.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool = False) -> None:
        """One direction, to its end."""
        while data := await reader.read(CHUNK):
            if slow and self.delay:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
        writer.close()
