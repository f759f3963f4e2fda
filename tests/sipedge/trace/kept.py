"""Messages in a trace, for its tests."""

from itertools import count

from sipedge.sip.flow import Flow
from sipedge.trace.ring import Entry

EDGE = ("192.0.2.1", 5060)
FLOW = Flow("UDP", EDGE, ("192.0.2.9", 5062))
LINK = Flow("TCP", ("192.0.2.1", 1040), ("192.0.2.7", 40_000))

_numbers = count(1_800_000_000_000_000, 1000)

DIGEST = (
    'Digest username="xten4", realm="example.org", nonce="n1", uri="sip:example.org", response="5ecre7", '
    'cnonce="c0de", qop=auth, nc=00000001, algorithm=MD5'
)


def request(method: str = "SUBSCRIBE", *headers: str, body: str = "", target: str = "sip:xten3@example.org") -> bytes:
    """A request of xten4, with more headers."""
    lines = [
        f"{method} {target} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1",
        'From: "Four" <sip:xten4@example.org:5062;x=y>;tag=a',
        "t: <sip:xten3@EXAMPLE.org>",
        "Call-ID: dialog-1@192.0.2.9",
        f"CSeq: 7 {method}",
        *headers,
        f"Content-Length: {len(body.encode())}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def answer(status: int, method: str = "SUBSCRIBE", body: str = "") -> bytes:
    """An answer to it."""
    return request(method, body=body).replace(
        f"{method} sip:xten3@example.org SIP/2.0".encode(), b"SIP/2.0 %d Said" % status
    )


def sip(data: bytes, *, outgoing: bool = False, flow: Flow = FLOW) -> Entry:
    return Entry(next(_numbers), outgoing, flow, data, len(data))


def csta(data: bytes, *, outgoing: bool = False, user: str = "desk", invoke: int = 1) -> Entry:
    return Entry(next(_numbers), outgoing, LINK, data, len(data), user, invoke)


MAKE_CALL = (
    b'<?xml version="1.0" encoding="UTF-8"?><c:MakeCall xmlns:c="http://www.ecma-international.org/standards/ecma-323/'
    b'csta/ed3"><c:callingDevice>tel:2001;phone-context=dialstring</c:callingDevice>'
    b"<c:calledDirectoryNumber>2002</c:calledDirectoryNumber><c:autoOriginate>doNotPrompt</c:autoOriginate></c:MakeCall>"
)
