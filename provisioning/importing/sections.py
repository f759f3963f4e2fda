"""Sections of the provisioning file that belong to other applications; each registers its own when it starts."""

from collections.abc import Callable

from provisioning.importing.grammar import ELSEWHERE, Entry
from provisioning.importing.tables import Tables

ApplyEntry = Callable[[Entry, Tables], None]
"Brings one entry into the tables; raises BadFile."

REGISTERED: dict[str, ApplyEntry] = {}
"Section -> what brings one of its entries into the tables."


def register(section: str, apply: ApplyEntry) -> None:
    """Take over a section that the grammar has for another application."""
    assert section in ELSEWHERE
    REGISTERED[section] = apply
