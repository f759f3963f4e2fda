"""A self-test: two users and a list are made, play the examples, and are taken away again."""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final

from django.db import transaction
from django.utils import timezone

from presence.models import EdgeLease
from provisioning.announce import announce
from provisioning.history import recording
from provisioning.models import Domain, Listener, Persona, ResourceList, ResourceListMember
from provisioning.uri import Aor
from sipedge.selftest.client import Client, Failed, Wire
from sipedge.selftest.examples import Cast, Result, play

NAME: Final = re.compile(r"self-test-(?P<second>[0-9a-f]{8})-[0-9a-f]{4}-[ab]")
"Its users, by the second in which they were made."

LEFTOVER: Final = 600
"Seconds after which such users are of a test that has broken off, and are taken away by the next one."

KNOWN_WITHIN: Final = 5.0
"Seconds in which an edge takes up that the users are there."

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"Listeners of all addresses are reached at this one."


def proxy() -> tuple[str, int]:
    """The UDP listener that clients log in at, of a running edge or else as provisioned; raises Failed."""
    for lease in EdgeLease.running(timezone.now()):
        for row in lease.report.get("listeners", ()):
            if (row["transport"].lower(), row["role"]) == ("udp", "proxy"):
                host, _, port = row["address"].rpartition(":")
                return ANYWHERE.get(host, host), int(port)
    found = Listener.objects.filter(transport="udp", role="proxy").first()
    if found is None:
        raise Failed("there is no UDP listener in the proxy role")
    return ANYWHERE.get(found.host, found.host), found.port


def run(address: tuple[str, int], tell: Callable[[str], None] = lambda line: None) -> list[Result]:
    """Play all examples at this listener; raises Failed when they cannot begin."""
    with closing(Wire(address, tell)) as wire:
        with _users() as (one, two, buddies, password):
            cast = Cast(wire.client(one, password), wire.client(two, password), buddies)
            for client in (cast.one, cast.two):
                _wait_until_known(client)
            results = play(cast)
        with suppress(Failed):  # with its presentity a subscription ends: take the last NOTIFY of both
            for _ in ("one", "list"):
                cast.two.hear("NOTIFY", lambda one: (one.get("Subscription-State") or "").startswith("terminated"))
        return results


def _wait_until_known(client: Client) -> None:
    """An edge takes new users up within a moment."""
    ends = time.monotonic() + KNOWN_WITHIN
    while client.ask("REGISTER", client.aor, [("Expires", "60")], may_fail=True).status != 200:
        if time.monotonic() > ends:
            raise Failed(f"the edge does not let {client.aor} log in, who was made for this test")
        time.sleep(0.1)


@contextmanager
def _users() -> Iterator[tuple[Aor, Aor, Aor, str]]:
    """Who is watched, who watches, the latter's list, and the password of both."""
    _take_away_leftovers(time.time() - LEFTOVER)
    domain = Domain.objects.order_by("pk").first()
    if domain is None:
        raise Failed("there is no domain")
    password, stem = secrets.token_urlsafe(12), f"self-test-{int(time.time()):08x}-{secrets.token_hex(2)}"
    with recording.off(), transaction.atomic():
        people = [Persona(domain=domain, user=f"{stem}-{name}", name="Self-test") for name in ("a", "b")]
        for persona in people:
            persona.set_password(password)
            persona.save()
        one, two = people
        buddies = ResourceList.objects.create(uri=Aor.parse(f"{stem}-list@{domain.name}"), owner=two)
        ResourceListMember.objects.create(list=buddies, uri=one.aor)
        announce(Persona, ResourceList)
    try:
        yield one.aor, two.aor, buddies.uri, password
    finally:
        with recording.off(), transaction.atomic():
            Persona.objects.filter(pk__in=[one.pk, two.pk]).delete()
            announce(Persona, ResourceList)


def _take_away_leftovers(before: float) -> None:
    """Users of tests that have broken off, made before this (epoch seconds)."""
    found = Persona.objects.filter(user__startswith="self-test-").values_list("pk", "user")
    left = [pk for pk, user in found if (name := NAME.fullmatch(user)) and int(name["second"], 16) < before]
    if left:
        with recording.off(), transaction.atomic():
            Persona.objects.filter(pk__in=left).delete()
            announce(Persona, ResourceList)
