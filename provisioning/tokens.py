"""Which token of the REST API counts, for what, and who may make one."""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError

from provisioning.models.tokens import PREFIX, ApiToken, Scope
from provisioning.roles import PRIVATE

SEEN_EVERY = timedelta(minutes=1)
"How exactly it is known when a token was last used: not with a write for each request."

AREAS = {
    "provisioning": Scope.PROVISIONING,
    "presence": Scope.PRESENCE,
    "sipedge": Scope.PRESENCE,
    "cti": Scope.TELEPHONY,
}
"Application -> the scope that changes its tables."

READING = ("GET", "HEAD", "OPTIONS")


class BadToken(Exception):
    """The token does not count; the message says why, as far as the one who shows it may know."""


def find(text: str, address: str, now: datetime) -> ApiToken:
    """The token that somebody at this IP address shows; raises BadToken."""
    key = text.removeprefix(PREFIX).partition("_")[0]
    token = ApiToken.objects.select_related("user").filter(key=key).first() if key.isalnum() else None
    if token is None or not token.is_whole(text):
        raise BadToken("Invalid token.")
    if not token.user.is_active:
        raise BadToken("User inactive or deleted.")
    if not token.is_valid(now):
        raise BadToken("The token has run out.")
    if not token.opens_from(address):
        raise BadToken("The token does not count from this address.")
    if token.last_used_at is None or token.last_used_at <= now - SEEN_EVERY:
        with contextlib.suppress(OperationalError):  # a busy database; the next request says it as well
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def needed(method: str, view: Any) -> Scope:
    """The scope that a request needs: to read, or to change what the resource's application is about.

    What people have written, and who with whom, needs a scope of its own to be read (`roles.PRIVATE`); a view with
    another need has it as `scope`.
    """
    own: Scope | None = getattr(view, "scope", None)
    if own is not None:
        return own
    queryset = getattr(view, "queryset", None)
    meta = queryset.model._meta if queryset is not None else None
    if method in READING:
        return Scope.TRACE if meta is not None and meta.model_name in PRIVATE else Scope.READ
    application = meta.app_label if meta is not None else type(view).__module__.partition(".")[0]
    return AREAS.get(application, Scope.PROVISIONING)


def may_make_for(maker: Any, user: Any) -> bool:
    """Whether an account may make, change or revoke tokens of another one: as it may change the account itself."""
    if maker.is_superuser or maker.pk == user.pk:
        return True
    return bool(maker.has_perm("auth.change_user")) and not user.is_superuser
