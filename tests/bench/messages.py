"""The SIP messages of the load: templates with almost no formatting left to do, and just enough reading of answers.

Nothing here parses SIP in general. It reads what the servers under test send to messages of our own making, so
that the generator costs a small part of what a server costs.
"""

import re

DOMAIN = "bench.example"
"The domain of all users of the load."

BRANCH = b"z9hG4bK"
"How every branch begins (RFC 3261 8.1.1.7); the number of the operation follows."

BRANCH_DIGITS = 8
"Hexadecimal digits of the number of an operation."

WATCHER_DIGITS = 7
"Decimal digits of a watcher's number in its Contact, so that its place in a NOTIFY is known."

EXPIRES = 3600
"Seconds that everything asks for: what both servers grant without a change."

_COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq|Record-Route|v|f|t|i):[^\r]*\r\n", re.MULTILINE | re.IGNORECASE)
"The header lines of a request that an answer repeats (RFC 3261 8.2.6.2)."

_TO_TAG = re.compile(rb"^(?:To|t):[^\r]*;tag=([^;\s>]+)", re.MULTILINE | re.IGNORECASE)
_ETAG = re.compile(rb"^SIP-ETag:[ \t]*([^\s]+)", re.MULTILINE | re.IGNORECASE)
_CSEQ = re.compile(rb"^CSeq:[ \t]*([0-9]+)", re.MULTILINE | re.IGNORECASE)


def user(number: int) -> str:
    """The URI of a user of the load."""
    return f"sip:user{number}@{DOMAIN}"


def list_of(number: int) -> str:
    """The URI of a user's list."""
    return f"sip:list{number}@{DOMAIN}"


def document(number: int, basic: str) -> bytes:
    """A PIDF document of the size that a telephone sends; `basic`: open or closed (RFC 3863, RFC 4479, RFC 4480)."""
    activity = "<rpid:on-the-phone/>" if basic == "closed" else "<rpid:unknown/>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        f'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{user(number)}">'
        f'<tuple id="t{number}"><status><basic>{basic}</basic></status>'
        f'<contact priority="0.8">{user(number)}</contact></tuple>'
        f'<dm:person id="p{number}"><rpid:activities>{activity}</rpid:activities></dm:person>'
        "</presence>\r\n"
    ).encode()


def head(method: str, target: str, via: str) -> bytes:
    """A request up to the number of its branch; `via`: host:port that answers come to."""
    return f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {via};rport;branch=".encode() + BRANCH


def common(sender: str, recipient: str, call_id: str, tag: str) -> bytes:
    """What follows the branch, up to the number of CSeq; the caller of it may add a tag to To beforehand."""
    return (
        f"\r\nMax-Forwards: 70\r\nFrom: <{sender}>;tag={tag}\r\nTo: {recipient}\r\nCall-ID: {call_id}\r\nCSeq: "
    ).encode()


def branch(number: int) -> bytes:
    """The part of the branch that names one operation."""
    return b"%08x" % number


def branch_of(data: bytes) -> bytes:
    """The part of the first branch in a message that names the operation."""
    start = data.find(BRANCH) + len(BRANCH)
    return data[start : start + BRANCH_DIGITS]


def status_of(answer: bytes) -> int:
    """The status of an answer (its first line is `SIP/2.0 200 OK`); 0 when it is none."""
    digits = answer[8:11]
    return int(digits) if digits.isdigit() else 0


def watcher_of(notify: bytes) -> int:
    """The number of the watcher that a NOTIFY is for: its request line is `NOTIFY sip:w0000123@...`; -1 when not."""
    digits = notify[12 : 12 + WATCHER_DIGITS]
    return int(digits) if digits.isdigit() else -1


def entity_tag_of(answer: bytes) -> bytes | None:
    """The value of SIP-ETag (RFC 3903 11.3.1)."""
    found = _ETAG.search(answer)
    return found[1] if found else None


def to_tag_of(answer: bytes) -> bytes | None:
    """The tag of To: the server's half of the dialog."""
    found = _TO_TAG.search(answer)
    return found[1] if found else None


def cseq_of(message: bytes) -> int:
    """The number of CSeq; 0 when there is none."""
    found = _CSEQ.search(message)
    return int(found[1]) if found else 0


def accept(request: bytes) -> bytes:
    """The 200 to a NOTIFY or MESSAGE."""
    end = request.find(b"\r\n\r\n") + 2
    return b"SIP/2.0 200 OK\r\n" + b"".join(_COPIED.findall(request, 0, end)) + b"Content-Length: 0\r\n\r\n"
