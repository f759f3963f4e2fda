"""What all serializers need: models validate, parts are saved with their whole."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from provisioning.history import recording
from provisioning.uri import Aor

Type = TypeVar("Type", bound=type)


class Validated(serializers.ModelSerializer):
    """Runs the model's own checks, so that REST and the admin refuse the same things."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the row as it would be saved."""
        row = self.Meta.model(**self._columns(attrs))
        if self.instance is not None:
            row.pk = self.instance.pk
        row.clean()
        for name in self._columns(attrs):
            attrs[name] = getattr(row, name)
        return attrs

    def _columns(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = {field.name for field in self.Meta.model._meta.concrete_fields}
        before = {name: getattr(self.instance, name) for name in names} if self.instance is not None else {}
        return {**before, **{name: value for name, value in attrs.items() if name in names}}


class Parts(serializers.ModelSerializer):
    """A row with parts of its own: given, they replace those that are there; left out, those stay."""

    parts: tuple[str, str]
    "Name of the related rows, and of their column that leads back."

    def create(self, validated_data: dict[str, Any]) -> Any:
        """The row, then its parts."""
        rows = validated_data.pop(self.parts[0], [])
        with transaction.atomic():
            return self._replace(super().create(validated_data), rows)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """The row, then its parts if they are given."""
        rows = validated_data.pop(self.parts[0], None)
        with transaction.atomic():
            instance = super().update(instance, validated_data)
            return instance if rows is None else self._replace(instance, rows)

    def _replace(self, instance: Any, rows: list[dict[str, Any]]) -> Any:
        related = getattr(instance, self.parts[0])
        related.all().delete()
        made = []
        for number, values in enumerate(rows, 1):
            row = related.model(**{self.parts[1]: instance, **values})
            if hasattr(row, "position"):
                row.position = number
            try:
                row.clean()
            except ValidationError as error:
                raise serializers.ValidationError({self.parts[0]: error.messages}) from None
            made.append(row)
        try:
            with transaction.atomic():
                related.model.objects.bulk_create(made)
                recording.written([instance])
        except IntegrityError:
            raise serializers.ValidationError({self.parts[0]: "One of them stands there twice."}) from None
        getattr(instance, "_prefetched_objects_cache", {}).clear()
        return instance


class AorField(serializers.CharField):
    """A SIP URI; any spelling in, the canonical one out (D-01)."""

    def to_internal_value(self, data: Any) -> Aor:
        """Read it."""
        try:
            return Aor.parse(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class Named(serializers.SlugRelatedField):
    """Another row by its name; those that a request about many rows names were looked up before, at once."""

    def to_internal_value(self, data: Any) -> Any:
        """The row."""
        found = self.context.get(KNOWN, {}).get((self.queryset.model, data)) if isinstance(data, str) else None
        return super().to_internal_value(data) if found is None else found


KNOWN = "known"
"In the context of a serializer: (model, name) -> row."


def example(**values: Any) -> Callable[[Type], Type]:
    """What a request can look like, for the OpenAPI document."""
    found: Callable[[Type], Type] = extend_schema_serializer(
        examples=[OpenApiExample("example", value=values, request_only=True)]
    )
    return found
