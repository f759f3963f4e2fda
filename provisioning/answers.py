"""Requests that may be repeated: the answer to the first one is kept for a while, and given again (Idempotency-Key).

A row is the claim to a key: whoever inserts it does the work. Requests that have changed nothing leave none behind, so
that they can be corrected under the same key.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from provisioning.models.tokens import KEPT_FOR, KeptAnswer

WORKING = timedelta(minutes=2)
"How long a request may be under way: after that its process has died, and the key is free for another attempt."

LARGEST = 1_048_576
"Bytes of an answer that is kept: a thousand users. Of a larger one only that it was given."

MOST = 10_000
"Answers of one account: a busy program for a day; the oldest go first."

TRIM_EVERY = 100
"Claims between two looks at how many there are."

HEADERS = ("Content-Type", "ETag", "Location")
"Of an answer, what is given again."


class OtherRequest(Exception):
    """The key belongs to a request that was another one."""


class UnderWay(Exception):
    """The first request with this key is being answered."""


def fingerprint(*parts: bytes) -> str:
    """Of a request; keyed, since passwords stand in bodies."""
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return salted_hmac("provisioning.answers", text, algorithm="sha256").hexdigest()


def claim(user: Any, key: str, print: str, now: datetime) -> tuple[KeptAnswer, bool]:
    """The row of this key, and whether it is new, so that the work is to be done.

    Raises OtherRequest and UnderWay.
    """
    try:
        with transaction.atomic():
            row = KeptAnswer.objects.create(
                user=user, key=key, fingerprint=print, created_at=now, expires_at=now + KEPT_FOR
            )
    except IntegrityError:
        row = KeptAnswer.objects.filter(user=user, key=key).first()
        if row is None or row.expires_at <= now or (row.status is None and row.created_at <= now - WORKING):
            KeptAnswer.objects.filter(user=user, key=key, created_at=row.created_at if row else now).delete()
            return claim(user, key, print, now)
        if row.fingerprint != print:
            raise OtherRequest from None
        if row.status is None:
            raise UnderWay from None
        return row, False
    if row.pk % TRIM_EVERY == 0:
        _trim(user)
    return row, True


def keep(row: KeptAnswer, status: int, headers: dict[str, str], body: bytes | None) -> None:
    """The work of this claim was answered so; `body` is None for what must not be kept."""
    small = body is not None and len(body) <= LARGEST
    KeptAnswer.objects.filter(pk=row.pk).update(status=status, headers=headers, body=body if small else None)


def forget(row: KeptAnswer) -> None:
    """Nothing was done: the key is free."""
    KeptAnswer.objects.filter(pk=row.pk, status=None).delete()


def sweep(now: datetime) -> int:
    """Delete what is old; returns the number of rows."""
    return KeptAnswer.objects.filter(expires_at__lte=now).delete()[0]


def _trim(user: Any) -> None:
    newest = KeptAnswer.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    last = newest[MOST : MOST + 1].first()
    if last is not None:
        KeptAnswer.objects.filter(user=user, pk__lte=last).delete()
