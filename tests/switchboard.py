"""An edge whose SIP switching function is worked from outside: by the test, one line of JSON for each service.

`python -m tests.switchboard` is the edge; `Switchboard` is the test's end of the wire. What happens at the devices
comes in its order.
"""

import asyncio
import json
import os
import socket
import sys
import threading
from collections import deque
from dataclasses import asdict
from typing import Any

from tests.system import Deployment
from tests.waiting import wait_until

PORT = "CUPS_TEST_SWITCHBOARD"
READY = "switchboard ready"


class Switchboard:
    """The test's end."""

    def __init__(self, deployment: Deployment, port: int) -> None:
        deployment.environment[PORT] = str(port)
        self.process = deployment._start([sys.executable, "-m", "tests.switchboard"], {}, READY)
        deployment.edge = self.process
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.settimeout(None)
        self._file = self._socket.makefile("r")
        self._answers: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self.news: list[tuple[str, str, dict[str, Any]]] = []
        "Device, name of the event, and what it says."
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for line in self._file:
                said = json.loads(line)
                if "device" in said:
                    self.news.append((said["device"], said["event"], said["body"]))
                else:
                    self._answers.append(said)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def ask(self, service: str, **values: Any) -> dict[str, Any]:
        """The answer, or {"error": name}; a connection is (call, device)."""
        with self._lock:
            self._answers.clear()
            self._socket.sendall((json.dumps({"service": service, **values}) + "\n").encode())
            found: dict[str, Any] = wait_until(lambda: self._answers and self._answers[0], f"the answer to {service}")
        return found

    def does(self, service: str, **values: Any) -> dict[str, Any]:
        """The answer of a service that is not refused."""
        answer = self.ask(service, **values)
        assert "error" not in answer, (service, answer)
        return answer

    def at(self, device: str) -> list[str]:
        """What has happened at a device, by the names of the events: an answer comes after all that was told before."""
        self.ask("states")
        return self._names(device)

    def _names(self, device: str) -> list[str]:
        return [event for where, event, _ in self.news if where == device]

    def sees(self, device: str, event: str, number: int = 1) -> dict[str, Any]:
        """The event with this number of this kind at a device, once it is there."""

        def found() -> dict[str, Any] | None:
            mine = [body for where, name, body in self.news if (where, name) == (device, event)]
            return mine[number - 1] if len(mine) >= number else None

        seen: dict[str, Any] = wait_until(found, f"{event} {number} at {device}; there were {self._names(device)}")
        return seen

    def forget(self) -> None:
        """What was is not looked at any more."""
        self.news.clear()

    def states(self) -> dict[str, dict[str, str]]:
        """The calls and the states of the devices in them."""
        found: dict[str, dict[str, str]] = self.ask("states")["calls"]
        return found


async def _serve() -> None:
    """The edge's end."""
    from cti.csta import messages
    from cti.csta.errors import Refused
    from sipedge import listeners
    from sipedge.worker import Edge

    edge = Edge("edge-1")  # no gateway is in between: what is asked here is asked of the switch
    await edge.start(listeners.parse(os.environ["CUPS_SIP_LISTEN"]))
    switch = edge.switch
    switch.tell_in(deque())
    edge.legs.look_interval = float(os.environ.get("CUPS_TEST_LOOK", "30"))
    writers: list[asyncio.StreamWriter] = []

    def tell() -> None:
        while switch.news:
            news = switch.news.popleft()
            said = {"device": news.device, "event": type(news.event).__name__, "body": asdict(news.event)}
            for writer in writers:
                writer.write((json.dumps(said, default=str) + "\n").encode())
            edge.telephony.touch(news.device)

    switch.heard = tell

    def answer(said: dict[str, Any]) -> dict[str, Any]:
        name = said.pop("service")
        if name == "states":
            calls = switch.model.calls.values()
            return {"calls": {call.id: {who: state.value for who, state in call.parties.items()} for call in calls}}
        if name == "end":
            for device in list(switch.model.devices):
                switch.model.withdraw(device)
            switch.look()
            return {"accepted": True}
        if name == "counts":
            parties = [party for conference in switch.control.conferences.values() for party in conference]
            return {
                "legs": len(edge.legs),
                "heard": [one.heard for one in parties],
                "told": [one.told for one in parties],
            }
        values = {key: messages.ConnectionID(*one) if isinstance(one, list) else one for key, one in said.items()}
        for key, kind in (("auto_originate", messages.AutoOriginate), ("forwarding_type", messages.ForwardingType)):
            if key in values:
                values[key] = kind(values[key])
        try:
            return {"accepted": True, **asdict(switch.ask(getattr(messages, name)(**values), edge.loop.time()))}
        except Refused as refused:
            return {"error": refused.fault.value}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while line := await reader.readline():
            writer.write((json.dumps(answer(json.loads(line)), default=str) + "\n").encode())
            tell()
        writers.remove(writer)

    server = await asyncio.start_server(talk, "127.0.0.1", int(os.environ[PORT]))
    print(READY, flush=True)
    stopping = asyncio.Event()
    import signal

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    server.close()
    await edge.stop()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")
    import django

    django.setup()
    asyncio.run(_serve())
