"""Messages for tests: the guide's examples, and a small well-formed request with one thing changed."""

from pathlib import Path

from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse

GUIDE = Path(__file__).parent / "data" / "guide"
HOSTILE = Path(__file__).parent / "data" / "hostile"
UDP = Flow("UDP", ("127.0.0.1", 5060), ("192.0.2.1", 5060))
TCP = Flow("TCP", ("127.0.0.1", 5060), ("192.0.2.1", 40000), 1)


def guide(name: str) -> bytes:
    """An example of the guide as it is on the wire: CRLF line ends; the text of EX-6 has no line end."""
    data = (GUIDE / name).read_bytes().replace(b"\n", b"\r\n")
    if name == "ex6.sip":
        data = data.removesuffix(b"\r\n")
    return data if b"\r\n\r\n" in data else data + b"\r\n"


def hostile() -> dict[str, bytes]:
    """Messages that are wrong in one way each, and bytes that are no messages, as they are on the wire; by name."""
    return {path.stem: path.read_bytes() for path in sorted(HOSTILE.iterdir())}


def request(method: str = "OPTIONS", body: bytes = b"", **changes: str | None) -> bytes:
    """The bytes of a request; `changes` replace or (None) remove headers, named with _ for -."""
    headers: dict[str, str | None] = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone",
        "Max-Forwards": "70",
        "From": "<sip:xten4@compB.cisco.com>;tag=1",
        "To": "<sip:xten3@compB.cisco.com>",
        "Call-ID": "call@192.0.2.1",
        "CSeq": f"1 {method}",
        "Contact": "<sip:xten4@192.0.2.1:5060>",
    }
    target = changes.pop("target", "sip:xten3@compB.cisco.com")
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    head = "\r\n".join([f"{method} {target} SIP/2.0", *lines, f"Content-Length: {len(body)}"])
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def parsed(method: str = "OPTIONS", body: bytes = b"", **changes: str | None) -> Request:
    """The same, read."""
    message = parse(request(method, body, **changes))
    assert isinstance(message, Request)
    return message


def answer(data: bytes, status: int = 200, **headers: str) -> bytes:
    """The bytes of an answer to these bytes of a request."""
    message = parse(data)
    assert isinstance(message, Request)
    return message.respond(
        status, headers=[(name.replace("_", "-"), value) for name, value in headers.items()]
    ).encode()


def read(data: bytes) -> Request | Response:
    """Any message."""
    return parse(data)
