"""Reading histories: of one object, of what was deleted, and all changes over all tables, newest first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import CharField, OuterRef, Q, QuerySet, Subquery, Value

from provisioning.history.doors import Door
from provisioning.history.recording import CHANGED, CREATED, DELETED, tracked
from provisioning.history.wording import Difference, differences

BY_KIND = {"created": CREATED, "changed": CHANGED, "deleted": DELETED}
"As programs say it."


@dataclass(frozen=True, slots=True)
class Entry:
    """A version as it is shown: what it has changed, by whom."""

    model: Any
    version: Any
    before: Any
    "The version before it; None for the first that is there."

    @property
    def table(self) -> str:
        """Label of the table, as `provisioning.uriacl`."""
        return str(self.model._meta.label_lower)

    @property
    def key(self) -> Any:
        """Id of the object."""
        return getattr(self.version, self.model._meta.pk.name)

    @property
    def kind_of_object(self) -> str:
        """For people."""
        return str(self.model._meta.verbose_name)

    @property
    def kind(self) -> str:
        """`created`, `changed` or `deleted`."""
        return next(name for name, sign in BY_KIND.items() if sign == self.version.history_type)

    @property
    def door(self) -> str:
        """For people."""
        door = self.version.history_door
        return str(Door(door).label) if door in Door.values else str(door)

    @property
    def who(self) -> str:
        """For people."""
        return str(self.version.history_actor or "–")

    @property
    def incomplete(self) -> bool:
        """A change whose earlier version was deleted by age: what it has changed is not known any more."""
        return self.before is None and self.version.history_type == CHANGED

    @property
    def differences(self) -> list[Difference]:
        """What it has changed; nothing for a deletion, which changes nothing but that."""
        if self.version.history_type == DELETED or self.incomplete:
            return []
        came_back = self.before is not None and self.before.history_type == DELETED
        return differences(self.model, None if came_back else self.before, self.version)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes are looked for; what is empty does not count."""

    who: str = ""
    table: str = ""
    text: str = ""
    "Part of what an object was called."
    id: int | None = None
    door: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None


def by_label(label: str) -> Any:
    """The table of this name that has a history; raises LookupError."""
    model = apps.get_model(label)
    if "records" not in vars(model):
        raise LookupError(label)
    return model


def of_object(model: Any, key: Any) -> QuerySet[Any]:
    """All versions of one object, newest first."""
    found: QuerySet[Any] = model.records.versions.objects.filter(**{model._meta.pk.name: key}).order_by("-history_id")
    return found


def entries(model: Any, versions: Iterable[Any]) -> list[Entry]:
    """These versions of one table with those before them, in their order; two queries for any number."""
    held = list(versions)
    id_, all_ = model._meta.pk.name, model.records.versions.objects
    earlier = all_.filter(**{id_: OuterRef(id_)}, history_id__lt=OuterRef("history_id")).order_by("-history_id")
    wanted = all_.filter(history_id__in=[one.pk for one in held]).order_by()
    pairs = dict(wanted.values_list("history_id", Subquery(earlier.values("history_id")[:1])))
    found = all_.in_bulk([before for before in pairs.values() if before is not None])
    return [Entry(model, one, found.get(pairs.get(one.pk))) for one in held]


def gone(model: Any) -> QuerySet[Any]:
    """The last version of each object that is not there any more, newest first."""
    id_, all_ = model._meta.pk.name, model.records.versions.objects
    latest = all_.filter(**{id_: OuterRef(id_)}).order_by("-history_id").values("history_id")[:1]
    found: QuerySet[Any] = all_.filter(history_type=DELETED, history_id=Subquery(latest)).order_by("-history_id")
    return found


def visible(user: Any) -> list[Any]:
    """Tables whose history this account may see: those that it may view or change."""
    return [model for model in tracked() if may(user, model, "view") or may(user, model, "change")]


def may(user: Any, model: Any, right: str) -> bool:
    """Whether an account has a right to a table."""
    return bool(user.has_perm(f"{model._meta.app_label}.{right}_{model._meta.model_name}"))


class Changes:
    """All versions of some tables in one list; it can be counted and cut, as a page wants it. Each costs one query."""

    def __init__(self, models: Sequence[Any], wanted: Wanted) -> None:
        chosen = [model for model in models if wanted.table in ("", model._meta.label_lower)]
        parts = [_rows(model, wanted) for model in chosen]
        self._rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else (parts[0] if parts else None)

    def __len__(self) -> int:
        return self._rows.count() if self._rows is not None else 0

    count = __len__

    def __getitem__(self, cut: slice) -> list[Entry]:
        if self._rows is None:
            return []
        rows = list(self._rows.order_by("-history_date", "-history_id")[cut])
        keys = defaultdict(list)
        for row in rows:
            keys[row["table"]].append(row["history_id"])
        found = {}
        for label, ids in keys.items():
            model = by_label(label)
            for entry in entries(model, model.records.versions.objects.filter(history_id__in=ids)):
                found[label, entry.version.pk] = entry
        return [found[key] for row in rows if (key := (row["table"], row["history_id"])) in found]


def _rows(model: Any, wanted: Wanted) -> QuerySet[Any, dict[str, Any]]:
    rows = model.records.versions.objects.order_by()
    for column, value in (("history_door", wanted.door), ("history_type", BY_KIND.get(wanted.kind, ""))):
        rows = rows.filter(**{column: value}) if value else rows
    if wanted.who:
        rows = rows.filter(history_actor__icontains=wanted.who)
    if wanted.text:
        rows = rows.filter(history_label__icontains=wanted.text)
    if wanted.id is not None:
        rows = rows.filter(**{model._meta.pk.name: wanted.id})
    if wanted.since is not None:
        rows = rows.filter(Q(history_date__gte=wanted.since))
    if wanted.until is not None:
        rows = rows.filter(Q(history_date__lt=wanted.until))
    label = Value(model._meta.label_lower, output_field=CharField())
    found: QuerySet[Any, dict[str, Any]] = rows.annotate(table=label).values("history_id", "history_date", "table")
    return found
