"""Hypothesis strategies: any message that the gateway can read or write."""

import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from cti.csta import kinds
from cti.csta.codec import CHILDREN
from cti.csta.messages import ConnectionID, CSTAErrorCode, Message

WORDS = st.text(st.characters(min_codepoint=33, exclude_categories=["C", "Z"]), min_size=1, max_size=12)
CONNECTIONS = st.builds(ConnectionID, WORDS, st.none() | WORDS) | st.builds(ConnectionID, st.none(), WORDS)
NAMES = {
    "requested_monitor_filter": kinds.FILTERS,
    "actual_monitor_filter": kinds.FILTERS,
    "supported_services": kinds.SERVICES,
    "supported_events": kinds.EVENTS,
}


def _of(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Values of one field."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return st.one_of(*(_of(name, one) for one in arguments))
    if typing.get_origin(kind) is frozenset:
        return st.frozensets(st.sampled_from([word for group in NAMES[name].values() for word in group]))
    if typing.get_origin(kind) is tuple:
        return st.lists(_of(name, arguments[0]), max_size=3).map(tuple)
    if kind is ConnectionID:
        return CONNECTIONS
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(0, kinds.MAX_NUMBER)
    if kind is types.NoneType:
        return st.none()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return _all_of(kind) if is_dataclass(kind) else WORDS


def _all_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: _of(field.name, hints[field.name]) for field in fields(kind)})


ERRORS = st.builds(CSTAErrorCode, st.sampled_from(["operation", "stateIncompatibility", "security"]), WORDS)


def messages() -> st.SearchStrategy[Message]:
    """Any message."""
    return st.one_of(ERRORS, *(_all_of(kind) for kind in CHILDREN))
