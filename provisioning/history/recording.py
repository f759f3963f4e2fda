"""Writing versions: whatever door a change came in by, an object gets one version of it, and none where it is the same.

Signals of single rows end here by themselves. What writes in bulk says so: `written`, `deleted`. `together` makes one
version of everything that happens to an object within it, parts included, in the same transaction.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from provisioning.history.doors import Author, Door, author
from provisioning.history.states import fill, same
from provisioning.inserting import insert

CREATED, CHANGED, DELETED = "+", "~", "-"

BATCH = 1000
"Objects that are read and written at once."

BEGUN = "As it was when its history began."

Key = tuple[type[models.Model], Any]


@dataclass
class _Pending:
    """What has happened and is not recorded yet."""

    written: dict[type[models.Model], dict[Any, None]] = field(default_factory=lambda: defaultdict(dict))
    made: dict[type[models.Model], dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))
    "Rows as they were given."
    deleted: dict[type[models.Model], dict[Any, None]] = field(default_factory=lambda: defaultdict(dict))
    secrets: dict[Key, dict[str, str]] = field(default_factory=dict)
    reasons: dict[Key, str] = field(default_factory=dict)
    members: dict[tuple[type[models.Model], str], dict[Any, list[Any]]] = field(default_factory=dict)
    "Field that leads to many -> id of a member -> ids of those who have it; read once, before members go."


_pending: ContextVar[_Pending | None] = ContextVar("pending", default=None)
_off: ContextVar[bool] = ContextVar("off", default=False)


def tracked() -> list[type[models.Model]]:
    """All tables that have a history, by name."""
    found = [model for model in apps.get_models() if "records" in vars(model)]  # not those that stand for another
    return sorted(found, key=lambda model: (model._meta.app_label, str(model._meta.verbose_name)))


def is_on() -> bool:
    """Changes are recorded."""
    return not _off.get()


@contextmanager
def off() -> Iterator[None]:
    """What happens within is nobody's decision: users of the self-test come and go."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


@contextmanager
def together() -> Iterator[None]:
    """One transaction, and one version for each object that is changed within."""
    if _pending.get() is not None:
        with transaction.atomic():
            yield
        return
    pending = _Pending()
    token = _pending.set(pending)
    try:
        with transaction.atomic():
            yield
            _write(pending)
    finally:
        _pending.reset(token)


@contextmanager
def _collecting() -> Iterator[None]:
    """Within `together`, if nothing else has begun it; without a savepoint for each row where something has."""
    if _pending.get() is not None:
        yield
        return
    with together():
        yield


def written(rows: Collection[models.Model], *, secrets: dict[str, str] | None = None, reason: str = "") -> None:
    """These rows of one table were made or changed; `secrets`: which ones were set or removed, in all of them."""
    if rows:
        changed(type(next(iter(rows))), [row.pk for row in rows], secrets=secrets, reason=reason)


def made(rows: Collection[models.Model], secrets: dict[str, Collection[models.Model]]) -> None:
    """These rows of one table are new and without parts: thousands, which need not be read again to be recorded.

    `secrets`: which of them have one.
    """
    if not rows or not is_on():
        return
    model = type(next(iter(rows)))
    with _collecting():
        pending = _now()
        pending.made[model].update((row.pk, row) for row in rows)
        for name, having in secrets.items():
            for row in having:
                pending.secrets.setdefault((model, row.pk), {})[name] = "set"


def changed(
    model: type[models.Model], keys: Collection[Any], *, secrets: dict[str, str] | None = None, reason: str = ""
) -> None:
    """The rows with these ids, or parts of theirs, were made or changed."""
    if not keys or not is_on():
        return
    with _collecting():
        pending = _now()
        pending.written[model].update(dict.fromkeys(keys))
        for key in keys:
            pending.made[model].pop(key, None)
        if secrets:
            for key in keys:
                pending.secrets.setdefault((model, key), {}).update(secrets)
        if reason:
            pending.reasons.update(dict.fromkeys(((model, key) for key in keys), reason))


def deleted(model: type[models.Model], keys: Collection[Any], *, reason: str = "") -> None:
    """The rows with these ids are gone."""
    if not keys or not is_on():
        return
    with _collecting():
        pending = _now()
        pending.deleted[model].update(dict.fromkeys(keys))
        if reason:
            pending.reasons.update(dict.fromkeys(((model, key) for key in keys), reason))


def _now() -> _Pending:
    found = _pending.get()
    assert found is not None
    return found


def about_to_go(instance: models.Model) -> None:
    """A row is going to be deleted: whoever has it among many others will be changed by that."""
    pending = _pending.get()
    if pending is None or not is_on():
        return
    for whole, name in _MEMBERSHIPS.get(type(instance), ()):
        if (whole, name) not in pending.members:
            through = whole._meta.get_field(name)
            rows = through.remote_field.through.objects.values_list(
                through.m2m_reverse_name(), through.m2m_column_name()
            )
            found = pending.members[whole, name] = defaultdict(list)
            for member, owner in rows.iterator():
                found[member].append(owner)
        changed(whole, pending.members[whole, name].get(instance.pk, ()))


_MEMBERSHIPS: dict[type[models.Model], list[tuple[type[models.Model], str]]] = defaultdict(list)
"Table -> fields that lead to many of its rows, as parts."


def connect() -> None:
    """Once all tables are there: hear of changes of parts."""
    for model in tracked():
        for part in model.records.parts:  # type: ignore[attr-defined]
            found = model._meta.get_field(part.name)
            if found.many_to_many:
                _MEMBERSHIPS[found.related_model].append((model, part.name))
                models.signals.m2m_changed.connect(
                    _MembersChanged(model), sender=found.remote_field.through, weak=False
                )
            else:
                heard = _PartChanged(model, found.field.attname)
                models.signals.post_save.connect(heard, sender=found.related_model, weak=False)
                models.signals.post_delete.connect(heard, sender=found.related_model, weak=False)


@dataclass(frozen=True)
class _PartChanged:
    """A part was saved or deleted."""

    whole: type[models.Model]
    column: str

    def __call__(self, instance: models.Model, raw: bool = False, **_: Any) -> None:
        if not raw:
            changed(self.whole, [getattr(instance, self.column)])


@dataclass(frozen=True)
class _MembersChanged:
    """Somebody joined or left the many that a field leads to."""

    whole: type[models.Model]

    def __call__(self, instance: models.Model, action: str, reverse: bool, pk_set: Any, **_: Any) -> None:
        if action in ("post_add", "post_remove", "post_clear"):
            changed(self.whole, (pk_set or ()) if reverse else [instance.pk])


def begin() -> None:
    """Each row that has no version gets one: after installation, after an upgrade, for rows of a new table."""
    for model in tracked():
        versions = model.records.versions.objects  # type: ignore[attr-defined]
        missing = model._default_manager.filter(~Exists(versions.filter(**{model._meta.pk.name: OuterRef("pk")})))
        keys = list(missing.order_by("pk").values_list("pk", flat=True))
        for batch in _batches(keys):
            rows = rows_of(model, batch).values()
            new = [_version(row, CREATED, Author(Door.SYSTEM), reason=BEGUN, parts=True) for row in rows]
            insert(new)


def rows_of(model: Any, keys: Collection[Any]) -> dict[Any, Any]:
    """Rows with everything that a version needs of them, without those that follow from others."""
    records = model.records
    related = [one.name for one in records.columns if one.is_relation]
    found = model._default_manager.filter(pk__in=keys).select_related(*related).order_by("pk")
    rows = found.prefetch_related(*(part.name for part in records.parts))
    return {row.pk: row for row in rows if records.follows is None or not records.follows(row)}


def newest(model: Any, keys: Collection[Any]) -> dict[Any, Any]:
    """The newest version of each of these objects."""
    versions, id_ = model.records.versions.objects, model._meta.pk.name
    last = (
        versions.filter(**{f"{id_}__in": keys}).order_by().values(id_).annotate(last=Max("history_id")).values("last")
    )
    return {getattr(one, id_): one for one in versions.filter(history_id__in=last)}


def _write(pending: _Pending) -> None:
    now, by = timezone.now(), author()
    for model, keys in pending.deleted.items():
        for batch in _batches(keys):
            new = []
            there = set(model._default_manager.filter(pk__in=batch).values_list("pk", flat=True))
            for key, last in newest(model, batch).items():
                if last.history_type != DELETED and key not in there:
                    last.pk, last._state.adding = None, True
                    last.history_type, last.history_secrets, last.history_date = DELETED, {}, now
                    _sign(last, by, pending.reasons.get((model, key), ""))
                    new.append(last)
            insert(new)
    for model, rows in pending.made.items():
        for batch in _batches(rows):
            new = [
                _version(rows[key], CREATED, by, secrets=pending.secrets.get((model, key)), now=now) for key in batch
            ]
            insert(new)
    for model, keys in pending.written.items():
        for batch in _batches(keys):
            before, new = newest(model, batch), []
            for key, row in rows_of(model, batch).items():
                last = before.get(key)
                fresh = last is None or last.history_type == DELETED
                secrets, reason = pending.secrets.get((model, key), {}), pending.reasons.get((model, key), "")
                version = _version(
                    row, CREATED if fresh else CHANGED, by, secrets=secrets, reason=reason, parts=True, now=now
                )
                if fresh or secrets or not same(model, last, version):
                    new.append(version)
            insert(new)


def version_of(row: Any) -> Any:
    """A row as it is now, as a version that is not saved: to be compared with others."""
    return _version(row, CHANGED, Author(Door.SYSTEM), parts=True)


def _version(
    row: Any,
    kind: str,
    by: Author,
    *,
    secrets: dict[str, str] | None = None,
    reason: str = "",
    parts: bool = False,
    now: datetime | None = None,
) -> Any:
    version = type(row).records.versions(
        history_type=kind, history_date=now or timezone.now(), history_secrets=secrets or {}
    )
    fill(version, row, parts=parts)
    _sign(version, by, reason)
    return version


def _sign(version: Any, by: Author, reason: str) -> None:
    version.history_door, version.history_actor, version.history_user_id = by.door, by.name, by.account
    version.history_change_reason = reason or None


def _batches(keys: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(keys)
    while batch := list(islice(left, BATCH)):
        yield batch
