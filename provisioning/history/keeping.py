"""How long versions are kept: `EngineSettings.history_days`; the newest version of what is there always stays."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from provisioning.history.recording import DELETED, tracked
from provisioning.models import EngineSettings

BATCH = 1000
"Versions in one transaction, so that other writers have their turn."

MOST = 50_000
"Versions in one run; the next run goes on."


def sweep(now: datetime) -> int:
    """Delete versions that are older than the setting says; how many. Safe to run twice and to run late."""
    days = EngineSettings.objects.values_list("history_days", flat=True).first()
    if days is None:
        return 0
    before, left = now - timedelta(days=days), MOST
    for model in tracked():
        left -= _sweep(model, before, left)
    return MOST - left


def _sweep(model: Any, before: datetime, most: int) -> int:
    """Old versions that a newer one follows, and old deletions; of an object that is there the newest one stays."""
    versions, id_ = model.records.versions.objects, model._meta.pk.name
    newer = versions.filter(**{id_: OuterRef(id_)}, history_id__gt=OuterRef("history_id"))
    old = versions.filter(Q(Exists(newer)) | Q(history_type=DELETED), history_date__lt=before).order_by("history_id")
    done = 0
    while done < most and (keys := list(old.values_list("history_id", flat=True)[: min(BATCH, most - done)])):
        done += versions.filter(history_id__in=keys).delete()[0]
    return done
