"""The page where users look after their own account; it works without scripts. Who signs in is as in the messenger."""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from provisioning.models import PrivacyList
from sipedge.messenger import browsers, buddies, personal, sessions
from sipedge.messenger.browsers import SignInRefused
from sipedge.messenger.buddies import Problem
from sipedge.messenger.views import locked, sign_in
from sipedge.models import MessengerSession
from sipedge.selfservice import own

LARGEST: Final = 2**63 - 1
"Of a key in the database."


class ListForm(forms.ModelForm):
    """A privacy list; whose it is stands in no form."""

    class Meta:
        model = PrivacyList
        fields = ["kind", "name", "filter", "hidden_devices"]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for field in self.fields.values():  # the table's own words are English
            field.label = _(str(field.label))
            field.help_text = _(str(field.help_text)) if field.help_text else ""
            if isinstance(field, forms.ChoiceField):
                field.choices = [(value, _(str(label))) for value, label in field.choices]


@locked
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """The account of whoever is signed in, else the form to sign in."""
    if request.method == "POST":
        return sign_in(request, "account")
    session = browsers.of_browser(request.session)
    if session is None:
        return render(request, "messenger/sign_in.html", {"target": "account"})
    persona, now = session.persona, timezone.now()
    context = {
        "options": personal.options(session),
        "persona": persona,
        "aliases": persona.other_aliases(),
        "lists": own.privacy_lists(persona),
        "form": ListForm(),
        "groups": buddies.groups(persona),
        "devices": own.devices(persona, now),
        "watchers": own.watchers(persona, now)[: own.SHOWN],
        "others": sessions.others(session),
    }
    return render(request, "selfservice/account.html", context)


@locked
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """A file with what is kept about the user."""
    session = browsers.of_browser(request.session)
    if session is None:
        return redirect("account")
    text = json.dumps(own.export(session.persona, timezone.now()), indent=2, ensure_ascii=False)
    answer = HttpResponse(text, content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="account.json"'
    return answer


@locked
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """Of this browser, the messenger included."""
    browsers.sign_out(request.session)
    return redirect("account")


@locked
@sensitive_post_parameters()
@require_POST
def change(request: HttpRequest, what: str) -> HttpResponse:
    """Do one thing, and show the page again with what has come of it."""
    session = browsers.of_browser(request.session)
    if session is None:
        return redirect("account")
    if what not in CHANGES:
        raise Http404
    try:
        said = CHANGES[what](request, session)
    except Problem as problem:
        messages.error(request, str(problem))
    except SignInRefused as refused:
        messages.error(request, str(refused))
        if refused.wait:
            answer = HttpResponse(str(refused), status=429, content_type="text/plain")
            answer["Retry-After"] = str(math.ceil(refused.wait))
            return answer
    else:
        messages.success(request, said)
    return redirect("account")


def _id(request: HttpRequest) -> int:
    text = request.POST.get("id", "")
    if not (text.isascii() and text.isdecimal() and int(text[:20]) <= LARGEST and len(text) <= 19):
        raise Problem(_("The server does not understand this page. Reload it."))
    return int(text)


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "")


def _confirm(request: HttpRequest, session: MessengerSession) -> str:
    own.confirm_watchers(session.persona, request.POST.get("confirm") == "on")
    return _("Saved.")


def _list(request: HttpRequest, session: MessengerSession) -> str:
    form = ListForm(request.POST, instance=PrivacyList(owner=session.persona))
    if not form.is_valid():
        raise Problem(_(next(iter(form.errors.values()))[0]))
    own.add_list(session.persona, form.instance)
    return _("The list is made.")


def _remove_list(request: HttpRequest, session: MessengerSession) -> str:
    own.remove_list(session.persona, _id(request))
    return _("The list is removed.")


def _member(request: HttpRequest, session: MessengerSession) -> str:
    own.add_member(session.persona, _id(request), _text(request, "kind"), _text(request, "value"))
    return _("Saved.")


def _remove_member(request: HttpRequest, session: MessengerSession) -> str:
    own.remove_member(session.persona, _id(request))
    return _("Removed from the list.")


def _buddy(request: HttpRequest, session: MessengerSession) -> str:
    buddies.add(session.persona, _text(request, "uri"), group=None, most=sessions.settings().contacts)
    return _("Added to your buddies.")


def _remove_buddy(request: HttpRequest, session: MessengerSession) -> str:
    buddies.remove(session.persona, _text(request, "uri"), group=_id(request))
    return _("Removed from your buddies.")


def _end_device(request: HttpRequest, session: MessengerSession) -> str:
    own.end_device(session.persona, _id(request))
    return _("The device is not registered any more. If it is not yours, change your password.")


def _allow(request: HttpRequest, session: MessengerSession) -> str:
    own.judge(session.persona, _text(request, "watcher"), True)
    return _("The watcher is allowed.")


def _block(request: HttpRequest, session: MessengerSession) -> str:
    own.judge(session.persona, _text(request, "watcher"), False)
    return _("The watcher is blocked, and sees you as unavailable.")


def _end_watcher(request: HttpRequest, session: MessengerSession) -> str:
    own.end_watcher(session.persona, _id(request))
    return _("The watcher does not watch you any more.")


def _password(request: HttpRequest, session: MessengerSession) -> str:
    _prove(request, session)
    new = request.POST.get("new", "")
    if new != request.POST.get("again", ""):
        raise Problem(_("The two new passwords are not the same."))
    ended = own.change_password(session, new)
    return _("The password is changed; other log-ins that were ended: %(number)d") % {"number": ended}


def _pin(request: HttpRequest, session: MessengerSession) -> str:
    _prove(request, session)
    ended = own.change_pin(session, request.POST.get("pin", ""))
    return _("The PIN is changed; log-ins of phones that were ended: %(number)d") % {"number": ended}


def _prove(request: HttpRequest, session: MessengerSession) -> None:
    browsers.prove(
        session.persona,
        request.POST.get("password", ""),
        address=request.META.get("REMOTE_ADDR", ""),
        now=timezone.now(),
    )


def _end_others(request: HttpRequest, session: MessengerSession) -> str:
    others = sessions.others(session)
    for one in others:
        sessions.end(one)
    return _("Log-ins that were ended: %(number)d") % {"number": len(others)}


CHANGES: Final[dict[str, Callable[[HttpRequest, MessengerSession], Any]]] = {
    "confirm": _confirm,
    "list": _list,
    "remove-list": _remove_list,
    "member": _member,
    "remove-member": _remove_member,
    "buddy": _buddy,
    "remove-buddy": _remove_buddy,
    "end-device": _end_device,
    "allow": _allow,
    "block": _block,
    "end-watcher": _end_watcher,
    "password": _password,
    "pin": _pin,
    "end-others": _end_others,
}
"What can be changed, by its address; each says what it has done, or raises Problem or SignInRefused."
