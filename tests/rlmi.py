"""Reading list notifications as a strict client would (RFC 4662): every part checked against the meta-information."""

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from lxml import etree

from sipedge.sip.message import Request
from tests.schemas import assert_valid

NAMESPACE = "{urn:ietf:params:xml:ns:rlmi}"


@dataclass(frozen=True)
class Listed:
    """One resource of a notification."""

    state: str
    "Empty when nothing is said."
    reason: str = ""
    body: bytes = b""


@dataclass(frozen=True)
class Notification:
    """What a NOTIFY says of a list."""

    uri: str
    version: int
    full: bool
    resources: dict[str, Listed]


def read(notify: Request) -> Notification:
    """Take a list notification apart; asserts what R-LST-01, R-LST-02, R-LST-03, R-LST-04, R-LST-05, R-LST-06,
    R-LST-07 say about its form.
    """
    assert notify.get("Require") == "eventlist"
    content_type = notify.get("Content-Type") or ""
    assert content_type.startswith('multipart/related;type="application/rlmi+xml";start="<')
    boundary = content_type.rpartition("boundary=")[2]
    assert boundary and '"' not in boundary, "not quoted (D-44)"
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + notify.body)
    parts = list(message.iter_parts())
    found = {}
    for part in parts:
        assert part["Content-Transfer-Encoding"] == "binary"
        found[str(part["Content-ID"]).strip("<>")] = part.get_payload(decode=True)
    root = parts[0]
    assert str(root["Content-ID"]) == message.get_param("start")
    assert (root.get_content_type(), root.get_param("charset")) == ("application/rlmi+xml", "UTF-8")
    assert {part.get_content_type() for part in parts[1:]} <= {"application/pidf+xml"}
    meta = root.get_payload(decode=True)
    assert isinstance(meta, bytes)
    assert_valid(meta)
    tree = etree.fromstring(meta)
    resources: dict[str, Listed] = {}
    used = {str(root["Content-ID"]).strip("<>")}
    for resource in tree.iterchildren(f"{NAMESPACE}resource"):
        instance = resource.find(f"{NAMESPACE}instance")
        if instance is None:
            resources[resource.get("uri", "")] = Listed("")
            continue
        body = found[instance.get("cid")] if instance.get("cid") else b""
        if body:
            used.add(instance.get("cid"))
            assert_valid(body)
            assert etree.fromstring(body).get("entity") == resource.get("uri")
        resources[resource.get("uri", "")] = Listed(instance.get("state", ""), instance.get("reason", ""), body)
    assert used == set(found), "a part that no resource refers to"
    return Notification(tree.get("uri", ""), int(tree.get("version", "")), tree.get("fullState") == "true", resources)
