"""Device identifiers: the number or address that a line is known by, however a client writes it.

Clients name one line as `tel:2001;phone-context=dialstring;device=SEP0002FD3BB5C5`, `2001`, `tel:+1-408-555-0100` or
`sip:2001@example.com`. The parameters say which phone or which dial plan; the line is the same.
"""

import re
from typing import Final

from provisioning.uri import Aor, BadUri

MAX_DEVICE: Final = 320
"Characters of an identifier: a SIP address of record and its scheme."

_SEPARATORS: Final = str.maketrans("", "", "-.() ")
"Visual separators of a number (RFC 3966 section 3)."

_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)


class BadDevice(ValueError):
    """The text names no device."""


def canonical(text: str) -> str:
    """The one spelling of a device: `+14085550100`, `2001`, `sip:user@host`; raises BadDevice."""
    text = text.strip()
    if not text or len(text) > MAX_DEVICE:
        raise BadDevice("no device, or one that is too long")
    scheme, colon, rest = text.partition(":")
    if "@" in text:
        try:
            return Aor.parse(text)
        except BadUri as error:
            raise BadDevice(str(error)) from None
    if colon and scheme.lower() != "tel":
        raise BadDevice(f"not a tel or SIP URI: {text[:40]}")
    number = (rest if colon else text).partition(";")[0].translate(_SEPARATORS)
    if not _NUMBER.fullmatch(number):
        raise BadDevice(f"not a number: {text[:40]}")
    return number
