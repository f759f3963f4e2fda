"""A stranger who sends at a fixed rate what `tests/flows/test_hostile.py` is made of.

`python -m tests.bench.hostile HOST PORT`; a process of its own, so that the generator loses nothing to it but its share
of the machine.
"""

import contextlib
import itertools
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.builders import hostile, request

STRANGER = "127.0.0.66"
"Where it sends from: no trusted peer, and no client."

TICK = 0.02
"Seconds between two rounds."

DATAGRAMS = 20
"Datagrams in a round, 1,000 a second: random octets, and our collection of broken messages, damaged further."

CONNECTIONS = 1
"New connections in a round, 50 a second, each with one of those."

OPEN = 100
"Such connections that stay open; the oldest is closed."

PIPELINED = 10
"Requests in a round, 500 a second, in one write to one connection; each is refused."

EMPTY = 20_000
"Octets of empty lines in a round, 1 MB a second, to one connection."

IDLE = 300
"Connections that say nothing, or send one octet of a message in a round, in turn."


def main(host: str, port: int) -> None:
    """Send until SIGTERM."""
    address = (host, port)
    chance = random.Random(4475)
    collection = list(hostile().values())
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((STRANGER, 0))
    datagrams.setblocking(False)
    with contextlib.ExitStack() as idle_ones:
        idle = [idle_ones.enter_context(_Stream(address)) for _ in range(IDLE)]
        pipelined, empty = _Stream(address), _Stream(address)
        recent: deque[_Stream] = deque()
        print("ready", flush=True)
        for number in itertools.count():
            began = time.monotonic()
            for _ in range(DATAGRAMS):
                with contextlib.suppress(OSError):
                    datagrams.sendto(_junk(chance, collection), address)
            with contextlib.suppress(OSError):
                while True:
                    datagrams.recv(65_535)
            for _ in range(CONNECTIONS):
                recent.append(_Stream(address))
                recent[-1].send(_junk(chance, collection))
                if len(recent) > OPEN:
                    recent.popleft().close()
            pipelined.send(b"".join(request(CSeq=f"{number * PIPELINED + each} OPTIONS") for each in range(PIPELINED)))
            empty.send(b"\r\n" * (EMPTY // 2))
            idle[number % IDLE].send(b"O")
            time.sleep(max(0.0, TICK - (time.monotonic() - began)))


def _junk(chance: random.Random, collection: list[bytes]) -> bytes:
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(1, 1400))
    damaged = bytearray(chance.choice(collection))
    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


class _Stream:
    """A connection that reads what it is told, and comes back when it was thrown out."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, source_address=(STRANGER, 0))
        self._socket.setblocking(False)

    def send(self, data: bytes) -> None:
        """Send as much as is taken at once, and read what is there."""
        try:
            with contextlib.suppress(BlockingIOError):
                self._socket.send(data)
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(65_535):
                    pass
                raise ConnectionResetError
        except OSError:
            self.close()
            self._connect()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def attacked(address: tuple[str, int]) -> Iterator[None]:
    """While this lasts the stranger sends."""
    words = [sys.executable, "-m", "tests.bench.hostile", address[0], str(address[1])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the stranger could not begin"
        yield
        assert process.poll() is None, "the stranger has given up"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
