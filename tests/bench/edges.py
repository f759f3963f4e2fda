"""`./run bench edges`: how long a watcher at one edge waits for a change that is published at another one.

Every change is a PUBLISH at an engine listener of the second edge; its time runs from sending it to the NOTIFY at each
watcher of that user at the first edge, and beside it from the same moment to the watchers at the second edge.
"""

import argparse
import contextlib
import re
import time
from typing import Any

import psutil

from sipedge.sip.message import Request, Response
from tests import services
from tests.phone import Phone, pidf
from tests.system import Deployment, deployed

USERS = 20
"Users who change in turn."

SETTLE = 1.0
"Seconds of rest after the last change."

WARM_UP = 20
"Changes that are not counted."

NOTE = re.compile(rb"<note>(\d+\.\d+)</note>")
"When the change was sent."


class Clock(Phone):
    """A watcher that notes how old what it is told is."""

    def __init__(self, *words: Any, **options: Any) -> None:
        self.times: list[float] = []
        self.last = ""
        super().__init__(*words, **options)

    def _take(self, message: Request | Response) -> None:
        found = NOTE.search(message.body) if isinstance(message, Request) else None
        if found is not None:
            self.times.append(time.monotonic() - float(found[1]))
            self.last = found[1].decode()
        super()._take(message)


def main(arguments: list[str]) -> int:
    """Measure; the exit status is 0 when every watcher has heard of the last change."""
    parser = argparse.ArgumentParser(prog="./run bench edges", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--watchers", type=int, default=20, help="at each edge, each of one user (default 20)")
    parser.add_argument("--rate", type=float, default=20.0, help="changes a second (default 20)")
    parser.add_argument("--seconds", type=float, default=20.0, help="counted time (default 20)")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(services.valkey())
        url = None
        if chosen.database == "postgresql":
            url = stack.enter_context(services.postgresql(durable=True))
        deployment = stack.enter_context(deployed(bus=bus, server=url))
        return _measure(deployment, chosen, stack)


def _measure(deployment: Deployment, chosen: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    deployment.start_edge("edge-1")
    other = ("127.0.0.1", services.free_port())
    deployment.start_edge("edge-2", CUPS_SIP_LISTEN=f"udp:127.0.0.1:{other[1]}:engine", CUPS_CSTA_LISTEN="")
    places = {"at another edge": ("127.0.0.1", deployment.engine), "at the same edge": other}
    watchers = {
        place: [stack.enter_context(Clock(f"u{100 + n}", server, asserted=True)) for n in range(chosen.watchers)]
        for place, server in places.items()
    }
    publishers = [stack.enter_context(Phone(f"u{number}", other, asserted=True)) for number in range(USERS)]
    for group in watchers.values():
        for number, one in enumerate(group):
            one.subscribe(publishers[number % USERS].aor).heard(1)
    tags: dict[int, str | None] = {}
    _publish(publishers, chosen.rate, WARM_UP, tags)
    time.sleep(SETTLE)
    for one in [one for group in watchers.values() for one in group]:
        one.times.clear()
    last = _publish(publishers, chosen.rate, int(chosen.rate * chosen.seconds), tags)
    time.sleep(SETTLE)
    behind = 0
    print(f"{chosen.watchers} watchers at each of two edges, {USERS} users, {chosen.rate:g} changes/s")
    for place, group in watchers.items():
        times = sorted(age for one in group for age in one.times)
        behind += sum(one.last != last[number % USERS] for number, one in enumerate(group))
        shares = ", ".join(
            f"p{share * 100:g} {1000 * times[min(len(times) - 1, int(len(times) * share))]:.1f} ms"
            for share in (0.5, 0.95, 0.99)
        )
        print(f"from the PUBLISH to the NOTIFY {place}: {shares}; {len(times)} NOTIFYs")
    print(f"load of the machine {psutil.getloadavg()[0]:.1f}, {chosen.database}; watchers left behind: {behind}")
    return 1 if behind else 0


def _publish(publishers: list[Phone], rate: float, number: int, tags: dict[int, str | None]) -> dict[int, str]:
    """So many changes, user after user, at this rate; what each has said last."""
    begin = time.monotonic()
    last = {}
    for turn in range(number):
        time.sleep(max(0.0, begin + turn / rate - time.monotonic()))
        user = turn % len(publishers)
        last[user] = f"{time.monotonic():.6f}"
        note = f"<note>{last[user]}</note></presence>".encode()
        answer = publishers[user].publish(pidf(publishers[user].aor).replace(b"</presence>", note), tag=tags.get(user))
        tags[user] = answer.get("SIP-ETag")
    return last
