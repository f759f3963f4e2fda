"""Devices of the call model as SIP has them: whose phones they are, where those can be reached, how they are called."""

from typing import TYPE_CHECKING, Final

from cti.csta.devices import BadDevice, canonical
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor, BadUri, SipUri, TelUri, Uri
from sipedge import dispatch, resolve
from sipedge.b2bua.lines import LineFacts, Lines
from sipedge.b2bua.model import SipModel
from sipedge.b2bua.rings import Caller
from sipedge.resolve import Target
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request
from sipedge.trust import hides_identity

if TYPE_CHECKING:
    from sipedge.worker import Edge

ANONYMOUS: Final = "sip:anonymous@anonymous.invalid"
"Who does not want to be named (RFC 3323 4.1)."


class Directory:
    """Lines, other users of ours, and whoever can be reached from here."""

    def __init__(self, edge: "Edge", model: SipModel) -> None:
        self._edge = edge
        self._model = model
        self.lines = Lines()

    # From SIP to devices

    def called(self, request: Request) -> str | None:
        """The device that the Request-URI means."""
        return self.device(request.uri)

    def device(self, uri: Uri) -> str | None:
        """The device that a URI means: a line by its number or its owner's address, else the address."""
        try:
            if isinstance(uri, TelUri):
                return canonical(f"tel:{uri.number}")
            if not isinstance(uri, SipUri) or not uri.user:
                return None
            persona = self._edge.policy.resolve(Aor.of(uri))
            if persona is not None:
                line = self.lines.by_persona.get(persona.id)
                return line.device if line is not None else canonical(str(persona.aor))
            if self._edge.here(uri) and (number := canonical(uri.user.partition(";")[0])) in self.lines.by_device:
                return number
            return canonical(str(Aor.of(uri)))
        except (BadDevice, BadUri):
            return None

    def calling(self, call: dispatch.Call, called: str | None) -> str:
        """The device that a call comes from: the line of its user, else the user's address, which takes part now."""
        persona = call.caller.persona
        line = self.lines.by_persona.get(persona.id) if persona is not None else None
        if line is not None:
            return line.device
        device = str(persona.aor if persona is not None else call.caller.aor or ANONYMOUS)
        self._model.meet(device, ours=persona is not None, keep=called or "")
        return device

    def admit(self, text: str) -> bool:
        """A destination that is no line may be called as well: another user, a number that a route leads to."""
        try:
            device = canonical(text)
        except BadDevice:
            return False
        if device in self._model.devices:
            return True
        ours = self._persona(device) is not None
        if not ours and not self._abroad(device):
            return False
        self._model.meet(device, ours=ours)
        return True

    # From devices to SIP

    def line(self, device: str) -> LineFacts | None:
        """The line with this number."""
        return self.lines.by_device.get(device)

    def _persona(self, device: str) -> PersonaFacts | None:
        """The user behind a device: the owner of the line, or of the address; a number may be a user's name."""
        policy = self._edge.policy
        line = self.line(device)
        if line is not None:
            return policy.personas.get(line.persona_id)
        if device.startswith("sip:"):
            return policy.resolve(Aor(device))
        found = (policy.resolve(Aor(f"sip:{device}@{domain}")) for domain in policy.domains)
        return next((one for one in found if one is not None), None)

    def _abroad(self, device: str) -> bool:
        policy = self._edge.policy
        if device.startswith("sip:"):
            host = Aor(device).host
            return not policy.serves(host) and policy.may_reach(host)
        return any(True for _ in policy.static_routes(device, ""))

    async def targets(self, device: str) -> list[Target]:
        """Where to ring; raises SipError."""
        edge = self._edge
        persona = self._persona(device)
        if persona is not None:
            uri = SipUri.parse(str(persona.aor))
            return resolve.of_bindings(edge.registrar.of(persona.id, edge.now()), uri) if persona.enabled else []
        return await resolve.elsewhere(self.address(device), edge.policy, edge.locator)

    def address(self, device: str) -> str:
        """The address of a device for From and To."""
        persona = self._persona(device)
        if persona is not None:
            return str(persona.aor)
        return device if device.startswith("sip:") else f"tel:{device}"

    def name(self, device: str) -> Caller:
        """How a device is called when it calls, by its owner."""
        persona, address = self._persona(device), self.address(device)
        name = "".join(one for one in persona.name if one.isprintable() and one not in '"\\') if persona else ""
        return Caller(f'"{name}" <{address}>' if name else f"<{address}>", address)


def self_named(request: Request, asserted: Aor | None) -> Caller:
    """How the caller of this INVITE wants to be called."""
    if hides_identity(request):
        return Caller(f'"Anonymous" <{ANONYMOUS}>', "")
    from_ = request.from_
    address = str(asserted) if asserted is not None else from_.uri_text
    return Caller(str(NameAddr(from_.display, address)), str(asserted or ""))
