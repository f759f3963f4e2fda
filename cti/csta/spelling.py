"""Devices in the client's own words: some clients know their line again only when it is written as they write it."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from cti.csta.messages import Message

DEVICES: Final = frozenset(
    "added_party alerting_device answering_device called_device calling_device conferencing_device device device_id "
    "diverting_device endpoint failing_device forward_dn forward_to holding_device last_redirection_device "
    "new_destination releasing_device retrieving_device transferred_to_device transferring_device".split()
)
"Fields that hold a device as text."


def respelt(message: Message, spellings: Mapping[str, str]) -> Message:
    """The message with each device as `spellings` has it."""
    found: Message = _respelt(message, spellings) if spellings else message
    return found


def _respelt(value: Any, spellings: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_respelt(item, spellings) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        new: Any
        if isinstance(old, str):
            new = spellings.get(old, old) if field.name in DEVICES else old
        else:
            new = _respelt(old, spellings)
        if new is not old:
            changes[field.name] = new
    return replace(value, **changes) if changes else value
