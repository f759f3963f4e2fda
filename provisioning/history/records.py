"""What a table declares to have a history: `history = Records(...)`, on top of django-simple-history.

A version holds a row with its parts: the entries of an access list, the members of a list, the delegates of a user.
So a reader sees them change where they belong, and one version is enough to restore the whole. Secrets have no column
in a version; it only says that one was set or removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords

from provisioning.history import recording
from provisioning.history.doors import NAME

LABEL = 400
"Characters of an object's name that are kept: two addresses, cut where they are unusually long."


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that belong to a row and are shown in its history."""

    name: str
    "Of the related rows, or of a field that leads to many."
    columns: tuple[str, ...] = ()
    "What is kept of each related row; none for a field that leads to many, whose ids and names are kept."
    key: tuple[str, ...] = ()
    "The columns that tell one row from another."
    ordered: bool = False
    "Their order means something: `position`."
    beside: str = ""
    "A column of the row; the related row whose first column is equal follows from it and is left out."
    label: str = ""
    "For people, where it is not the name."


class Version(models.Model):
    """What each version has beside the columns of its row."""

    history_door = models.CharField(max_length=16)
    "A value of `Door`; without choices, so that a new door changes no table."
    history_actor = models.CharField(max_length=NAME, blank=True)
    "Who it was, by the name of then."
    history_label = models.CharField(max_length=LABEL, blank=True)
    "What the object was called then."
    history_names = models.JSONField(default=dict)
    "Column that leads to a row -> what that was called then."
    history_parts = models.JSONField(default=dict)
    "Name of a part -> its rows."
    history_secrets = models.JSONField(default=dict)
    "Secret -> `set` or `removed`: by this version."

    class Meta:
        abstract = True


class Records(HistoricalRecords):
    """The history of one table; it is written by `provisioning.history.recording`."""

    def __init__(
        self,
        *,
        parts: tuple[Part, ...] = (),
        secrets: Mapping[str, tuple[str, ...]] | None = None,
        left_out: tuple[str, ...] = (),
        follows: Callable[[Any], bool] | None = None,
    ) -> None:
        """`secrets`: name -> columns; `left_out`: columns that nobody edits; `follows`: rows that others decide."""
        self.parts = parts
        self.secrets = dict(secrets or {})
        self.follows = follows
        hidden = [column for columns in self.secrets.values() for column in columns]
        super().__init__(
            bases=(Version,),
            excluded_fields=[*hidden, *left_out],
            history_id_field=models.BigAutoField(),
            history_user_id_field=models.BigIntegerField(null=True),  # an account may go, its deeds stay
        )

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """No rights of its own: who may view a row may view its history."""
        return {**super().get_meta_options(model), "default_permissions": ()}

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        """Versions are found by row and by time only: no other index makes writing slower."""
        fields: dict[str, Any] = super().copy_fields(model)
        for name, field in fields.items():
            field.db_index = name == model._meta.pk.name
        return fields

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        """Also look at secrets before they are replaced."""
        super().finalize(sender, **kwargs)
        if self.cls is sender:
            sender.records = self  # type: ignore[attr-defined]
            self.versions = sender.history.model  # the descriptor makes a class each time it is asked
            self.columns = tuple(self.fields_included(sender))
            if self.secrets:
                models.signals.pre_save.connect(self.pre_save, sender=sender, weak=False)

    def pre_save(self, instance: models.Model, **_: Any) -> None:
        """Which secrets this replaces: compared with the row, since no version holds them."""
        if not recording.is_on():
            return
        columns = [column for columns in self.secrets.values() for column in columns]
        held = type(instance).objects.filter(pk=instance.pk).values(*columns).first() if instance.pk else None  # type: ignore[attr-defined]
        before = held or dict.fromkeys(columns, "")
        instance._secrets_changed = {  # type: ignore[attr-defined]
            name: "set" if any(getattr(instance, column) for column in own) else "removed"
            for name, own in self.secrets.items()
            if any(getattr(instance, column) != before[column] for column in own)
        }

    def post_save(self, instance: models.Model, created: bool, using: Any = None, **kwargs: Any) -> None:
        """A row was written."""
        if not kwargs.get("raw", False):
            secrets = instance.__dict__.pop("_secrets_changed", {})
            recording.written([instance], secrets=secrets)

    def pre_delete(self, instance: models.Model, **kwargs: Any) -> None:
        """Others may have it as a part."""
        recording.about_to_go(instance)

    def post_delete(self, instance: models.Model, using: Any = None, **kwargs: Any) -> None:
        """A row is gone."""
        recording.deleted(type(instance), [instance.pk])
