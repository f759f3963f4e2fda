"""The guide's own examples EX-1 to EX-6, played by two users who are there for it: each check names what it proves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import NamedTuple

from presence.engine.errors import DomainError
from presence.engine.reachability import Reachability
from presence.engine.reading import read
from provisioning.uri import Aor
from sipedge.selftest.client import Client, Failed
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request, Response

HELLO = b"Hello from the self-test!"
"What one user writes to the other; without a line end, as in the guide."

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"
 xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps" xmlns:so="urn:cisco:params:xml:ns:pidf:source" entity="{aor}">
<tuple id="t0"><status><basic>open</basic></status><so:source>Manually set by persona</so:source>
<sc:servcaps><sc:audio>true</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text></sc:servcaps>
<rpid:user-input>active</rpid:user-input><contact priority="1">{aor}</contact></tuple>
<dm:person id="p1"><rpid:activities><ce:available/></rpid:activities></dm:person>
</presence>
"""
"Of EX-4, for another user."


@dataclass
class Cast:
    """Who plays, and what they have learnt on the way."""

    one: Client
    "Is watched, and writes."
    two: Client
    "Watches, and is written to."
    buddies: Aor
    "The address of the second one's list, with the first one in it."


class Example(NamedTuple):
    """One of the guide's examples."""

    id: str
    title: str
    proves: tuple[str, ...]
    "Ids of requirements."
    play: Callable[[Cast], None]
    "Raises Failed."


class Result(NamedTuple):
    """What became of it."""

    example: Example
    problem: str
    "Why it has failed; empty when it has not."
    seconds: float


def play(cast: Cast) -> list[Result]:
    """All examples, in the order in which clients do these things; one that fails does not stop the others."""
    return [_played(example, cast) for example in EXAMPLES]


def _played(example: Example, cast: Cast) -> Result:
    began = time.monotonic()
    try:
        example.play(cast)
    except (Failed, SipError, DomainError) as error:
        return Result(example, str(error) or type(error).__name__, time.monotonic() - began)
    return Result(example, "", time.monotonic() - began)


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _register(cast: Cast) -> None:
    for client in (cast.one, cast.two):
        answer = client.ask("REGISTER", client.aor, [("Expires", "3600"), ("User-Agent", "CSCO/IPPM-1.0")])
        _expect(client.challenged, "nobody was asked for a password: does the listener not authenticate?")
        _expect(client.aor.user in (answer.get("Contact") or ""), "the 200 does not name the contact")


def _subscribe(cast: Cast) -> None:
    answer = _subscribed(cast, cast.one.aor, [("Accept", "application/pidf+xml")])
    _expect(not answer.body, "the 200 has a body")


def _subscribed(cast: Cast, target: Aor, headers: list[tuple[str, str]]) -> Response:
    answer = cast.two.ask("SUBSCRIBE", target, [("Event", "presence"), ("Expires", "300"), *headers])
    _expect(answer.expires, "the 200 does not say for how long")
    return answer


def _notified(cast: Cast) -> None:
    notify = cast.two.hear("NOTIFY", _is_document)
    state = notify.get("Subscription-State") or ""
    _expect(state.startswith("active;expires="), f"Subscription-State is {state or 'missing'}")
    read(notify.body)
    _expect(b"<dm:person id=" in notify.body or b":person " in notify.body, "the document has no person with an id")


def _is_document(request: Request) -> bool:
    return (request.content_type or "").startswith("application/pidf+xml")


def _is_list(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/related")


def _list(cast: Cast) -> None:
    accepts = "application/pidf+xml, application/rlmi+xml, multipart/related"
    _subscribed(cast, cast.buddies, [("Supported", "eventlist"), ("Accept", accepts)])
    notify = cast.two.hear("NOTIFY", _is_list)
    _expect("eventlist" in (notify.get("Require") or ""), "the NOTIFY does not require eventlist")
    head = f"Content-Type: {notify.content_type}\r\n\r\n".encode()
    parts = list(BytesParser(policy=HTTP).parsebytes(head + notify.body).iter_parts())  # type: ignore[attr-defined]
    kinds = [part.get_content_type() for part in parts]
    _expect(kinds[:1] == ["application/rlmi+xml"], "the first part is no list")
    _expect(all("binary" in part.get("Content-Transfer-Encoding", "") for part in parts), "a part is not binary")
    _expect(cast.one.aor in parts[0].get_content().decode("utf-8"), "the buddy is not in the list")


def _publish(cast: Cast) -> None:
    body = DOCUMENT.format(aor=cast.one.aor).replace("\n", "\r\n").encode()
    headers = [("Event", "presence"), ("Expires", "3600"), ("Content-Type", "application/pidf+xml")]
    answer = cast.one.ask("PUBLISH", cast.one.aor, headers, body)
    _expect(answer.get("SIP-ETag"), "the 200 has no entity tag")
    _expect(not answer.body, "the 200 has a body")
    notify = cast.two.hear("NOTIFY", lambda one: _is_document(one) and b"available" in one.body)
    state = read(notify.body).state
    _expect(state is Reachability.AVAILABLE, f"the watcher sees {state.value}, not available")


def _message(cast: Cast) -> None:
    cast.one.ask("MESSAGE", cast.two.aor, [("Content-Type", "text/plain; charset=UTF-8")], HELLO)
    message = cast.two.hear("MESSAGE")
    _expect(message.body == HELLO, "the text is not the one that was sent")
    asserted = message.get("P-Asserted-Identity") or ""
    _expect(cast.one.aor in asserted, f"the proxy asserts {asserted or 'nobody'} as its sender")


EXAMPLES: tuple[Example, ...] = (
    Example("EX-5", "Two clients register", ("R-SEC-02", "R-REG-01", "R-REG-02", "R-REG-05"), _register),
    Example("EX-1", "One subscribes to the other", ("R-SUB-01", "R-SUB-19", "R-SUB-24", "R-SUB-31"), _subscribe),
    Example("EX-2", "It is told the state", ("R-NTF-01", "R-NTF-02", "R-NTF-04", "R-NTF-16"), _notified),
    Example("EX-3", "And that of a list of buddies", ("R-LST-01", "R-LST-02", "R-LST-03", "R-LST-04"), _list),
    Example("EX-4", "The other chooses a state", ("R-PUB-01", "R-PUB-11", "R-PUB-33", "R-NTF-05"), _publish),
    Example("EX-6", "And sends a message", ("R-MSG-01", "R-MSG-02", "R-MSG-03", "R-MSG-04"), _message),
)
"In the order of the calls: without a registration nobody can be written to."
