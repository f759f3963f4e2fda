"""What the processes of the client libraries share: they turn, and obey their standard input, until it ends."""

import os
import select
import signal
from typing import Protocol


class Client(Protocol):
    """A client library, set up."""

    def turn(self) -> None:
        """Let the library work, and print what is new."""

    def obey(self, command: str, *words: str) -> None:
        """Carry out one line of the input."""

    def end(self) -> None:
        """Leave, as a user would."""


def serve(client: Client, *, pause: float) -> None:
    """Run until the input ends; `pause`: seconds between two turns."""
    pending = b""
    while True:
        client.turn()
        if not select.select([0], [], [], pause)[0]:
            continue
        data = os.read(0, 4096)
        if not data:
            break
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            client.obey(*line.decode().split())
    client.end()


def limit(lifetime: str) -> None:
    """End this process after so many seconds, whatever it hangs in."""
    signal.alarm(int(lifetime))
