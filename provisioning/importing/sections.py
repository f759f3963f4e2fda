"""Sections of the provisioning file that belong to other applications; each registers its own when it starts."""

from collections.abc import Callable
from typing import Any, Protocol

from provisioning.importing.grammar import ELSEWHERE, Entry
from provisioning.models import Persona

FindUser = Callable[[Entry, str], Persona]
"The user whom a key of an entry names; raises BadFile."


class PutRow(Protocol):
    """Create or change one row found by its key."""

    def __call__(self, kind: str, model: Any, entry: Entry, key: dict[str, Any], rest: dict[str, Any], /) -> Any: ...


ApplyEntry = Callable[[Entry, FindUser, PutRow], None]

REGISTERED: dict[str, ApplyEntry] = {}
"Section -> what brings one of its entries into the tables."


def register(section: str, apply: ApplyEntry) -> None:
    """Take over a section that the grammar has for another application."""
    assert section in ELSEWHERE
    REGISTERED[section] = apply
