"""Buddies as a phone knows them: typed as a user ID or an address, called by a name, dialled by a number (R-IM-01)."""

from provisioning.models import Alias, Domain, Persona, ResourceListMember
from provisioning.uri import Aor, BadUri
from sipedge.messenger import buddies, sessions

INVALID = "invalid"
"What was typed is no address, or the user's own."


class NotAdded(Exception):
    """The contact cannot be added; `why` is INVALID or one of the words of `buddies`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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
        raise NotAdded(buddies.UNKNOWN)
    return typed


def add(persona: Persona, text: str) -> Aor:
    """Add a contact to the user's first list, which is made when there is none; raises NotAdded."""
    uri = address(persona, text)
    if uri == persona.aor:
        raise NotAdded(INVALID)
    try:
        buddies.add(persona, uri, group=None, most=sessions.settings().contacts)
    except buddies.Problem as problem:
        raise NotAdded(problem.why) from None
    return uri


def held(persona: Persona) -> set[str]:
    """The addresses of the contacts."""
    return set(ResourceListMember.objects.filter(list__owner=persona).values_list("uri", flat=True))


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
