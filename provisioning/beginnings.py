"""Text that begins in a certain way, found by an index on SQLite and on PostgreSQL.

Django's `startswith` does so on PostgreSQL only: what it says to SQLite ignores case, and no index is used for that.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import BooleanField, F, Lookup, Q, QuerySet
from django.db.models.functions import Lower

from provisioning.models import Alias, Persona

LONGEST: Final = 320
"Characters of what is searched for: no address is longer."

_SCHEME: Final = re.compile(r"^(sips?|tel):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+\d][\d\s()./-]*")

LAST: Final = "\U0010ffff"
"Behind every other letter."


class Beginning(Lookup):
    """`left` begins with the text `right`; an expression for `filter`. The index on PostgreSQL is one of patterns."""

    lookup_name = "beginning"
    prepare_rhs = False
    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """A range of the index."""
        left, values = self.process_lhs(compiler, connection)
        return f"({left} >= %s AND {left} < %s)", [*values, self.rhs, *values, self.rhs + LAST]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """A pattern: ranges depend on the language of the database."""
        left, values = self.process_lhs(compiler, connection)
        return f"{left} LIKE %s", [*values, connection.ops.prep_for_like_query(self.rhs) + "%"]


def begins(field: Any, texts: Iterable[str]) -> Q:
    """The field begins with one of these texts."""
    found = Q()
    for text in texts:
        found |= Q(Beginning(field, text))
    return found


def spellings(text: str) -> list[str]:
    """How the beginning of an address can be written: without scheme, in small letters too, numbers without blanks."""
    given = _SCHEME.sub("", text.replace("\0", "").strip())[:LONGEST]
    user, at, host = given.partition("@")
    found = [user + at + host.lower(), given.lower()]
    if _NUMBER.fullmatch(user):
        digits = re.sub(r"[^\d]", "", user)
        found += [digits + at + host.lower(), f"+{digits}{at}{host.lower()}"]
    return list(dict.fromkeys(found))


def addresses(text: str) -> list[str]:
    """The same for columns that hold SIP URIs."""
    return [f"sip:{one}" for one in spellings(text)]


def name(text: str) -> str:
    """The beginning of a display name, as the index has it."""
    return " ".join(text.replace("\0", "").split())[:LONGEST].lower()


def users(text: str) -> QuerySet[Any]:
    """Keys of the users one of whose addresses, or whose display name, begins so; for `pk__in`."""
    by_address = Alias.objects.filter(begins(F("uri"), addresses(text))).order_by().values("persona_id")
    named = Persona.objects.annotate(small=Lower("name")).filter(begins(F("small"), [name(text)]))
    return by_address.union(named.order_by().values("pk"))
