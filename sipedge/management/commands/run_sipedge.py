"""`manage.py run_sipedge`: run one edge process until it is told to stop."""

import asyncio
import contextlib
import gc
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from presence.engine.errors import TryAgainLater
from provisioning.announce import announce
from provisioning.models import Listener
from sipedge import exhaustion, listeners, telephony
from sipedge.draining import DRAINED
from sipedge.network import CannotListen
from sipedge.worker import Edge

SWITCH_INTERVAL = 0.0005
"Seconds after which the writer thread may take over: the default of 5 ms would show in every answer."

UNFINISHED = "5s"
"""Time for which a transaction of ours may say nothing. The database then takes it back: an edge that was cut off in
the middle of one must not hold rows that others, who go on with its users, have to write. One that was only held up
writes it once more."""

COLLECTIONS = (10_000, 20, 200)
"""When garbage is looked for (gc.set_threshold): little here makes circles, and what transactions keep for 32 s
would be looked at over and over."""


class Command(BaseCommand):
    """Answers SIP on the listening addresses of CUPS_SIP_LISTEN, or else of the Listener rows."""

    help = "Run the SIP edge: proxy, registrar and presence engine."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGINT or SIGTERM."""
        text = settings.CUPS_SIP_LISTEN
        try:
            opened = listeners.parse(text) if text else None
            telephony.addresses(settings.CUPS_CSTA_LISTEN)
        except listeners.BadListener as error:
            raise CommandError(f"CUPS_SIP_LISTEN: {error}") from None
        except telephony.BadAddress as error:
            raise CommandError(f"CUPS_CSTA_LISTEN: {error}") from None
        if opened:
            with contextlib.suppress(Error):  # the edge itself says what is wrong with the database
                _provision(opened)
        sys.setswitchinterval(SWITCH_INTERVAL)
        connection_created.connect(limit_unfinished)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                status = runner.run(self._run(settings.CUPS_EDGE_NAME, opened))
        except CannotListen as error:
            raise CommandError(str(error)) from None
        except TryAgainLater:
            raise CommandError("the database cannot be read: is it there, and migrated?") from None
        if status:
            sys.exit(status)

    async def _run(self, name: str, opened: list[listeners.Listener] | None) -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        exhaustion.watch(loop)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        edge = Edge(name)
        await edge.start(opened)
        gc.freeze()  # what is loaded by now stays; collections need not look at it again
        gc.set_threshold(*COLLECTIONS)
        for listener in edge.network.listeners:
            self.stdout.write(f"{listener.transport} {listener.sent_by} {listener.role}")
        for host, port in edge.telephony.served:
            self.stdout.write(f"csta {host}:{port}")
        if edge.metrics.address is not None:
            self.stdout.write(f"metrics {_shown(*edge.metrics.address)}")
        self.stdout.write("edge ready")
        self.stdout.flush()
        waits = [asyncio.ensure_future(one.wait()) for one in (stopping, edge.drain.done)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await edge.stop()
        return DRAINED if edge.drain.done.is_set() and not edge.drain.restart and not stopping.is_set() else 0


def limit_unfinished(connection: BaseDatabaseWrapper, **_: object) -> None:
    """A new connection to the database: let it take back what we leave unfinished."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [UNFINISHED])


def _provision(opened: list[listeners.Listener]) -> None:
    """Make the rows that are missing for these addresses: their options are edited there (DESIGN section 14)."""
    made = [
        Listener.objects.get_or_create(
            transport=one.transport, host=one.host, port=one.port, defaults={"role": one.role}
        )[1]
        for one in opened
        if one.port
    ]
    if any(made):
        announce(Listener)


def _shown(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/metrics" if ":" in host else f"http://{host}:{port}/metrics"


def _loop_factory() -> Any:
    """The loop of uvloop where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
