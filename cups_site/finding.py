"""One search over all that has an address, a name or a number, for the administrator's search box.

Found is what begins with what was typed: each question is answered by an index, however many users there are, and
gives a few rows. Shown is what the account may view.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import F, Model, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cti.models import Line
from presence.models import LiveState, Subscription
from presence.references import Viewer
from presence.subscriptions import ACTIVE, PENDING
from provisioning.beginnings import addresses, begins, name, spellings
from provisioning.models import Alias, Persona, ResourceList
from sipedge.models import Binding

SHORTEST: Final = 2
"Characters of what is searched for: one letter says nothing."

MOST: Final = 8
"Rows of one kind: enough to see that more has to be typed."


class Found(NamedTuple):
    """One row."""

    title: str
    about: str
    link: str


class Kind(NamedTuple):
    """Rows of one kind."""

    name: str
    title: str
    rows: list[Found]


def find(text: str, viewer: Viewer) -> list[Kind]:
    """All kinds of which there is something, in the order in which they are shown."""
    asked = spellings(text)
    if len(asked[0]) < SHORTEST:
        return []
    now, users = timezone.now(), _users(text)
    kinds = [
        Kind("users", _("Users"), list(_user_rows(users, viewer))),
        Kind(
            "lists",
            _("Lists"),
            list(_rows(_by_address(ResourceList, addresses(text)), viewer, lambda one: str(one.name))),
        ),
        Kind("lines", _("Lines"), list(_rows(_by_address(Line, [*asked, *addresses(text)]), viewer, _line))),
        Kind("contacts", _("Registered contacts"), list(_rows(_contacts(users, now), viewer, _contact))),
        Kind("subscriptions", _("Subscriptions"), list(_rows(_watching(users, text, now), viewer, _asked))),
    ]
    return [kind for kind in kinds if kind.rows]


def _by_address(table: Any, texts: list[str]) -> QuerySet[Any]:
    """Rows whose `uri` begins so."""
    found: QuerySet[Any] = table.objects.filter(begins(F("uri"), texts)).select_related("owner").order_by("uri")
    return found[:MOST]


def _users(text: str) -> dict[int, tuple[Persona, str]]:
    """Users by key, with the alias that led to them: by address, by other address, by display name."""
    aliases = Alias.objects.filter(begins(F("uri"), addresses(text))).select_related("persona").order_by("uri")
    found = {one.persona_id: (one.persona, str(one.uri)) for one in aliases[:MOST]}
    by_name = Persona.objects.annotate(small=Lower("name")).filter(begins(F("small"), [name(text)])).order_by("small")
    for persona in by_name[: MOST - len(found)]:
        found.setdefault(persona.pk, (persona, str(persona.aor)))
    return found


def _user_rows(users: dict[int, tuple[Persona, str]], viewer: Viewer) -> Iterator[Found]:
    state = _may(viewer, LiveState)
    if not (_may(viewer, Persona) or state):
        return
    for persona, address in users.values():
        also = f" · {address}" if address != str(persona.aor) else ""
        off = f" · {_('disabled')}" if not persona.enabled else ""
        if _may(viewer, Persona):
            yield Found(str(persona.aor), f"{persona.name}{also}{off}", _change(persona))
        if state:
            link = reverse("admin:presence_livestate_detail", args=[persona.pk])
            yield Found(str(persona.aor), _("live state"), link)


def _contacts(users: dict[int, Any], now: datetime) -> QuerySet[Binding]:
    rows = Binding.objects.filter(persona__in=list(users), expires_at__gt=now).select_related("persona")
    return rows.order_by("persona", "-q")[:MOST]


def _watching(users: dict[int, Any], text: str, now: datetime) -> list[Subscription]:
    """Those of a watcher, then those to a user."""
    live = Subscription.objects.filter(expires_at__gt=now, state__in=[ACTIVE, PENDING])
    own = list(live.filter(begins(F("watcher"), addresses(text))).order_by("watcher")[:MOST])
    of_users = live.filter(persona__in=list(users)).order_by("persona")[:MOST]
    return list({row.pk: row for row in [*own, *of_users]}.values())[:MOST]


def _rows(rows: Iterable[Model], viewer: Viewer, about: Any) -> Iterator[Found]:
    for row in rows:
        if _may(viewer, type(row)):
            yield Found(str(row), about(row), _change(row))


def _line(line: Line) -> str:
    return " · ".join(filter(None, [str(line.owner or ""), line.device]))


def _contact(binding: Binding) -> str:
    return f"{binding.persona} · {binding.user_agent}"


def _asked(row: Subscription) -> str:
    return f"{row.user_agent} · {row.state}"


def _may(viewer: Viewer, table: type[Model]) -> bool:
    label, name = table._meta.app_label, table._meta.model_name
    return any(viewer.has_perm(f"{label}.{right}_{name}") for right in ("view", "change"))


def _change(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
