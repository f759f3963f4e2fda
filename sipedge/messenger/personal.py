"""What a user of the messenger chooses: options of a log-in, and own texts beside those of the system."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from provisioning.history.doors import Door, acting
from provisioning.models import CannedMessage, Persona
from sipedge.messenger.buddies import Problem
from sipedge.models import MessengerSession

OPTIONS: dict[str, tuple[Any, ...]] = {
    "sound": (False, True),
    "notify": (False, True),
    "offline": (True, False),
    "theme": ("auto", "light", "dark"),
}
"Options with their values, the first of which is that of a new log-in; `offline`: buddies who are away are listed."

MOST_TEXTS = 50
"Own texts of one user."


def options(session: MessengerSession) -> dict[str, Any]:
    """What is chosen."""
    return {name: session.settings.get(name, values[0]) for name, values in OPTIONS.items()}


def choose(session: MessengerSession, chosen: dict[str, Any]) -> dict[str, Any]:
    """Change some options; raises Problem for what is none."""
    for name, value in chosen.items():
        if (type(value), value) not in [(type(one), one) for one in OPTIONS.get(name, ())]:
            raise Problem(_("There is no such option."))
    session.settings = {**session.settings, **chosen}
    session.save(update_fields=["settings"])
    return options(session)


def texts(persona: Persona) -> list[dict[str, Any]]:
    """Those of the system, then the user's own."""
    rows = CannedMessage.objects.filter(Q(owner=None) | Q(owner=persona))
    found = [{"id": row.pk, "text": row.text, "own": row.owner_id is not None} for row in rows]
    return sorted(found, key=lambda one: one["own"])


def add_text(persona: Persona, text: str) -> None:
    """An own text; raises Problem."""
    own = CannedMessage.objects.filter(owner=persona)
    if own.count() >= MOST_TEXTS:
        raise Problem(_("You have %(number)d texts; remove one first.") % {"number": MOST_TEXTS})
    row = CannedMessage(owner=persona, text=text, position=own.count() + 1)
    try:
        row.full_clean()
    except ValidationError as error:
        raise Problem(_(error.messages[0])) from None
    with acting(Door.MESSENGER, name=str(persona)):
        row.save()


def remove_text(persona: Persona, id: int) -> None:
    """An own one; those of the system stay."""
    with acting(Door.MESSENGER, name=str(persona)):
        CannedMessage.objects.filter(owner=persona, pk=id).delete()
