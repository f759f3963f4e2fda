"""Notifications of resource lists: RLMI and the parts that belong to it (RFC 4662, R-LST-01 to R-LST-07, EX-3)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from presence.engine.fragments import escape_value
from presence.engine.namespaces import RLMI as NAMESPACE

ACTIVE = "active"
PENDING = "pending"
TERMINATED = "terminated"

INSTANCE = "1"
"The id of a resource's only instance: every resource has one state here."


class Resource(NamedTuple):
    """What a notification says of one member."""

    uri: str
    state: str
    "ACTIVE, PENDING or TERMINATED; empty while nothing is known yet."
    reason: str = ""
    "Why it is terminated (D-13)."
    body: bytes = b""
    "The document of an active one."


class Multipart(NamedTuple):
    """A body and its Content-Type."""

    content_type: str
    body: bytes


def rlmi(uri: str, version: int, full: bool, resources: Iterable[tuple[Resource, str]]) -> bytes:
    """The meta-information about a list: each resource with the Content-ID of its part, if it has one."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<list xmlns="{NAMESPACE}" uri="{_value(uri)}" version="{version}" fullState="{"true" if full else "false"}">'
    ]
    for resource, cid in resources:
        if not resource.state:
            lines.append(f'<resource uri="{_value(resource.uri)}"/>')
            continue
        more = f' reason="{_value(resource.reason)}"' if resource.reason else ""
        more += f' cid="{cid}"' if cid else ""
        lines.append(
            f'<resource uri="{_value(resource.uri)}">'
            f'<instance id="{INSTANCE}" state="{resource.state}"{more}/></resource>'
        )
    lines.append("</list>\r\n")
    return "".join(lines).encode()


def multipart(
    uri: str,
    version: int,
    full: bool,
    resources: Sequence[Resource],
    *,
    media_type: str,
    token: str,
    host: str,
    linphone: bool = False,
) -> Multipart:
    """A notification about `resources`.

    `media_type` is that of the members' documents; `token`, of token characters and never used before, makes the
    boundary and the Content-IDs, `host` is what stands behind their @. The boundary is not quoted and comes last
    (D-44). `linphone`: each part also has the Content-Id that liblinphone compares with the cid, letter by letter.
    """
    cids = [f"{token}.{number}@{host}" if one.body else "" for number, one in enumerate(resources, 1)]
    root = f"{token}.0@{host}"
    parts = [_part(token, root, 'application/rlmi+xml;charset="UTF-8"', linphone)]
    parts.append(rlmi(uri, version, full, zip(resources, cids, strict=True)))
    for resource, cid in zip(resources, cids, strict=True):
        if cid:
            parts += (b"\r\n", _part(token, cid, media_type, linphone), resource.body)
    parts.append(f"\r\n--{token}--\r\n".encode())
    content_type = f'multipart/related;type="application/rlmi+xml";start="<{root}>";boundary={token}'
    return Multipart(content_type, b"".join(parts))


def _part(boundary: str, cid: str, content_type: str, linphone: bool) -> bytes:
    again = f"Content-Id: {cid}\r\n" if linphone else ""
    return (
        f"--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n{again}"
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode()


def _value(text: str) -> str:
    """For an attribute; what XML cannot hold becomes a question mark."""
    return escape_value("".join(letter if letter.isprintable() else "?" for letter in text))
