"""What a user looks at and changes of the own account. Nothing here reaches anything of another user.

Rows are looked up among the user's own; one that is not there is gone, whoever's it may be.
"""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from presence import store
from presence.models import Subscription
from presence.store import Outcome, Plan, Remove
from presence.subscriptions import ACTIVE, PENDING
from provisioning import asking, bus
from provisioning.announce import announce
from provisioning.asking import NoAnswer, Refused
from provisioning.models import CannedMessage, Persona, PrivacyList, PrivacyListMember
from provisioning.models.access import decide
from provisioning.uri import Aor, BadUri
from sipedge.messenger import buddies, sessions
from sipedge.messenger.buddies import Problem
from sipedge.models import Binding, MessengerSession, StoredMessage
from sipedge.rows import BINDING

SHORTEST: Final = 8
"Characters of a new password: it is guessed at over the network."

LONGEST: Final = 256
"Characters of a password that are looked at."

MOST_LISTS, MOST_MEMBERS = 20, 500
"Privacy lists of one user, and watchers in one of them: more than a person keeps in mind."

SHOWN: Final = 500
"Watchers on the page and in the export."


def devices(persona: Persona, now: datetime) -> QuerySet[Binding]:
    """Contacts that are registered."""
    return Binding.objects.filter(persona=persona, expires_at__gt=now).order_by("-q", "id")


def end_device(persona: Persona, id: int) -> None:
    """Take a contact out of the registration; raises Problem. A device that has the password may register again."""
    found = Binding.objects.filter(persona=persona, pk=id).first()
    if found is None:
        raise Problem(_("This device is not registered any more."))
    plan = Plan(persona.pk, (Remove(BINDING, found.pk, found.version),))
    if store.commit([plan])[0] is not Outcome.COMMITTED:
        raise Problem(_("This device has just registered anew. Try again."))
    bus.announce_state([persona.pk])


def watchers(persona: Persona, now: datetime) -> QuerySet[Subscription]:
    """Who watches the user now, or waits to be let in."""
    live = Subscription.objects.filter(persona=persona, expires_at__gt=now, state__in=[ACTIVE, PENDING])
    return live.order_by("watcher", "id")


def end_watcher(persona: Persona, id: int) -> None:
    """End a subscription; raises Problem. The watcher may subscribe again, unless it is blocked."""
    found = watchers(persona, timezone.now()).filter(pk=id).first()
    if found is None:
        raise Problem(_("This watcher is gone already."))
    try:
        asking.ask_now(found.edge, "own.end_watcher", subscription=found.pk, persona=persona.pk)
    except Refused:
        raise Problem(_("This watcher is gone already.")) from None
    except NoAnswer:
        raise Problem(_("The server does not answer. Try again in a moment.")) from None


def judge(persona: Persona, watcher: str, allow: bool) -> None:
    """Allow or block a watcher; raises Problem."""
    try:
        address = Aor.parse(watcher.strip())
    except BadUri:
        raise Problem(_("This is no SIP address.")) from None
    with transaction.atomic():
        decide(persona.pk, address, allow)
        announce(PrivacyList, PrivacyListMember)


def privacy_lists(persona: Persona) -> QuerySet[PrivacyList]:
    """The user's own lists."""
    return PrivacyList.objects.filter(owner=persona).prefetch_related("members").order_by("kind", "name")


def privacy_list(persona: Persona, id: int) -> PrivacyList:
    """One of the user's; raises Problem."""
    found = PrivacyList.objects.filter(owner=persona, pk=id).first()
    if found is None:
        raise Problem(_("This list is gone."))
    return found


def add_list(persona: Persona, row: PrivacyList) -> None:
    """A new list, or what is changed about one; raises Problem."""
    if row.pk is None and PrivacyList.objects.filter(owner=persona).count() >= MOST_LISTS:
        raise Problem(_("You have as many lists as you may; remove one first."))
    row.owner = persona
    _save(row)
    announce(PrivacyList)


def remove_list(persona: Persona, id: int) -> None:
    """With its members; raises Problem."""
    privacy_list(persona, id).delete()
    announce(PrivacyList, PrivacyListMember)


def add_member(persona: Persona, id: int, kind: str, value: str) -> None:
    """Put a watcher or a domain into a list; raises Problem."""
    found = privacy_list(persona, id)
    if found.members.count() >= MOST_MEMBERS:
        raise Problem(_("This list is full."))
    _save(PrivacyListMember(list=found, kind=kind, value=value.replace("\0", "")))
    announce(PrivacyListMember)


def remove_member(persona: Persona, id: int) -> None:
    """Take one out of whichever list of the user it is in."""
    PrivacyListMember.objects.filter(list__owner=persona, pk=id).delete()
    announce(PrivacyListMember)


def confirm_watchers(persona: Persona, on: bool) -> None:
    """Whether unknown watchers wait until the user has decided."""
    Persona.objects.filter(pk=persona.pk).update(confirm_watchers=on)
    announce(Persona)


def change_password(session: MessengerSession, password: str) -> int:
    """Set it, and end the user's other log-ins; their number. Raises Problem."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Problem(_("A password has %(least)d to %(most)d characters.") % {"least": SHORTEST, "most": LONGEST})
    persona = Persona.objects.select_related("domain").get(pk=session.persona_id)
    persona.set_password(password)
    Persona.objects.filter(pk=persona.pk).update(
        md5=persona.md5, sha256=persona.sha256, md5_full=persona.md5_full, sha256_full=persona.sha256_full
    )
    return _begin_anew(session, persona, "web")


def change_pin(session: MessengerSession, pin: str) -> int:
    """Set the PIN of the phone pages, and end log-ins of phones; their number. Raises Problem."""
    persona = Persona.objects.select_related("domain").get(pk=session.persona_id)
    try:
        persona.set_pin(pin)
    except ValidationError as error:
        raise Problem(_(error.messages[0])) from None
    Persona.objects.filter(pk=persona.pk).update(pin=persona.pin)
    return _begin_anew(session, persona, "phone")


def _begin_anew(session: MessengerSession, persona: Persona, kind: str) -> int:
    """Edges take the new secret; the log-in that has changed it goes on, those made by the old one end."""
    announce(Persona)
    session.persona = persona
    session.secret = session.mark()
    MessengerSession.objects.filter(pk=session.pk).update(secret=session.secret)
    others = [one for one in sessions.others(session) if one.kind == kind]
    for one in others:
        sessions.end(one)
    return len(others)


def export(persona: Persona, now: datetime) -> dict[str, Any]:
    """What is kept about the user, without secrets."""
    return {
        "address": str(persona.aor),
        "name": persona.name,
        "aliases": [str(one.uri) for one in persona.other_aliases()],
        "confirm_watchers": persona.confirm_watchers,
        "keep_messages": persona.offline_messages,
        "password_set": persona.has_password,
        "pin_set": bool(persona.pin),
        "privacy_lists": [
            {
                "kind": one.kind,
                "name": one.name,
                "filter": one.filter,
                "hidden_devices": list(one.hidden_devices),
                "members": [{"kind": member.kind, "value": member.value} for member in one.members.all()],
            }
            for one in privacy_lists(persona)
        ],
        "buddies": [
            {"group": one["name"], "members": [{"uri": str(m["uri"]), "name": m["name"]} for m in one["members"]]}
            for one in buddies.groups(persona)
        ],
        "texts": list(CannedMessage.objects.filter(owner=persona).values_list("text", flat=True)),
        "devices": [
            {
                "contact": one.contact,
                "user_agent": one.user_agent,
                "since": one.created_at.isoformat(),
                "until": one.expires_at.isoformat(),
            }
            for one in devices(persona, now)
        ],
        "watchers": [
            {"watcher": str(one.watcher), "state": one.state, "user_agent": one.user_agent}
            for one in watchers(persona, now)[:SHOWN]
        ],
        "messages_waiting": [
            {
                "from": str(one.sender),
                "at": one.created_at.isoformat(),
                "text": bytes(one.body).decode("utf-8", "replace"),
            }
            for one in StoredMessage.objects.filter(persona=persona, expires_at__gt=now)
        ],
        "log_ins": [
            {
                "kind": one.kind,
                "address": one.address,
                "user_agent": one.user_agent,
                "since": one.created_at.isoformat(),
            }
            for one in MessengerSession.objects.filter(persona=persona, expires_at__gt=now)
        ],
    }


def _save(row: Any) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise Problem(_(error.messages[0])) from None
    row.save()
