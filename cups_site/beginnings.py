"""Text that begins in a certain way, found by an index on SQLite and on PostgreSQL.

Django's `startswith` does so on PostgreSQL only: what it says to SQLite ignores case, and no index is used for that.
"""

from typing import Any, Final

from django.db.models import BooleanField, Lookup

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
