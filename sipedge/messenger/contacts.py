"""The contacts of a user: the members of the lists that the user owns (R-IM-01)."""

from django.db import transaction

from provisioning.announce import announce
from provisioning.models import Alias, Domain, MessengerSettings, Persona, ResourceList, ResourceListMember
from provisioning.policy import MessengerFacts
from provisioning.uri import Aor, BadUri

INVALID, UNKNOWN, DUPLICATE, FULL = "invalid", "unknown", "duplicate", "full"
"Why a contact is not added."


class NotAdded(Exception):
    """The contact cannot be added; `why` is one of the words above."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def settings() -> MessengerFacts:
    """The operator's settings of the messenger."""
    row = MessengerSettings.objects.values_list(*MessengerFacts._fields).first()
    return MessengerFacts(*row) if row else MessengerFacts()


def address(persona: Persona, text: str) -> Aor:
    """What a user has typed, a user ID or an address, as the address of record; raises NotAdded."""
    try:
        typed = Aor.parse(text.strip() if "@" in text else f"{text.strip()}@{persona.aor.host}")
    except BadUri:
        raise NotAdded(INVALID) from None
    alias = Alias.objects.filter(uri=typed).select_related("persona").first()
    if alias is not None:
        found: Aor = alias.persona.aor
        return found
    if Domain.objects.filter(name=typed.host).exists():
        raise NotAdded(UNKNOWN)
    return typed


def add(persona: Persona, text: str) -> Aor:
    """Add a contact to the user's first list, which is made when there is none; raises NotAdded."""
    uri = address(persona, text)
    if uri == persona.aor:
        raise NotAdded(INVALID)
    with transaction.atomic():
        there = held(persona)
        if uri in there:
            raise NotAdded(DUPLICATE)
        if len(there) >= settings().contacts:
            raise NotAdded(FULL)
        owned = ResourceList.objects.filter(owner=persona).order_by("id").first()
        if owned is None:
            owned = ResourceList.objects.create(uri=_free(persona), owner=persona, name="Contacts")
        ResourceListMember.objects.create(list=owned, uri=uri)
        announce(ResourceList, ResourceListMember)
    return uri


def held(persona: Persona) -> set[str]:
    """The addresses of the contacts."""
    return set(ResourceListMember.objects.filter(list__owner=persona).values_list("uri", flat=True))


def remove(persona: Persona, uri: str) -> None:
    """Take a contact out of all lists of the user; one that is not there is out."""
    with transaction.atomic():
        ResourceListMember.objects.filter(list__owner=persona, uri=uri).delete()
        announce(ResourceListMember)


def names(persona: Persona, uris: list[str]) -> dict[str, str]:
    """What people are called: as the user calls them, as they are provisioned, or by their user part."""
    found = {uri: Aor(uri).user for uri in uris}
    found.update((uri, name) for uri, name in Persona.objects.filter(aor__in=uris).values_list("aor", "name") if name)
    members = ResourceListMember.objects.filter(list__owner=persona, uri__in=uris).exclude(name="")
    found.update(members.values_list("uri", "name"))
    return found


def numbers(uris: list[str]) -> dict[str, str]:
    """What a phone dials for people: the extension, an address whose user part is a number, else the whole address."""
    found = {uri: uri.partition(":")[2] for uri in uris}
    for uri, aor in Alias.objects.filter(persona__aor__in=uris).order_by("-uri").values_list("uri", "persona__aor"):
        if _is_number(Aor(uri).user):
            found[aor] = Aor(uri).user
    for uri in uris:
        if _is_number(Aor(uri).user):
            found[uri] = Aor(uri).user
    return found


def _is_number(user: str) -> bool:
    digits = user.removeprefix("+")
    return digits.isascii() and digits.isdecimal()


def _free(persona: Persona) -> Aor:
    """An address for a list of the user that nobody has."""
    for number in range(100):
        uri = Aor.parse(f"{persona.user}.contacts{number or ''}@{persona.aor.host}")
        if not (Alias.objects.filter(uri=uri).exists() or ResourceList.objects.filter(uri=uri).exists()):
            return uri
    raise NotAdded(FULL)
