"""One search over all that has an address, a name or a number, for the administrator's search box.

Found is what begins with what was typed: each question is answered by an index, however many users there are, and
gives a few rows. Shown is what the account may view.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cti.models import Line
from cups_site.beginnings import Beginning
from presence.models import LiveState, Subscription
from presence.references import Viewer
from presence.subscriptions import ACTIVE, PENDING
from provisioning.models import Alias, Persona, ResourceList
from sipedge.models import Binding

SHORTEST, LONGEST = 2, 320
"Characters of what is searched for: one letter says nothing, and no address is longer."

MOST: Final = 8
"Rows of one kind: enough to see that more has to be typed."

_SCHEME: Final = re.compile(r"^(sips?|tel):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+\d][\d\s()./-]*")


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


def spellings(text: str) -> list[str]:
    """How the beginning of an address can be written: without scheme, in small letters too, numbers without blanks."""
    given = _SCHEME.sub("", text.replace("\0", "").strip())[:LONGEST]
    user, at, host = given.partition("@")
    found = [user + at + host.lower(), given.lower()]
    if _NUMBER.fullmatch(user):
        digits = re.sub(r"[^\d]", "", user)
        found += [digits + at + host.lower(), f"+{digits}{at}{host.lower()}"]
    return list(dict.fromkeys(found))


def find(text: str, viewer: Viewer) -> list[Kind]:
    """All kinds of which there is something, in the order in which they are shown."""
    begins = spellings(text)
    if len(begins[0]) < SHORTEST:
        return []
    now, users = timezone.now(), _users(text, begins)
    kinds = [
        Kind("users", _("Users"), list(_user_rows(users, viewer))),
        Kind("lists", _("Lists"), list(_rows(_by_address(ResourceList, begins), viewer, lambda one: str(one.name)))),
        Kind("lines", _("Lines"), list(_rows(_by_address(Line, begins, scheme=False), viewer, _line))),
        Kind("contacts", _("Registered contacts"), list(_rows(_contacts(users, now), viewer, _contact))),
        Kind("subscriptions", _("Subscriptions"), list(_rows(_watching(users, begins, now), viewer, _asked))),
    ]
    return [kind for kind in kinds if kind.rows]


def _any(field: Any, texts: Iterable[str]) -> Q:
    """The field begins with one of them."""
    found = Q()
    for text in texts:
        found |= Q(Beginning(field, text))
    return found


def _with_scheme(begins: list[str]) -> list[str]:
    return [f"sip:{text}" for text in begins]


def _by_address(table: Any, begins: list[str], *, scheme: bool = True) -> QuerySet[Any]:
    """Rows whose `uri` begins so; numbers of lines may stand without a scheme."""
    texts = _with_scheme(begins) if scheme else [*begins, *_with_scheme(begins)]
    found: QuerySet[Any] = table.objects.filter(_any(F("uri"), texts)).select_related("owner").order_by("uri")
    return found[:MOST]


def _users(text: str, begins: list[str]) -> dict[int, tuple[Persona, str]]:
    """Users by key, with the alias that led to them: by address, by other address, by display name."""
    aliases = Alias.objects.filter(_any(F("uri"), _with_scheme(begins))).select_related("persona").order_by("uri")
    found = {one.persona_id: (one.persona, str(one.uri)) for one in aliases[:MOST]}
    name = " ".join(text.split())[:LONGEST].replace("\0", "").lower()
    by_name = Persona.objects.annotate(small=Lower("name")).filter(_any(F("small"), [name])).order_by("small")
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


def _watching(users: dict[int, Any], begins: list[str], now: datetime) -> list[Subscription]:
    """Those of a watcher, then those to a user."""
    live = Subscription.objects.filter(expires_at__gt=now, state__in=[ACTIVE, PENDING])
    own = list(live.filter(_any(F("watcher"), _with_scheme(begins))).order_by("watcher")[:MOST])
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
