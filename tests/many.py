"""Rows by the ten thousand, written at once: what a deployment looks like after years, without doing years of work.

Called within Django, as by `manage.py shell`; an edge that runs meanwhile is told of nothing. Users, documents and
watchers are those of the load generator (`tests.bench`), which can go on from here as if it had done all that.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from presence.models import Publication, Subscription
from provisioning.models import Alias, Domain, Persona
from provisioning.uri import Aor
from sipedge import dialogs
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Address, Flow
from tests.bench.load import Load
from tests.bench.messages import DOMAIN, EXPIRES, document, user
from tests.bench.subjects import Watcher

BATCH = 1000
"Rows in a statement."

FIRST_ID = 1 << 62
"Of the rows that are made here; those of an edge are random, and as large."


def users(first: int, count: int) -> None:
    """Users of the load, without passwords."""
    domain, _ = Domain.objects.get_or_create(name=DOMAIN)
    numbers = range(first, first + count)
    made = [Persona(domain=domain, user=f"user{number}", aor=Aor.parse(user(number))) for number in numbers]
    Persona.objects.bulk_create(made, batch_size=BATCH)
    Alias.objects.bulk_create([Alias(uri=one.aor, persona=one) for one in made], batch_size=BATCH)


def publications(first: int, count: int) -> None:
    """Each of these users is open."""
    now = timezone.now()
    ids = _ids(first, count)
    Publication.objects.bulk_create(
        [
            Publication(
                id=FIRST_ID + number,
                version=1,
                persona_id=ids[user(number)],
                publisher=user(number),
                content_type="application/pidf+xml",
                door="sip",
                body=document(number, "open"),
                changed_at=now,
                **_moments(now),
            )
            for number in range(first, first + count)
        ],
        batch_size=BATCH,
    )
    Persona.objects.update(ever_published=True)


def subscriptions(edge: str, engine: Address, via: str, contact: str, first: int, count: int) -> None:
    """Each of these users is watched by the next one, at this edge; what was told is not known.

    `via`, `contact`: those of the `Load` that speaks for them; they have its first places, as `watchers` fills them.
    """
    now = timezone.now()
    ids = _ids(first, count)
    host, _, port = contact.rpartition(":")
    flow = Flow("UDP", engine, (host, int(port)))
    made = []
    for place in range(count):
        watcher = Watcher(place, user(first + place + 1), user(first + place), via, contact)
        dialog = Dialog(
            call_id=watcher.call_id,
            local=f"<{watcher.presentity}>",
            local_tag=dialogs.tag_of(FIRST_ID + place),
            remote=f"<{watcher.uri}>;tag={watcher.tag}",
            remote_tag=watcher.tag,
            remote_cseq=1,
            remote_target=watcher.target,
            route_set=(),
            flow=flow,
            single_via=True,
        )
        made.append(
            Subscription(
                id=FIRST_ID + place,
                version=1,
                persona_id=ids[watcher.presentity],
                uri=watcher.presentity,
                watcher=watcher.uri,
                accept="application/pidf+xml",
                eventlist=False,
                state="active",
                edge=edge,
                dialog=dialog.dumps(),
                cseq=dialogs.CSEQ_BLOCK,
                **_moments(now),
            )
        )
    Subscription.objects.bulk_create(made, batch_size=BATCH)


def watchers(load: Load, first: int, count: int) -> list[Watcher]:
    """Those of `subscriptions`, within their dialogs."""
    made = []
    for place in range(count):
        watcher = load.new_watcher(user(first + place + 1), user(first + place))
        watcher.to_tag = f"{FIRST_ID + place:x}".encode()
        watcher.cseq = 1
        made.append(watcher)
    return made


def _ids(first: int, count: int) -> dict[str, int]:
    """The rows of these users, by address."""
    wanted = {user(number) for number in range(first, first + count)}
    return {aor: id for aor, id in Persona.objects.values_list("aor", "id").iterator() if aor in wanted}


def _moments(now: datetime) -> dict[str, datetime]:
    return {"created_at": now, "updated_at": now, "expires_at": now + timedelta(seconds=EXPIRES)}
