"""What a kept message is about, found out when somebody looks: cut and broken messages too.

The stack's own parser refuses what is not right; here it is shown what came, and what cannot be read stays empty.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cti.csta.devices import BadDevice, canonical
from provisioning.uri import Aor, BadUri, SipUri, TelUri, parse_uri
from sipedge.sip.errors import SipError
from sipedge.sip.grammar import split_list
from sipedge.sip.headers import NameAddr
from sipedge.sip.names import canonical as header_name
from sipedge.trace import masking
from sipedge.trace.ring import Entry

SIP: Final = "sip"
CSTA: Final = "csta"

MAX_SHOWN: Final = 256
"Characters of a first line, a Call-ID or an address: longer ones are nobody's."

MAX_DEVICES: Final = 16
"Devices of one document; a conference of so many parties is rare."

_STATUS: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: |$)", re.IGNORECASE)
_REQUEST: Final = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]{1,64}) (\S+) SIP/2\.0\s*$", re.IGNORECASE)
_ROOT: Final = re.compile(r"<(?:[\w.\-]{1,64}:)?([A-Za-z][\w.\-]{0,63})[\s/>]")
_LEAF: Final = re.compile(r"<(?:[\w.\-]{1,64}:)?([A-Za-z][\w.\-]{0,63})(?:\s[^<>]*)?>([^<>]{1,320})</")
_DEVICE: Final = re.compile(r"device|number|destination|transferredTo|forwardDN|forwardTo|^line$", re.IGNORECASE)
"Elements of CSTA that name a device."


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says about itself; text is empty where there is nothing."""

    protocol: str
    "`sip`, also where a document of CSTA is in it, or `csta`."
    first_line: str
    "Of CSTA: the document's name."
    method: str = ""
    "Of an answer: that of its request."
    status: int | None = None
    call_id: str = ""
    cseq: str = ""
    from_: str = ""
    to: str = ""
    parties: frozenset[str] = frozenset()
    "Addresses and devices in From, To, Request-URI, P-Asserted-Identity."
    document: str = ""
    "The name of a document of CSTA, such as `MakeCall`."
    devices: tuple[str, ...] = ()
    "That the document names, in its order."


def read(entry: Entry) -> Facts:
    """The facts of an entry; raises nothing."""
    return _sip(entry.data) if entry.invoke is None else _csta(entry.data)


def _csta(data: bytes) -> Facts:
    name, devices = _document(data.decode("utf-8", "replace"))
    return Facts(CSTA, name or "(not readable)", document=name, devices=devices)


def _sip(data: bytes) -> Facts:
    (start, *lines), body = masking.split(data)
    headers = _headers(lines)
    answer, request = _STATUS.match(start), _REQUEST.match(start)
    cseq = _first(headers, "CSeq")
    identities = [_party(one) for text in headers.get("P-Asserted-Identity", ()) for one in split_list(text)]
    target = _address(request[2]) if request is not None else ""
    sender, recipient = _party(_first(headers, "From")), _party(_first(headers, "To"))
    within = "csta+xml" in _first(headers, "Content-Type").lower()
    document, devices = _document(body if within else "")
    return Facts(
        SIP,
        masking.line(start[:MAX_SHOWN]),
        method=request[1] if request is not None else cseq.split()[-1] if cseq else "",
        status=int(answer[1]) if answer is not None else None,
        call_id=_first(headers, "Call-ID"),
        cseq=cseq,
        from_=sender,
        to=recipient,
        parties=frozenset(filter(None, (sender, recipient, target, *identities))),
        document=document,
        devices=devices,
    )


def _headers(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            try:
                found.setdefault(header_name(name), []).append(value.strip())
            except ValueError:
                continue  # a line that is no header is shown, and says nothing
    return found


def _first(headers: dict[str, list[str]], name: str) -> str:
    return headers.get(name, [""])[0][:MAX_SHOWN]


def _party(text: str) -> str:
    """Whom an address header names; empty when that cannot be told."""
    try:
        return _address(NameAddr.parse(text).uri_text)
    except SipError:
        return ""


def _address(text: str) -> str:
    """A URI as everybody knows it: without port, parameters and password."""
    try:
        uri = parse_uri(text)
        if isinstance(uri, SipUri):
            return Aor.of(uri) if uri.user else f"sip:{uri.host.lower()}"
        return canonical(str(uri)) if isinstance(uri, TelUri) else ""
    except (BadUri, BadDevice):
        return ""


def _document(text: str) -> tuple[str, tuple[str, ...]]:
    """The name of a CSTA document, and the devices in it."""
    root = _ROOT.search(text)
    devices: dict[str, None] = {}
    for found in _LEAF.finditer(text):
        if _DEVICE.search(found[1]) and len(devices) < MAX_DEVICES:
            try:
                devices[canonical(found[2])] = None
            except BadDevice:
                continue  # a name, or a number of something else
    return (root[1] if root is not None else ""), tuple(devices)
