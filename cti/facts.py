"""From rows to what the gateway goes by: devices, settings, and who may use which line."""

from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q

from cti.associations import Identity
from cti.csta.features import Device, MayCall
from cti.gateway import Options
from cti.models import ApplicationUser, CtiSettings, Line, SwitchKind
from provisioning.digests import digests
from provisioning.models import Persona
from provisioning.uri import Aor, BadUri

PART = "lines"
"The part of the policy that these tables are, when they are announced."


class SipLine(NamedTuple):
    """A line whose phones are registered here."""

    device: str
    owner: int
    "The persona's id: its phones are where it has registered."
    link: str
    "The host:port of its phone's control link, or empty."


@dataclass(frozen=True, slots=True)
class Facts:
    """All lines and those who may use them."""

    devices: tuple[Device, ...]
    sip: tuple[SipLine, ...]
    "Those of the devices that are on the SIP switching function."
    owners: dict[str, int]
    "Device -> the id of the persona whose state it is a part of."
    dnd_is_presence: bool
    options: Options
    gateway_uri: str
    "Canonical; empty for none."
    identities: dict[str, Identity]
    "Application users by name, owners of lines by their address of record."

    def identity(self, name: str) -> Identity:
        """What somebody who has proven a name may do; nothing, if no line is theirs."""
        return self.identities.get(name) or Identity(name)


def load() -> Facts:
    """Read everything: a few hundred bytes for each line."""
    settings = CtiSettings.objects.first() or CtiSettings()
    usable = Q(switch=SwitchKind.SIMULATED) | Q(switch=SwitchKind.SIP, owner__isnull=False)
    lines = Line.objects.filter(usable).order_by("id")
    devices = tuple(
        Device(uri, takes_calls, may_call=MayCall(may_call))
        for uri, takes_calls, may_call in lines.values_list("uri", "takes_calls", "may_call")
    )
    phones = lines.filter(switch=SwitchKind.SIP).values_list("uri", "owner_id", "control_link")
    sip = tuple(SipLine(*row) for row in phones)
    owned: dict[str, set[str]] = {}
    owners: dict[str, int] = {}
    for aor, id, uri in Line.objects.filter(owner__isnull=False).order_by().values_list("owner__aor", "owner", "uri"):
        owned.setdefault(str(aor), set()).add(uri)
        owners[uri] = id
    identities = {aor: Identity(aor, frozenset(uris)) for aor, uris in owned.items()}
    for user in ApplicationUser.objects.prefetch_related("lines").order_by():
        uris = frozenset(line.uri for line in user.lines.all())
        identities[user.name] = Identity(user.name, uris, user.controls_all)
    options = Options(settings.session_timer, settings.heartbeat)
    return Facts(devices, sip, owners, settings.dnd_is_presence, options, str(settings.gateway_uri), identities)


def prove(name: str, password: str) -> str | None:
    """The name that an application user or a user has proven by this password, as `Facts.identity` knows it."""
    user = ApplicationUser.objects.filter(name=name).first()
    if user is not None:
        return name if user.check_password(password) else None
    try:
        aor = Aor.parse(name)
    except BadUri:
        return None
    persona = Persona.objects.filter(aliases__uri=aor, enabled=True).select_related("domain").first()
    if persona is None or not persona.has_password:
        return None
    secrets = digests(persona.user, persona.domain.name, password)
    return str(persona.aor) if secrets.sha256 == persona.sha256 else None
