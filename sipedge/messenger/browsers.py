"""Log-ins of browsers to the messenger: who may sign in, and how long that lasts.

All tabs of a browser share one log-in (`sessions`). The browser's Django session holds its id.
"""

import secrets
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning import asking, snapshot
from provisioning.asking import Refused
from provisioning.models import Persona
from provisioning.policy import Policy
from provisioning.snapshot import parts
from provisioning.uri import Aor, BadUri
from sipedge.messenger import sessions
from sipedge.models import MessengerSession
from sipedge.throttle import Throttle

KEY = "messenger"
"Where a browser's Django session holds the id of its log-in."

LASTS = timedelta(hours=12)
"A browser that comes back within this time is logged in again by itself."

WRITTEN = timedelta(minutes=10)
"A log-in in use is written down again after this time, not at every sign of life."

NAME_LIMIT, PASSWORD_LIMIT = 320, 256
"Characters that are looked at."

_throttle = Throttle()
"Of this process: passwords are guessed slowly here too."


class SignInRefused(Exception):
    """Nobody is signed in; the text is for people. `wait`: seconds until it makes sense to try again."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class Ended(Exception):
    """The log-in is over; the text is one of the words in `views.ENDINGS`."""


def sign_in(name: str, password: str, *, address: str, user_agent: str, now: datetime) -> MessengerSession:
    """A new log-in of a browser, by SIP address or user part, and SIP password; raises SignInRefused."""
    policy = snapshot.refresh(Policy(), [parts.LIMITS, parts.MESSENGER])
    if not policy.messenger.enabled:
        raise SignInRefused(_("The messenger is switched off."))
    name, seconds = name.replace("\0", "").strip()[:NAME_LIMIT], now.timestamp()
    wait = _throttle.blocked(address, name.lower(), seconds)
    if wait:
        raise SignInRefused(_("Too many wrong passwords. Wait a little, then try again."), wait)
    found = [one for one in _named(name) if one.check_password(password[:PASSWORD_LIMIT])]
    if not found:
        _throttle.wrong(address, name.lower(), policy.limits, seconds)
        raise SignInRefused(_("This name and password do not belong together."))
    if len(found) > 1:
        raise SignInRefused(_("Several users have this name. Give the whole address."))
    _throttle.right(address, name.lower())
    session = MessengerSession(
        id=secrets.token_hex(16),
        persona=found[0],
        kind="web",
        user_agent=user_agent[:500],
        address=address[:45],
        expires_at=now + LASTS,
    )
    session.secret = session.mark()
    session.save()
    return session


def prove(persona: Persona, password: str, *, address: str, now: datetime) -> None:
    """Who is signed in knows the password; raises SignInRefused. Guessed as slowly as at the door."""
    limits, seconds, name = snapshot.refresh(Policy(), [parts.LIMITS]).limits, now.timestamp(), str(persona.aor)
    wait = _throttle.blocked(address, name, seconds)
    if wait:
        raise SignInRefused(_("Too many wrong passwords. Wait a little, then try again."), wait)
    if not persona.check_password(password[:PASSWORD_LIMIT]):
        _throttle.wrong(address, name, limits, seconds)
        raise SignInRefused(_("This is not your password."))
    _throttle.right(address, name)


def _named(name: str) -> list[Persona]:
    """Enabled users whom a name may mean: an address, an alias, or a user part in any domain."""
    users = Persona.objects.filter(enabled=True).select_related("domain")
    if "@" not in name:
        return list(users.filter(user=name)[:50])
    try:
        return list(users.filter(aliases__uri=Aor.parse(name)))
    except BadUri:
        return []


def of_browser(cookies: MutableMapping[str, Any]) -> MessengerSession | None:
    """The log-in of whoever sends these cookies' Django session, if it lasts."""
    return find(str(cookies.get(KEY, "")))


def sign_out(cookies: MutableMapping[str, Any]) -> None:
    """End the log-in of this browser, for all of its tabs."""
    session = of_browser(cookies)
    if session is not None:
        sessions.end(session)
    cookies.pop(KEY, None)


def find(id: str) -> MessengerSession | None:
    """A browser's log-in that lasts; one whose password has changed does not."""
    rows = MessengerSession.objects.select_related("persona__domain")
    found = rows.filter(id=id, kind="web", expires_at__gt=timezone.now()).first()
    return found if found is not None and found.fits() else None


async def log_in(id: str) -> dict[str, Any]:
    """Bring the user agent to life where it belongs, or find it there; what it shows.

    Raises Ended, NoAnswer or Refused.
    """
    session = await database_sync_to_async(_placed)(id)
    try:
        return await asking.ask(
            session.edge, "messenger.log_in", session=id, persona=session.persona_id, kind=session.kind
        )
    except Refused as refusal:
        if refusal.status in (403, 404):
            await database_sync_to_async(sessions.forget)(id)
            raise Ended("refused") from None
        raise


def _placed(id: str) -> MessengerSession:
    """The log-in with its edge; raises Ended or NoAnswer."""
    with transaction.atomic():
        session = find(id)
        if session is None:
            raise Ended("over")
        sessions.place(session)
    return session


async def alive(id: str) -> None:
    """Somebody shows the log-in. Raises Ended, NoAnswer, Refused(GONE) and other refusals."""
    await ask(id, "alive")


async def ask(id: str, name: str, *, command: str = "", patience: float = asking.PATIENCE, **arguments: Any) -> Any:
    """Ask the user agent of a log-in; `command` is the id by which it is done once. Raises as `alive`."""
    session = await database_sync_to_async(_renewed)(id, timezone.now())
    return await asking.ask(
        session.edge, f"messenger.{name}", id=command, patience=patience, session=session.id, **arguments
    )


def _renewed(id: str, now: datetime) -> MessengerSession:
    session = find(id)
    if session is None:
        raise Ended("over")
    if session.expires_at < now + LASTS - WRITTEN:
        MessengerSession.objects.filter(id=id).update(expires_at=now + LASTS)
    return session
