"""A link to a phone beside SIP: its user's buttons (as CallManager has one to its phones, here baresip's ctrl_tcp).

JSON in netstrings over TCP. The address of a phone's link is provisioned as `control_link` of its line, `host:port`.
"""

import asyncio
import contextlib
import json
from typing import NamedTuple

LIMIT = 3.0
"Seconds for one command: a phone is in the same network."

LARGEST_ANSWER = 65_536
"Octets that are read of an answer."


class LinkAddress(NamedTuple):
    """Where the link of a phone is."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "LinkAddress | None":
        """Read `host:port`; None for what is no such address."""
        host, _, port = text.strip().rpartition(":")
        if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) <= 65535:
            return None
        return cls(host.strip("[]"), int(port))


async def command(address: LinkAddress, name: str, parameters: str = "") -> bool:
    """Press a button; whether the phone has taken it."""
    data = json.dumps({"command": name, "params": parameters}).encode()
    with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"%d:%s," % (len(data), data))
                while True:
                    length = int((await reader.readuntil(b":"))[:-1])
                    if not 0 <= length <= LARGEST_ANSWER:
                        return False
                    said = json.loads((await reader.readexactly(length + 1))[:-1])
                    if isinstance(said, dict) and "response" in said:  # what comes before is news of its calls
                        return bool(said.get("ok", True))
            finally:
                writer.close()
    return False
