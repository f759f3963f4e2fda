"""Who may sign in on a phone: a user ID and a PIN, guessed slowly (R-IM-06).

Five wrong PINs for a user from one address, or fifty from anywhere, and no PIN is looked at for a while that doubles;
each web process counts for itself. The token in the URLs of a log-in is known to the phone alone: the log-in's id,
which others see in Via, is made of it and does not lead back.
"""

import hashlib
import secrets
import time

from provisioning.models import Alias, Domain, PeerLimits, Persona
from provisioning.policy import LimitFacts
from provisioning.uri import Aor, BadUri
from sipedge.throttle import Throttle

WRONG_HERE = 5
"Wrong PINs for one user from one address: a PIN has few digits."

WRONG_ANYWHERE = 50
"Wrong PINs for one user from all addresses together."

_here = Throttle()
_anywhere = Throttle()


class Blocked(Exception):
    """Too many wrong PINs: none is looked at for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def new_token() -> str:
    """What the URLs of a log-in contain: 128 bits nobody can guess."""
    return secrets.token_urlsafe(16)


def session_id(token: str) -> str:
    """The id of the log-in whose URLs contain the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def find(user: str) -> Persona | None:
    """The user of a user ID, an address, or the name of a device that is an alias; None unless it is exactly one."""
    try:
        if "@" in user:
            uris = [Aor.parse(user.strip())]
        else:
            names = Domain.objects.values_list("name", flat=True)
            uris = [Aor.parse(f"{user.strip()}@{name}") for name in names]
    except BadUri:
        return None
    found = {alias.persona for alias in Alias.objects.filter(uri__in=uris).select_related("persona__domain")}
    return found.pop() if len(found) == 1 else None


def right(persona: Persona | None, user: str, pin: str, address: str) -> bool:
    """The PIN is the user's; raises Blocked. Takes as long for somebody who is not there."""
    who = persona.aor if persona is not None else user[:100]
    now = time.monotonic()
    wait = max(_here.blocked(address, who, now), _anywhere.blocked(who, "anywhere", now))
    if wait:
        raise Blocked(wait)
    if (persona or Persona()).check_pin(pin) and persona is not None and persona.enabled:
        _here.right(address, who)
        _anywhere.right(who, "anywhere")
        return True
    row = PeerLimits.objects.values_list(*LimitFacts._fields).first()
    limits = LimitFacts(*row) if row else LimitFacts()
    _here.wrong(address, who, limits._replace(wrong_of_user=WRONG_HERE), now)
    _anywhere.wrong(who, "anywhere", limits._replace(wrong_of_user=WRONG_ANYWHERE), now)
    return False
