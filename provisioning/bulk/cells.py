"""What stands in a cell: text that spreadsheets leave alone, several addresses, yes and no, and nothing at all.

An empty cell leaves a value as it is; `(none)` empties it. Text that a spreadsheet would take for a formula, and a text
that reads `(none)`, get an apostrophe in front on the way out, and lose one on the way in: what is written is read back
as it was.
"""

import re
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.uri import Aor, BadUri

NOTHING = "(none)"
"Empties a value."

MAX_CELL = 262_144
"Characters: a list of some thousands of addresses; a cell of Excel holds 32,767."

YES = frozenset({"yes", "true", "1", "on"})
NO = frozenset({"no", "false", "0", "off"})

_SPECIAL = re.compile(r"'*(?:[=+\-@\t\r]|\(none\)\Z)")
_RESTORED = re.compile(r"'(?='*(?:[=+\-@\t\r]|\(none\)\Z))")
_ADDRESS = re.compile(r"[^@\s]*@[^@\s,;]*")
_BETWEEN = " \t\r\n,;"
_PLAIN = re.compile(r"sip:([\w.]+@[\w.\-]+)", re.ASCII)


def defused(text: str) -> str:
    """The text as it is written to a cell: no spreadsheet takes it for a formula."""
    return f"'{text}" if _SPECIAL.match(text) else text


def restored(text: str) -> str:
    """The text that `defused` was given."""
    return _RESTORED.sub("", text, count=1) if text.startswith("'") else text


def short(aor: str) -> str:
    """An address as people write it, where it can be read back."""
    found = _PLAIN.fullmatch(aor)
    return found[1] if found else aor


def address(text: str) -> Aor:
    """An address of record; raises ValidationError."""
    try:
        return Aor.parse(text.strip())
    except BadUri as error:
        raise ValidationError(f"“{text[:80]}” is not a SIP address: {error}.") from None


def several(cell: Any) -> list[str]:
    """The pieces of a cell that holds several addresses, or of a list in JSON; raises ValidationError."""
    if isinstance(cell, list):
        return [str(one) for one in cell]
    pieces = [one.lstrip(",;") for one in _ADDRESS.findall(cell)]
    if rest := _ADDRESS.sub("", cell).strip(_BETWEEN):
        raise ValidationError(f"“{rest.split()[0][:80]}” is not an address: expected user@domain.")
    return pieces


def flag(cell: Any) -> bool:
    """Yes or no; raises ValidationError."""
    if isinstance(cell, bool):
        return cell
    word = str(cell).strip().lower()
    if word not in YES | NO:
        raise ValidationError(f"“{word[:40]}” is neither yes nor no.")
    return word in YES


def number(cell: Any) -> int:
    """A whole number; raises ValidationError."""
    try:
        return int(str(cell).strip()[:12])
    except ValueError:
        raise ValidationError(f"“{str(cell)[:40]}” is not a whole number.") from None
