"""The administrator's page “Explain”: what a watcher sees of a presentity, and why."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from presence import explaining
from presence.explanation import ANSWERS, Explanation
from presence.references import Viewer, links
from presence.xml_text import highlighted, pretty
from provisioning.admin_pages import PAGES, Page
from provisioning.uri import Aor, BadUri

ADDRESS = 320
"Characters of an address that are read."


class QuestionForm(forms.Form):
    """Who asks for whom, and with what."""

    watcher = forms.CharField(max_length=ADDRESS)
    presentity = forms.CharField(max_length=ADDRESS)
    user_agent = forms.CharField(max_length=explaining.CLIENT, required=False, label="Client (User-Agent)")

    def clean_watcher(self) -> Aor:
        """An address."""
        return _aor(self.cleaned_data["watcher"])

    def clean_presentity(self) -> Aor:
        """An address."""
        return _aor(self.cleaned_data["presentity"])


def _aor(text: str) -> Aor:
    try:
        return Aor.parse(text)
    except BadUri as error:
        raise forms.ValidationError(f"This is no SIP address: {error}.") from None


def may_explain(request: HttpRequest) -> bool:
    """Whoever may see live state."""
    return bool(request.user.has_perm("presence.view_livestate"))


def page(request: HttpRequest) -> HttpResponse:
    """The form, and below it the steps; everything stands in the address, so that it can be passed on."""
    form = QuestionForm(request.GET if "watcher" in request.GET or "presentity" in request.GET else None)
    found = None
    if form.is_valid():
        asked = form.cleaned_data
        found = explaining.explain(asked["watcher"], asked["presentity"], asked["user_agent"], timezone.now())
    context = {**admin.site.each_context(request), "title": "Explain", "form": form}
    if found is not None:
        context |= shown(found, request.user)
    return render(request, "admin/presence/explain.html", context)


def shown(found: Explanation, viewer: Viewer) -> dict[str, Any]:
    """What the template shows of it."""
    return {
        "found": found,
        "said": found.label or ANSWERS[found.answer],
        "state": found.state or ("list" if found.answer == 200 else "refused"),
        "chapters": [
            (title, steps[0][0], [(step, links(step.decided_by, viewer)) for _, step in steps])
            for title, steps in found.chapters()
        ],
        "document": highlighted(pretty(found.body)) if found.body else "",
    }


PAGES.append(Page("presence", "explain", "Explain", may_explain, page))
