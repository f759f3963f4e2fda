"""The buddies of a user: the members of the lists that the user owns, each list a group (R-IM-01, R-LST-04)."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from provisioning.announce import announce
from provisioning.history import recording
from provisioning.history.doors import Door, acting
from provisioning.models import Alias, Persona, ResourceList, ResourceListMember
from provisioning.uri import Aor, BadUri

FOUND = 20
"Users in one answer: who sees more, types more."

SHORTEST = 2
"Characters that are searched for at least."

LOOKED_UP = 500
"Addresses in one query."


UNKNOWN, DUPLICATE, FULL = "unknown", "duplicate", "full"
"Why somebody cannot be added, in a word."


class Problem(Exception):
    """It cannot be done; the text is for people, `why` one of the words above where it fits."""

    def __init__(self, text: str, why: str = "") -> None:
        super().__init__(text)
        self.why = why


def groups(persona: Persona) -> list[dict[str, Any]]:
    """The groups with their members, as they are shown; lists within lists are no buddies."""
    lists = list(ResourceList.objects.filter(owner=persona).prefetch_related("members"))
    members = {member.uri for one in lists for member in one.members.all()}
    nested = set(ResourceList.objects.filter(uri__in=members).values_list("uri", flat=True)) if members else set()
    names = _names(sorted(members))
    return [
        {
            "id": one.pk,
            "name": one.name or _plain(one.uri.user, persona),
            "members": [
                {"uri": member.uri, "name": member.name or names.get(member.uri, "")}
                for member in one.members.all()
                if member.uri not in nested
            ],
        }
        for one in lists
    ]


def _plain(user: str, persona: Persona) -> str:
    return user.removeprefix(f"{persona.user}.").capitalize()


def _names(uris: list[Aor]) -> dict[Aor, str]:
    found: dict[Aor, str] = {}
    for start in range(0, len(uris), LOOKED_UP):
        rows = Alias.objects.filter(uri__in=uris[start : start + LOOKED_UP])
        found.update(rows.values_list("uri", "persona__name"))
    return found


def search(words: str) -> list[dict[str, str]]:
    """Enabled users of our domains whose name or address has all these words; raises Problem."""
    wanted = words.split()[:5]
    if len("".join(wanted)) < SHORTEST:
        raise Problem(_("Type at least %(number)d letters.") % {"number": SHORTEST})
    rows = Persona.objects.filter(enabled=True)
    for word in wanted:
        rows = rows.filter(Q(name__icontains=word) | Q(aor__icontains=word))
    return [{"uri": aor, "name": name} for aor, name in rows.order_by("aor").values_list("aor", "name")[:FOUND]]


def add(persona: Persona, address: str, *, group: int | None, most: int) -> None:
    """Add somebody of ours to a group of the user (None: the first one); raises Problem.

    `most`: buddies that a user may have.
    """
    found = _somebody(address)
    with acting(Door.MESSENGER, name=str(persona)), recording.together():
        Persona.objects.select_for_update().get(pk=persona.pk)  # two tabs do not go over the limit together
        members = ResourceListMember.objects.filter(list__owner=persona)
        if members.filter(uri__in=found.aliases.values("uri"), **({"list": group} if group else {})).exists():
            raise Problem(_("%(name)s is in your list already.") % {"name": found.name or found.aor}, DUPLICATE)
        if members.values("uri").distinct().count() >= most:
            raise Problem(_("Your list is full: %(number)d buddies are allowed.") % {"number": most}, FULL)
        ResourceListMember(list=_group(persona, group), uri=found.aor).save()
        announce(ResourceList, ResourceListMember)


def remove(persona: Persona, uri: str, *, group: int | None) -> None:
    """Take somebody out of a group of the user (None: out of all)."""
    with acting(Door.MESSENGER, name=str(persona)), recording.together():
        rows = ResourceListMember.objects.filter(list__owner=persona, uri=uri)
        (rows.filter(list=group) if group is not None else rows).delete()
        announce(ResourceListMember)


def _somebody(address: str) -> Persona:
    try:
        found = Persona.objects.filter(enabled=True, aliases__uri=Aor.parse(address)).first()
    except BadUri:
        found = None
    if found is None:
        raise Problem(_("There is no such user here."), UNKNOWN)
    return found


def _group(persona: Persona, group: int | None) -> ResourceList:
    lists = ResourceList.objects.filter(owner=persona)
    if group is not None:
        found = lists.filter(pk=group).first()
        if found is None:
            raise Problem(_("This group is gone."))
        return found
    return lists.first() or _new_list(persona)


def _new_list(persona: Persona) -> ResourceList:
    """The user's first list; its usual URI may be somebody's address."""
    for user in (f"{persona.user}.buddies", f"{persona.user}.buddies.{secrets.token_hex(4)}"):
        made = ResourceList(uri=Aor.parse(f"{user}@{persona.domain.name}"), owner=persona, name="Buddies")
        try:
            made.full_clean()
        except ValidationError:
            continue
        made.save()
        return made
    raise Problem(_("No list can be made for you; tell your administrator."), FULL)
