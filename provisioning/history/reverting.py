"""Back to an earlier version: first what would change, then the change itself, by the checks of any other door."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from provisioning.announce import announce
from provisioning.history import recording
from provisioning.history.states import same
from provisioning.history.wording import Difference, differences
from provisioning.models import Alias, Domain, Persona, TrustedPeer


class Refused(Exception):
    """It cannot be done; the sentences say why."""

    def __init__(self, *why: str) -> None:
        super().__init__(" ".join(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Plan:
    """What going back to a version would do."""

    there: bool
    "The object is there; otherwise it would be brought back."
    differences: list[Difference]
    notes: tuple[str, ...]
    "What cannot come back with it, or goes with it."
    problems: tuple[str, ...]
    "Why it is refused."

    @property
    def possible(self) -> bool:
        """It may be done, and does something."""
        return not self.problems and (not self.there or bool(self.differences))


class _Tried(Exception):
    pass


def plan(model: Any, version: Any) -> Plan:
    """Try it, and take it back: what is refused then would be refused in earnest."""
    row = _row(model, version)
    if row is not None and same(model, recording.version_of(row), version):
        return Plan(True, [], (), ())
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    now = recording.version_of(row) if row is not None else None
    found = [one for one in differences(model, now, version) if one.field not in model.records.secrets]
    try:
        with recording.off(), transaction.atomic():
            notes = tuple(_apply(model, version))
            raise _Tried
    except _Tried:
        pass
    except Refused as refused:
        problems = refused.why
    return Plan(row is not None, found, notes, problems)


def revert(model: Any, version: Any) -> Any:
    """Do it, and tell the edges; the row. Raises Refused, and then nothing has changed."""
    when = timezone.localtime(version.history_date).strftime("%Y-%m-%d %H:%M:%S")
    with recording.together():
        _apply(model, version)
        key = getattr(version, model._meta.pk.name)
        recording.changed(model, [key], reason=f"Back to the version of {when}.")
        announce(model, *_part_tables(model))
    return model._default_manager.get(pk=key)


def _row(model: Any, version: Any) -> Any:
    return recording.rows_of(model, [getattr(version, model._meta.pk.name)]).get(getattr(version, model._meta.pk.name))


def _apply(model: Any, version: Any) -> list[str]:
    """Write it; what has to be said about it. Raises Refused."""
    key = getattr(version, model._meta.pk.name)
    row = model._default_manager.select_for_update().filter(pk=key).first()
    notes: list[str] = []
    made = row is None
    row = model(pk=key) if made else row
    _check_foundations(model, version)
    for column in model.records.columns:
        if column.editable and not column.primary_key:
            setattr(row, column.attname, getattr(version, column.attname))
    notes += _own_rules(row, version, made)
    with _refusing():
        row.full_clean()
        row.save()
    for part in model.records.parts:
        notes += _apply_part(row, part, version)
    return notes


@contextmanager
def _refusing(prefix: str = "") -> Iterator[None]:
    """What models and tables refuse, in sentences."""
    try:
        yield
    except ValidationError as error:
        raise Refused(*(prefix + said for said in _sentences(error))) from None
    except IntegrityError:
        raise Refused(f"{prefix}Something else that is there now stands in the way.") from None


def _sentences(error: ValidationError) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for name, messages in error.message_dict.items():
        for message in messages:
            yield message if name == NON_FIELD_ERRORS else f"{name.replace('_', ' ').capitalize()}: {message}"


def _check_foundations(model: Any, version: Any) -> None:
    """What the version leads to has to be there."""
    gone = []
    for column in model.records.columns:
        value = getattr(version, column.attname)
        if column.is_relation and value is not None:
            target = column.related_model
            if not target._default_manager.filter(pk=value).exists():
                name = version.history_names.get(column.name, value)
                gone.append(f"The {target._meta.verbose_name} {name} is gone; bring it back first.")
    if gone:
        raise Refused(*gone)


def _own_rules(row: Any, version: Any, made: bool) -> list[str]:
    """What tables have to say that no column can."""
    if isinstance(row, TrustedPeer) and (row.automatic or version.automatic):
        raise Refused("An automatic entry follows from other provisioning.")
    if isinstance(row, Alias) and not made and Alias.objects.get(pk=row.pk).is_aor:
        raise Refused("The address of record follows from its user.")
    if isinstance(row, Domain) and not made:
        users = row.personas.exclude(md5="").count()
        if Domain.objects.get(pk=row.pk).name != row.name and users:
            return [f"{users} users lose their password by the other name."]
    if isinstance(row, Persona):
        with _refusing():
            row.clean()
        before, row.aor = row.aor, row.computed_aor()
        if before and before != row.aor and row.has_password:
            row.clear_password()
            return ["The password holds for the present address only: a new one has to be set."]
    return [f"Secrets are not kept: set the {name} anew." for name in type(row).records.secrets] if made else []


def _apply_part(row: Any, part: Any, version: Any) -> list[str]:
    wanted = version.history_parts.get(part.name, [])
    related = getattr(row, part.name)
    if not part.columns:
        there = set(
            related.model._default_manager.filter(pk__in=[one["id"] for one in wanted]).values_list("pk", flat=True)
        )
        related.set(there)
        return [f"{one['name']} is gone and is left out." for one in wanted if one["id"] not in there]
    held = {tuple(getattr(one, name) for name in part.key): one for one in _rows_of_part(row, part)}
    kept = {tuple(values.get(name) for name in part.key): values for values in wanted}
    for key, one in held.items():
        if key not in kept:
            one.delete()
    back = type(row)._meta.get_field(part.name).field.name
    for position, (key, values) in enumerate(kept.items(), 1):
        one = held.get(key) or related.model(**{back: row})
        values = {**values, "position": position} if part.ordered else values
        if one.pk is not None and all(getattr(one, name) == value for name, value in values.items()):
            continue
        for name, value in values.items():
            setattr(one, name, value)
        with _refusing(f"{values[part.key[-1]]}: "):
            one.full_clean()
            one.save()
    return []


def _rows_of_part(row: Any, part: Any) -> list[Any]:
    left_out = getattr(row, part.beside) if part.beside else None
    return [one for one in getattr(row, part.name).all() if left_out is None or getattr(one, part.key[0]) != left_out]


def _part_tables(model: Any) -> list[Any]:
    return [model._meta.get_field(part.name).related_model for part in model.records.parts if part.columns]
