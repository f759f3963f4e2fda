"""What an operator sees of telephony, and does there: devices, calls, clients, and the simulated switch's phones.

Answers to the commands `telephony`, `press`, `ring_in` and `end_association` (`sipedge.commands`, DESIGN section 15):
values of this moment as JSON, one page of each table at most.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from cti.associations import Association, Monitor
from cti.csta.callmodel import CallModel
from cti.csta.calls import TALKING, Call
from cti.csta.devices import BadDevice
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device
from cti.models import SwitchKind
from cti.switch import BUTTONS
from sipedge.commands import Handler
from sipedge.sip.errors import SipError
from sipedge.sip.flow import address_text

if TYPE_CHECKING:
    from sipedge.worker import Edge

PAGE: Final = 100
"Rows of each table in one answer: more than a person reads at a time, and not much for the bus, once a second."

WORDS: Final = {
    Fault.INVALID_DESTINATION: "nobody who could take the call has this number",
    Fault.INVALID_DESTINATION_DEVICE_OBJECT: "the line with this number takes no calls",
    Fault.INVALID_FORWARDING_DESTINATION: "calls cannot be forwarded there",
    Fault.INVALID_CALLING_DEVICE_IDENTIFIER: "it is a phone of this switch and has buttons of its own",
    Fault.INVALID_CONNECTION_STATE: "the caller is in a call",
}
"Why a number that went with a button leads nowhere, and why nobody can call from there."

T = TypeVar("T")


class Wanted(NamedTuple):
    """Which rows an operator wants to see; empty fields want all."""

    device: str
    "Canonical."
    owner: str
    "Address of record."
    search: str
    "Part of a number or name, in lower case."

    def device_is(self, number: str, owner: str) -> bool:
        """A device with this owner, or a party of a call, belongs to what is wanted."""
        return (
            self.device in ("", number)
            and self.owner in ("", owner)
            and (self.search in number.lower() or self.search in owner.lower())
        )


class Console:
    """One edge's telephony, for people."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self.commands: dict[str, Handler] = {
            "telephony": self.telephony,
            "press": self.press,
            "ring_in": self.ring_in,
            "end_association": self.end_association,
        }

    # What is asked

    async def telephony(
        self, search: str = "", device: str = "", owner: str = "", page: int = 1, phones: Sequence[str] = ()
    ) -> dict[str, Any]:
        """A page of devices, calls, associations and monitors; beside it the devices of `phones`, if they are there."""
        telephony = self._edge.telephony
        wanted = Wanted(device, owner, search.strip().lower())
        tables = {
            "devices": _page(self._devices(wanted), page, self._device),
            "calls": _page(self._calls(wanted), page, self._call),
            "associations": _page(self._associations(wanted), page, self._association),
            "monitors": _page(self._monitors(wanted), page, _monitor),
        }
        known = {one.id for one in telephony.facts.devices}
        return {
            "edge": self._edge.name,
            "status": telephony.gateway.status.value,
            "addresses": [address_text(one) for one in telephony.served],
            "page": page,
            "page_size": PAGE,
            "totals": {name: count for name, (count, _) in tables.items()},
            **{name: rows for name, (_, rows) in tables.items()},
            "phones": [self._device(one) for one in phones if one in known],
        }

    async def press(self, device: str, button: str, text: str = "") -> dict[str, Any]:
        """A button of a simulated phone; the device afterwards. Raises SipError (404, 409, 422)."""
        switch = self._edge.telephony.switch
        self._check_simulated(device)
        if button not in BUTTONS:
            raise SipError(422, f"No phone has a button “{button}”; there are: {', '.join(BUTTONS)}.")
        if button not in switch.buttons(device):
            raise SipError(409, f"“{button}” does nothing at {device} now.")
        if BUTTONS[button].number and not text.strip():
            raise SipError(422, f"“{button}” needs a number.")
        try:
            switch.press(device, button, text, now=self._edge.loop.time())
        except Refused as refused:
            raise SipError(422, f"“{button}” with “{text}”: {_words(refused)}.")
        return self._done(device)

    async def ring_in(self, device: str, caller: str) -> dict[str, Any]:
        """Somebody outside calls a simulated phone; the device afterwards. Raises SipError (404, 409, 422)."""
        self._check_simulated(device)
        try:
            self._edge.telephony.switch.ring_in(caller, device, now=self._edge.loop.time())
        except BadDevice as error:
            raise SipError(422, f"Nobody can call from “{caller}”: {error}.")
        except Refused as refused:
            raise SipError(409, f"Nobody can call from “{caller}”: {_words(refused)}.")
        return self._done(device)

    async def end_association(self, association: str) -> dict[str, Any]:
        """Close a client's session; raises SipError (404)."""
        telephony = self._edge.telephony
        found = telephony.gateway.association(association)
        if found is None:
            raise SipError(404, "This session has ended already.")
        telephony.end(found, "ended by an administrator")
        return {}

    def _check_simulated(self, device: str) -> None:
        telephony = self._edge.telephony
        if all(one.id != device for one in telephony.facts.devices):
            raise SipError(404, f"{device} is no line of this edge.")
        if self._kind(device) is SwitchKind.SIP:
            raise SipError(409, f"The phones of {device} are SIP phones with buttons of their own.")

    def _done(self, device: str) -> dict[str, Any]:
        self._edge.telephony.heard()
        return {"device": self._device(device)}

    # Which rows

    def _devices(self, wanted: Wanted) -> Iterator[str]:
        for device in self._edge.telephony.facts.devices:
            if wanted.device_is(device.id, self._owner(device.id)):
                yield device.id

    def _calls(self, wanted: Wanted) -> Iterator[tuple[SwitchKind, Call]]:
        for kind, model in self._models():
            for call in model.calls.values():
                if any(wanted.device_is(party, self._owner(party)) for party in call.parties):
                    yield kind, call

    def _associations(self, wanted: Wanted) -> Iterator[Association]:
        for one in self._edge.telephony.gateway.associations():
            named = not wanted.device and not wanted.owner and wanted.search in _user(one).lower()
            if named or any(self._monitored(wanted, monitor) for monitor in one.monitors.values()):
                yield one

    def _monitors(self, wanted: Wanted) -> Iterator[tuple[Association, Monitor]]:
        for association in self._edge.telephony.gateway.associations():
            for monitor in association.monitors.values():
                if self._monitored(wanted, monitor):
                    yield association, monitor

    def _monitored(self, wanted: Wanted, monitor: Monitor) -> bool:
        return wanted.device_is(monitor.device, self._owner(monitor.device))

    # What is in them

    def _device(self, number: str) -> dict[str, Any]:
        kind = self._kind(number)
        model = dict(self._models())[kind]
        device = model.devices.get(number) or Device(number)
        calls = model.of(number)
        return {
            "number": number,
            "owner": self._owner(number),
            "switch": kind.value,
            "present": device.connected if kind is SwitchKind.SIMULATED else self._registered(number),
            "takes_calls": device.takes_calls,
            "busy": device.busy,
            "do_not_disturb": device.do_not_disturb,
            "forwarding": [
                {"kind": kind.value, "on": one.on, "to": one.to, "rings": one.rings}
                for kind, one in device.forwardings.items()
            ],
            "in_call": any(call.parties[number] in TALKING for call in calls),
            "connections": [
                {
                    "call": call.id,
                    "state": _state(call, number),
                    "with": [{"device": one, "state": _state(call, one)} for one in call.others(number)],
                }
                for call in calls
            ],
            "buttons": self._edge.telephony.switch.buttons(number) if kind is SwitchKind.SIMULATED else [],
        }

    def _call(self, row: tuple[SwitchKind, Call]) -> dict[str, Any]:
        kind, call = row
        return {
            "id": call.id,
            "switch": kind.value,
            "since": self._when(call.since),
            "calling": call.calling,
            "called": call.called,
            "parties": [{"device": one, "state": _state(call, one)} for one in call.parties],
        }

    def _association(self, one: Association) -> dict[str, Any]:
        link = self._edge.telephony.link(one)
        return {
            "id": one.id,
            "user": _user(one),
            "transport": link.flow.transport if link is not None else "",
            "peer": address_text(link.flow.remote) if link is not None else "",
            "edition": one.namespace.rpartition("/")[2],
            "since": self._when(one.since),
            "expires_in": max(0, round(one.expires_at - self._edge.loop.time())),
            "monitors": len(one.monitors),
        }

    def _models(self) -> Iterator[tuple[SwitchKind, CallModel]]:
        yield SwitchKind.SIMULATED, self._edge.telephony.switch.model
        yield SwitchKind.SIP, self._edge.switch.model

    def _kind(self, device: str) -> SwitchKind:
        return SwitchKind.SIP if device in self._edge.switch.directory.lines.by_device else SwitchKind.SIMULATED

    def _owner(self, device: str) -> str:
        """The owner's address; empty for none."""
        persona = self._edge.policy.personas.get(self._edge.telephony.facts.owners.get(device, 0))
        return str(persona.aor) if persona is not None else ""

    def _registered(self, device: str) -> bool:
        edge = self._edge
        line = edge.switch.directory.line(device)
        return line is not None and bool(edge.registrar.of(line.persona_id, edge.now()))

    def _when(self, since: float | None) -> str | None:
        """A time of the loop's clock as a time of day."""
        if since is None:
            return None
        ago = timedelta(seconds=self._edge.loop.time() - since)
        return (self._edge.now() - ago).isoformat(timespec="seconds")


def _user(association: Association) -> str:
    """Who uses it; empty before the log-in."""
    return association.identity.name if association.identity is not None else ""


def _state(call: Call, device: str) -> str:
    """By the guide's word, in lower case (T-CTI-4)."""
    return call.parties[device].name.lower()


def _monitor(row: tuple[Association, Monitor]) -> dict[str, Any]:
    association, monitor = row
    return {
        "device": monitor.device,
        "association": association.id,
        "user": _user(association),
        "reference": monitor.reference,
        "left_out": sorted(monitor.left_out),
    }


def _words(refused: Refused) -> str:
    return WORDS.get(refused.fault, refused.fault.value)


def _page(rows: Iterator[T], page: int, show: Callable[[T], dict[str, Any]]) -> tuple[int, list[dict[str, Any]]]:
    """How many there are, and those of one page, in JSON."""
    found = list(rows)
    first = (page - 1) * PAGE
    return len(found), [show(one) for one in found[first : first + PAGE]]
