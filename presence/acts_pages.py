"""Acting on live objects in the admin: from the list for those that are selected, and on the page of one.

What ends something shows first what will be ended, and what follows; nothing happens before the second page is sent.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from presence import acts
from presence.acts import Act, Result
from presence.subscriptions import DEACTIVATED
from provisioning.admin.base import AT_ONCE, LISTED

CONFIRMED: Final = "confirmed"
"Field of the second page: it was seen."

SPELLED_OUT: Final = 5
"Rows that are named beside why nothing was done to them."

REASONS: Final = (
    (DEACTIVATED, "deactivated: it may subscribe again at once"),
    ("timeout", "timeout: as if it had run out"),
    ("probation", "probation: it may subscribe again later"),
    ("giveup", "giveup: nobody has decided about it in time"),
    ("rejected", "rejected: it should not come again"),
    ("noresource", "noresource: there is nothing to be watched any more"),
)
"What a watcher can be told, with what it means (RFC 6665 4.1.3)."


@dataclass(frozen=True, slots=True)
class Button:
    """An act as people see it."""

    name: str
    title: str
    act: Act
    past: str
    "Of several rows: `ended`."
    follows: str
    "What happens then, in sentences."
    reasons: Sequence[tuple[str, str]] = ()
    "Which of them, is asked."

    def arguments(self, request: HttpRequest) -> dict[str, str]:
        """What was chosen; the first where nothing, or nothing that there is."""
        if not self.reasons:
            return {}
        chosen = request.POST.get("reason", "")
        return {"reason": chosen if chosen in dict(self.reasons) else self.reasons[0][0]}


class Acting:
    """A page of live objects on which something can be done; `has_act_permission` is the right to change the table."""

    def has_act_permission(self: Any, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may change what is live: nobody edits it, so this is what the right is for."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def act_on(
        self: Any, request: HttpRequest, button: Button, rows: Sequence[Any], *, listed: bool
    ) -> HttpResponse | None:
        """Show what will be done; do it when that was seen, or where there is nothing to be afraid of."""
        seen = CONFIRMED in request.POST or (listed and not button.act.ends)
        if request.method == "POST" and seen:
            self._tell(request, button, rows, acts.perform(button.act, rows, **button.arguments(request)))
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))
        names = self.opts.verbose_name if len(rows) == 1 else f"{len(rows)} {self.opts.verbose_name_plural}"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{button.title}: {names}",
            "button": button,
            "rows": rows[:LISTED],
            "more": max(0, len(rows) - LISTED),
            "ids": [row.pk for row in rows] if listed else [],
            "checkbox": ACTION_CHECKBOX_NAME,
            "confirmed": CONFIRMED,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/presence/act.html", context)

    def _tell(self: Any, request: HttpRequest, button: Button, rows: Sequence[Any], result: Result) -> None:
        number = len(result.done)
        if number:
            names = (
                f"1 {self.opts.verbose_name} was" if number == 1 else f"{number} {self.opts.verbose_name_plural} were"
            )
            self.message_user(request, f"{names} {button.past}.", messages.SUCCESS)
        by_id = {row.pk: row for row in rows}
        why = defaultdict(list)
        for refusal in result.refused:
            why[refusal.why].append(str(by_id[refusal.id]))
        for reason, names in why.items():
            named = ", ".join(names[:SPELLED_OUT])
            if len(names) > SPELLED_OUT:
                named += f" and {len(names) - SPELLED_OUT} more"
            self.message_user(request, f"{named}: {reason}", messages.ERROR)


def selected(button: Button, title: str) -> Callable[..., Any]:
    """The action of a list."""

    def act(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        if queryset.count() > AT_ONCE:
            page.message_user(
                request, f"At most {AT_ONCE} at once. Narrow the list by search or filters.", messages.ERROR
            )
            return None
        answer: HttpResponse | None = page.act_on(request, button, list(queryset), listed=True)
        return answer

    act.__name__ = button.name
    return admin.action(act, description=title, permissions=["act"])


def single(button: Button) -> Any:
    """The button of one object's page, `NAME_one` among `actions_detail`."""

    def act(page: Any, request: HttpRequest, object_id: str) -> HttpResponse | None:
        row = get_object_or_404(page.get_queryset(request), pk=_number(object_id))
        answer: HttpResponse | None = page.act_on(request, button, [row], listed=False)
        return answer

    act.__name__ = f"{button.name}_one"
    return action(act, description=button.title, url_path=button.name, permissions=["act"])


def _number(text: str) -> int | None:
    """An id in an address; None where it is none, or larger than any."""
    return int(text) if text.isascii() and text.isdecimal() and int(text) < 2**63 else None
