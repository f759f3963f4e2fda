"""Which tables a backup holds, and how their values stand in JSON."""

import base64
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Field, Model

NEVER: Final = frozenset({"presence.edgelease"})
"Who runs where is no state that could come back."

SOFT: Final = frozenset(
    {
        "presence.publication",
        "presence.subscription",
        "presence.backendsubscription",
        "sipedge.binding",
        "sipedge.messengersession",
        "sipedge.messengermessage",
        "sessions.session",
    }
)
"What clients bring again by themselves: it may be left out."


def tables(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Those of these models that have a table of their own to be kept, by name."""
    found = [one for one in models if one._meta.managed and not one._meta.proxy]
    return sorted((one for one in found if one._meta.label_lower not in NEVER), key=lambda one: one._meta.label_lower)


def fields_of(model: type[Model]) -> list["Field[Any, Any]"]:
    """The columns of its own table."""
    return list(model._meta.local_concrete_fields)


def to_json(value: Any) -> Any:
    """A column's value, as `from_json` reads it."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta | Decimal | UUID):
        return str(value)
    return value


def from_json(field: "Field[Any, Any]", value: Any) -> Any:
    """The value of a column; raises ValueError or ValidationError."""
    if value is None or field.get_internal_type() == "JSONField":
        return value
    if field.get_internal_type() == "BinaryField":
        return base64.b64decode(value, validate=True)
    return field.to_python(value)
