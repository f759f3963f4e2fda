"""Many users in one request: a few queries, however many there are."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Model
from rest_framework import exceptions

from provisioning.api.bulk import look_at
from provisioning.api.serializers.base import KNOWN
from provisioning.api.serializers.people import OneOfManySerializer
from provisioning.history import recording
from provisioning.models import Alias, Domain, Persona, ResourceList
from provisioning.uri import Aor

CHANGED = [
    "name", "enabled", "confirm_watchers", "offline_messages", "publish_policy", "md5", "sha256", "md5_full",
    "sha256_full", "pin",
]  # fmt: skip
"Columns that a change can reach while the address stays."

SECRETS = {"password": "md5", "PIN": "pin"}
"What the history calls a secret -> a column that is empty without it."


def create(items: Sequence[dict[str, Any]]) -> list[Model]:
    """Users made of these objects; raises ValidationError, by index."""
    known = _known(items)
    given = look_at(items, lambda item: _valid(known, data=item))
    _free([values.pop("aor") for values in given], [None] * len(given))
    delegates = [values.pop("delegates", []) for values in given]
    made = [OneOfManySerializer.filled(Persona(), values) for values in given]
    for persona in made:
        persona.aor = persona.computed_aor()
    Persona.objects.bulk_create(made)
    Alias.objects.bulk_create([Alias(uri=persona.aor, persona=persona) for persona in made])
    _delegate(zip(made, delegates, strict=True))
    _record(made, dict.fromkeys(SECRETS, [""] * len(made)))
    return list(made)


def update(items: Sequence[dict[str, Any]], rows: dict[Any, Persona], partial: bool) -> list[Model]:
    """Users, by id, changed as these objects say; raises ValidationError, by index."""
    known = _known(items)
    found = [rows[item["id"]] for item in items]
    given = look_at(items, lambda item: _valid(known, rows[item["id"]], data=item, partial=partial))
    _free([values.pop("aor") for values in given], [persona.pk for persona in found])
    delegates = [values.pop("delegates", None) for values in given]
    before = [persona.aor for persona in found]
    secrets = {name: [getattr(persona, column) for persona in found] for name, column in SECRETS.items()}
    for persona, values in zip(found, given, strict=True):
        OneOfManySerializer.filled(persona, values)
    moved = [one for one, aor in zip(found, before, strict=True) if one.computed_aor() != aor]
    for persona in moved:
        persona.save()  # its aliases go with it
    Persona.objects.bulk_update([one for one in found if one not in moved], CHANGED)
    wanted = [(one, rest) for one, rest in zip(found, delegates, strict=True) if rest is not None]
    Persona.delegates.through.objects.filter(from_persona__in=[one for one, _ in wanted]).delete()
    _delegate(wanted)
    _record(found, secrets)
    return list(found)


def _record(rows: Sequence[Persona], secrets: dict[str, list[str]]) -> None:
    """Nothing tells the history of rows that are written in bulk; `secrets`: what was there before, row by row."""
    for name, before in secrets.items():
        column = SECRETS[name]
        for word, there in (("set", True), ("removed", False)):
            recording.written(
                [
                    row
                    for row, old in zip(rows, before, strict=True)
                    if getattr(row, column) != old and bool(getattr(row, column)) == there
                ],
                secrets={name: word},
            )
    recording.written(rows)


def _known(items: Iterable[dict[str, Any]]) -> dict[tuple[type[Model], str], Model]:
    """The domains and delegates that are named as they are called; others are looked up one by one."""
    domains = {name for item in items if isinstance(name := item.get("domain"), str)}
    listed = [item["delegates"] for item in items if isinstance(item.get("delegates"), list)]
    delegates = {name for names in listed for name in names if isinstance(name, str)}
    known: dict[tuple[type[Model], str], Model] = {}
    if domains:
        known |= {(Domain, one.name): one for one in Domain.objects.all() if one.name in domains}
    if delegates:
        known |= {(Persona, str(one.aor)): one for one in _by_address(delegates)}
    return known


def _by_address(texts: Iterable[str]) -> Iterable[Persona]:
    aors = []
    for text in texts:
        try:
            aors.append(Aor.parse(text))
        except ValueError:
            continue  # the field says so
    return Persona.objects.filter(aor__in=aors)


def _valid(known: dict[Any, Model], *row: Persona, **options: Any) -> dict[str, Any]:
    serializer = OneOfManySerializer(*row, context={KNOWN: known}, **options)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def _free(aors: Sequence[Aor], owners: Sequence[int | None]) -> None:
    """Each of these addresses is nobody's, or its owner's; raises ValidationError, by index."""
    taken = {one.uri: one.persona for one in Alias.objects.filter(uri__in=aors).select_related("persona")}
    lists = set(ResourceList.objects.filter(uri__in=aors).values_list("uri", flat=True))
    met: set[Aor] = set()

    def look(index: int) -> None:
        aor = aors[index]
        if aor in lists:
            raise exceptions.ValidationError({"user": [f"{aor} is the URI of a list."]})
        if aor in taken and taken[aor].pk != owners[index]:
            raise exceptions.ValidationError({"user": [f"{aor} is already an alias of {taken[aor]}."]})
        if aor in met:
            raise exceptions.ValidationError({"user": [f"{aor} stands in this list twice."]})
        met.add(aor)

    look_at(range(len(aors)), look)


def _delegate(wanted: Iterable[tuple[Persona, Sequence[Persona]]]) -> None:
    through = Persona.delegates.through
    rows = {(one.pk, other.pk) for one, others in wanted for other in others}
    through.objects.bulk_create([through(from_persona_id=one, to_persona_id=other) for one, other in sorted(rows)])
