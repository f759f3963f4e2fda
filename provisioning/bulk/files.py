"""Files that leave the server, for all doors of the web: exports, templates, and what was wrong with an import."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse

from provisioning.bulk import writing
from provisioning.bulk.documents import CSV, ERROR, BadDocument, format_of
from provisioning.bulk.kinds import KINDS, State
from provisioning.models import Import

FIRST = "users"
"The table of a CSV file of which nothing is said."


class NotYours(Exception):
    """The account may not see this table."""


def export(form: str, table: str, user: Any) -> HttpResponse:
    """Tables that an account may see; raises BadDocument and NotYours."""
    seen = [name for name in KINDS if may_see(user, name)]
    if table and table not in seen:
        raise NotYours(f"Your account may not see {table}.")
    return _answer(writing.exported(form, [table] if table else _of(form, seen)), form, table or _name(form))


def template(form: str, table: str, user: Any) -> HttpResponse:
    """Empty tables, with an example; raises BadDocument."""
    name = f"template-{table or _name(form)}"
    return _answer(writing.template(form, [table] if table else _of(form, list(KINDS))), form, name)


def bad_rows(of: Import) -> HttpResponse:
    """In the format of the import's file; raises BadDocument when there are none."""
    form = format_of(of.file_name)
    names = [name for name in KINDS if of.rows.filter(outcome="bad", kind=name).exists()]
    if not names:
        raise BadDocument("No row of this import is wrong.")
    content = writing.written(form, {name: _bad(of, name) for name in names}, errors=True)
    return _answer(content, form, f"import-{of.pk}-errors")


def may_see(user: Any, table: str) -> bool:
    """Whether an account may look at rows of this kind."""
    meta = KINDS[table].models[0]._meta
    return any(user.has_perm(f"{meta.app_label}.{right}_{meta.model_name}") for right in ("view", "change"))


def _of(form: str, names: list[str]) -> list[str]:
    return [FIRST] if form == CSV else names


def _name(form: str) -> str:
    return FIRST if form == CSV else "provisioning"


def _bad(of: Import, name: str) -> Iterator[State]:
    for row in of.rows.filter(outcome="bad", kind=name).iterator(chunk_size=1000):
        yield {
            **(row.cells or {}),
            ERROR: " ".join(f"{column}: {text}" if column else text for column, text in row.errors),
        }


def _answer(content: bytes, form: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type=writing.CONTENT_TYPES[form], headers=headers)
