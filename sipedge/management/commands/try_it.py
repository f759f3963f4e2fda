"""`manage.py try_it`: two users of the demonstration see each other, message by message.

xten4 registers and subscribes to xten3, xten3 publishes Busy, and the NOTIFY that xten4 gets is printed: proof for a
newcomer that everything is in place, and for an operator that a listener answers.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.uri import Aor
from sipedge.selftest.client import Client, Failed, Wire

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{aor}">
<tuple id="demo"><status><basic>open</basic></status></tuple>
<dm:person id="p2"><rpid:activities><rpid:busy/></rpid:activities></dm:person>
</presence>
"""


class Command(BaseCommand):
    """Plays the guide's figure of a publication that reaches its watcher."""

    help = "Publish as one user and watch as another, over UDP, and print what goes over the wire."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which users, and where."""
        parser.add_argument("--proxy", default="127.0.0.1:5060", help="host:port of a UDP proxy listener")
        parser.add_argument("--publisher", default="xten3@compB.cisco.com:xten3-demo", help="user@domain:password")
        parser.add_argument("--watcher", default="xten4@compB.cisco.com:xten4-demo", help="user@domain:password")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play it; the exit status tells."""
        host, _, port = options["proxy"].rpartition(":")
        wire = Wire((host.strip("[]"), int(port)), self.stdout.write)
        try:
            publisher, watcher = (_client(wire, options[name]) for name in ("publisher", "watcher"))
            found = self._play(publisher, watcher)
        except Failed as error:
            raise CommandError(f"{error} (--proxy, --publisher and --watcher name others)") from None
        finally:
            wire.close()
        if not found:
            raise CommandError("the NOTIFY does not say Busy; does another client of this user publish?")
        self.stdout.write(self.style.SUCCESS(f"{watcher.aor} was told that {publisher.aor} is busy"))

    def _play(self, publisher: Client, watcher: Client) -> bool:
        """Whether the watcher was told."""
        watcher.ask("REGISTER", watcher.aor, [("Expires", "60")])
        subscribed = watcher.ask("SUBSCRIBE", publisher.aor, [("Event", "presence"), ("Expires", "60")])
        watcher.hear("NOTIFY")
        published = [("Event", "presence"), ("Expires", "60"), ("Content-Type", "application/pidf+xml")]
        body = DOCUMENT.format(aor=publisher.aor).replace("\n", "\r\n").encode()
        answer = publisher.ask("PUBLISH", publisher.aor, published, body)
        notify = watcher.hear("NOTIFY")
        self.stdout.write(notify.body.decode())
        ended = [("Event", "presence"), ("Expires", "0"), ("SIP-If-Match", answer.get("SIP-ETag") or "")]
        publisher.ask("PUBLISH", publisher.aor, ended)
        watcher.ask("SUBSCRIBE", publisher.aor, [("Event", "presence"), ("Expires", "0")], within=subscribed)
        watcher.hear("NOTIFY", lambda one: (one.get("Subscription-State") or "").startswith("terminated"))
        watcher.ask("REGISTER", watcher.aor, [("Expires", "0")])
        return b"rpid:busy" in notify.body


def _client(wire: Wire, account: str) -> Client:
    aor, _, password = account.rpartition(":")
    return wire.client(Aor.parse(aor), password)
