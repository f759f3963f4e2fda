"""Webhooks: who is told of what over HTTP, when, and again after a failure (DESIGN section 6).

A row for each webhook and address holds what was told last and what is due: the newest state. So deliveries of one
address keep their order, a burst is told once, and a receiver that was away hears how it is, not how it was.
"""

import hashlib
import hmac
import random
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from presence import live, posting
from presence.access import target_of
from presence.lists import may_subscribe, members_of
from presence.models import Publication, WebhookDelivery
from presence.seen import Seen
from provisioning import bus, snapshot
from provisioning.models import ResourceList, Webhook
from provisioning.policy import Policy
from provisioning.snapshot import parts
from provisioning.uri import Aor

log = structlog.get_logger(__name__)

USER_AGENT = "webhook"
"What watcher filters by client type see."

SIGNATURE = "X-Presence-Signature"
"Header: `t=` epoch seconds, `,v1=` HMAC-SHA256 in hexadecimal over those digits, a full stop, and the body."

MAX_ATTEMPTS = 12
"Attempts for one change; with the pauses between them about three hours."

FIRST_PAUSE = 10.0
"Seconds after the first failure; doubled after each further one."

LONGEST_PAUSE = 3600.0
"Seconds between two attempts at most."

CLAIM = timedelta(seconds=60)
"For as long one worker has a delivery to itself; an attempt takes a part of that at most."

AT_ONCE = 200
"Deliveries handed out in one look."

LATE = timedelta(seconds=15)
"How long after a component has run out it is still looked for: a worker may be late."


def announce(
    keys: Collection[int], origin: str = "", hooked: Collection[int] | None = None, registered: Collection[int] = ()
) -> bool:
    """The state of these presentities has been committed: tell the other processes, and whom webhooks concern.

    `hooked`: those that webhooks are told about, where the caller knows; `registered`: whose contacts have changed.
    Whether the bus has heard it.
    """
    heard = bus.announce_state(keys, origin, registered)
    concerned = list(keys) if hooked is None else [key for key in keys if key in hooked]
    if concerned and (hooked is not None or _any()):
        look_at(concerned)
    return heard


def hooked(policy: Policy) -> frozenset[int]:
    """The presentities that webhooks are told about, members of lists included; some a webhook may not see."""
    if not policy.hooked:
        return frozenset()
    uris = [uri for uri in policy.hooked if uri not in policy.lists]
    for uri in policy.hooked:
        if uri in policy.lists:
            owner = policy.personas.get(policy.lists[uri].owner or 0)
            uris += members_of(policy, policy.lists[uri].members, owner.aor if owner is not None else uri)
    found = (target_of(policy, uri) for uri in uris)
    return frozenset(target.key for target in found if target is not None)


def look_at(keys: Collection[int] | None) -> None:
    """Have a worker look at these presentities (None: at all); a hint, so nothing here fails its caller."""
    if bus.configured():
        _hand_over("tell_webhooks", list(keys) if keys is not None else None)


def tell(keys: Collection[int] | None) -> int:
    """Write down what webhooks are due for these presentities (None: all); the number of new deliveries."""
    now = timezone.now()
    due = 0
    for webhook in Webhook.objects.filter(enabled=True).select_related("persona").prefetch_related("targets"):
        uris = _uris(webhook)
        if keys is None:
            webhook.deliveries.exclude(uri__in=uris).delete()
        elif not (uris := _concerned(uris, keys)):
            continue
        if webhook.persona is not None and not webhook.persona.enabled:
            uris = []
        for uri, found in zip(uris, live.look(webhook.identity, uris, USER_AGENT, now), strict=True):
            delivery = _note(webhook, uri, found, now)
            if delivery is not None:
                due += 1
                _hand_over("deliver_webhook", delivery)
    return due


def tell_expired() -> None:
    """Look at those of whom a component has just run out: nothing is written at that moment."""
    now = timezone.now()
    if _any():
        ended = Publication.objects.filter(expires_at__gt=now - LATE, expires_at__lte=now).order_by()
        if keys := set(ended.values_list("persona_id", flat=True)):
            tell(keys)


def retry() -> int:
    """Hand out what is due; the number of deliveries."""
    now = timezone.now()
    rows = _free(now).filter(state=WebhookDelivery.WAITING, webhook__enabled=True).order_by("next_at")
    ids = list(rows.values_list("id", flat=True)[:AT_ONCE])
    for id in ids:
        _hand_over("deliver_webhook", id)
    return len(ids)


def send_again(deliveries: Iterable[WebhookDelivery]) -> int:
    """Try those again that were given up or wait; their number."""
    ids = [one.pk for one in deliveries if one.document]
    rows = WebhookDelivery.objects.filter(id__in=ids, claimed_until=None)
    changed = rows.exclude(due="").update(state=WebhookDelivery.WAITING, attempts=0, next_at=timezone.now(), error="")
    for id in ids:
        _hand_over("deliver_webhook", id)
    return changed


def deliver(delivery_id: int) -> bool:
    """Make one attempt, if nobody else does and it is due; True when it was taken."""
    now = timezone.now()
    waiting = _free(now).filter(id=delivery_id, state=WebhookDelivery.WAITING)
    if not waiting.update(claimed_until=now + CLAIM):
        return False
    row = WebhookDelivery.objects.select_related("webhook", "webhook__persona").get(id=delivery_id)
    body = payload(row)
    answer = posting.post(row.webhook.url, body, headers(row.webhook.secret, body, int(time.time())))
    mine = WebhookDelivery.objects.filter(id=row.id)
    if answer.status is not None and 200 <= answer.status < 300:
        mine.update(told=row.due, status=answer.status, error="", claimed_until=None)
        mine.filter(due=row.due).update(due="", attempts=0, state=WebhookDelivery.DELIVERED)
        if mine.filter(state=WebhookDelivery.WAITING).exists():  # something newer came meanwhile
            _hand_over("deliver_webhook", row.id)
        return True
    attempts = row.attempts + 1
    dead = attempts >= MAX_ATTEMPTS
    after = now + timedelta(seconds=pause(attempts))
    mine.update(
        attempts=attempts, status=answer.status, error=answer.error[:200], claimed_until=None, next_at=after,
        state=WebhookDelivery.DEAD if dead else WebhookDelivery.WAITING,
    )  # fmt: skip
    # A receiver that is away is asked once in a while, not once for each address.
    others = row.webhook.deliveries.filter(state=WebhookDelivery.WAITING, next_at__lt=after)
    others.update(next_at=after)
    log.warning("a webhook was not told", webhook=row.webhook.name, error=answer.error, attempts=attempts)
    return False


def pause(attempts: int) -> float:
    """Seconds until the next attempt, with jitter so that many do not come at once."""
    return float(min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)) * random.uniform(0.7, 1.0)


def payload(row: WebhookDelivery) -> bytes:
    """What is sent: the number counts the changes of this address, so that a receiver can tell old from new."""
    return f'{{"type":"presence","number":{row.number},"document":{row.document}}}'.encode()


def headers(secret: str, body: bytes, moment: int) -> dict[str, str]:
    """Of a delivery; `moment`: epoch seconds, signed too, so that an old delivery cannot be played again."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", SIGNATURE: f"t={moment},v1={signed}"}


def _note(webhook: Webhook, uri: Aor, found: Seen, now: datetime) -> int | None:
    """Write down what is due; the delivery's id if that is news."""
    row, _ = WebhookDelivery.objects.get_or_create(
        webhook=webhook, uri=uri, defaults={"next_at": now, "changed_at": now}
    )
    if found.etag == (row.due or row.told):
        return None
    same = WebhookDelivery.objects.filter(id=row.id, number=row.number)
    if found.etag == row.told and row.claimed_until is None:  # back to what it knows
        same.update(due="", state=WebhookDelivery.DELIVERED)
        return None
    changes = {"due": found.etag, "document": found.text, "number": row.number + 1, "changed_at": now}
    if row.state != WebhookDelivery.WAITING:
        changes.update(state=WebhookDelivery.WAITING, attempts=0, next_at=now)
    return row.pk if same.update(**changes) else None


def _uris(webhook: Webhook) -> list[Aor]:
    """What a webhook is told about, lists by their members as far as its identity may subscribe to them."""
    named = [target.uri for target in webhook.targets.all()]
    if not ResourceList.objects.filter(uri__in=named).exists():
        return named
    policy = snapshot.refresh(snapshot.load_for([webhook.identity]), [parts.LISTS])
    found: dict[Aor, None] = {}
    for uri in named:
        members = policy.lists.get(uri)
        if members is not None and may_subscribe(members, webhook.identity, policy):
            found.update(dict.fromkeys(members_of(policy, members.members, webhook.identity)))
        else:
            found[uri] = None
    return list(found)


def _concerned(uris: list[Aor], keys: Collection[int]) -> list[Aor]:
    """Those of the addresses that lead to one of these presentities."""
    policy = snapshot.load_for(uris)
    targets = [(uri, target_of(policy, uri)) for uri in uris]
    return [uri for uri, target in targets if target is not None and target.key in keys]


def _free(now: datetime):  # type: ignore[no-untyped-def]
    """Deliveries that are due and that no worker has."""
    return WebhookDelivery.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), next_at__lte=now)


def _any() -> bool:
    try:
        return Webhook.objects.filter(enabled=True).exists()
    except DatabaseError:
        return False


def _hand_over(task: str, argument: object) -> None:
    try:
        current_app.send_task(f"presence.tasks.{task}", (argument,), retry=False, expires=LATE.total_seconds())
    except (OperationalError, OSError) as error:
        log.warning("a task was not handed over", task=task, error=type(error).__name__)
