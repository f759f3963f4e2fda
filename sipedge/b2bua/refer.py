"""What a REFER says, and what the phone that has sent it is told (RFC 3515, RFC 3891, RFC 4488)."""

from typing import NamedTuple
from urllib.parse import unquote

from provisioning.uri import SipUri, Uri
from sipedge.sip.errors import SipError
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request


class Replaced(NamedTuple):
    """A dialog, as Replaces names it (RFC 3891 section 6.1)."""

    call_id: str
    to_tag: str
    from_tag: str


class Referral(NamedTuple):
    """Whom a call is to go to."""

    uri: Uri
    replaced: Replaced | None

    @classmethod
    def of(cls, request: Request) -> "Referral":
        """Read the Refer-To of a REFER; raises SipError(400)."""
        values = request.get_all("Refer-To") + request.get_all("r")
        if len(values) != 1:
            raise SipError(400, "One Refer-To Expected")  # RFC 3515 2.4.2
        uri = NameAddr.parse(values[0]).uri
        headers = uri.headers if isinstance(uri, SipUri) else ""
        for header in headers.split("&"):
            name, _, value = header.partition("=")
            if name.lower() == "replaces":
                return cls(uri, _replaced(unquote(value)))
        return cls(uri, None)


def _replaced(text: str) -> Replaced:
    call_id, *params = (part.strip() for part in text.split(";"))
    tags = dict(param.split("=", 1) for param in params if "=" in param)
    try:
        return Replaced(call_id, tags["to-tag"], tags["from-tag"])
    except KeyError:
        raise SipError(400, "Bad Replaces") from None


def outcome(request: Request) -> list[tuple[str, str]]:
    """Headers of the only NOTIFY of a REFER that was carried out; its body is `DONE` (RFC 3515 section 2.4.4)."""
    return [
        ("Event", f"refer;id={request.cseq.number}"),
        ("Subscription-State", "terminated;reason=noresource"),
        ("Content-Type", "message/sipfrag;version=2.0"),
    ]


DONE = b"SIP/2.0 200 OK\r\n"
"What the phone is told: the call has gone to the other one."


def is_told(request: Request) -> bool:
    """The phone wants to hear what became of it (RFC 4488)."""
    return (request.get("Refer-Sub") or "").partition(";")[0].strip().lower() != "false"
