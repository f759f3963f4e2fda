"""The guide's own messages: read as they are, and reproduced where the platform is their sender."""

import pytest

from presence.engine import pidf
from provisioning.uri import SipUri
from sipedge.sip.dialog import Dialog
from sipedge.sip.framing import StreamFramer
from sipedge.sip.headers import SubscriptionState
from sipedge.sip.message import Request, Response, parse
from tests.builders import UDP, guide

NAMES = ["ex1.sip", "ex2.sip", "ex3.sip", "ex4.sip", "ex5.sip", "ex6.sip", "ex8.sip", "ex9.sip"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_read_whole(name: str) -> None:
    """EX-1, EX-2, EX-3, EX-4, EX-5, EX-6, EX-8, EX-9: header by header, and the body is as long as it says."""
    data = guide(name)
    message = parse(data)
    assert isinstance(message, Request)
    assert int(message.get("Content-Length") or "-1") == len(data.partition(b"\r\n\r\n")[2])
    assert len(message.body) == int(message.get("Content-Length") or "-1")
    for value in (message.uri, message.via, message.from_, message.to, message.cseq, message.contacts, message.routes):
        assert value is not None
    assert message.max_forwards in (69, 70)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_survives_reading_and_writing(name: str) -> None:
    """EX-1, EX-2, EX-3, EX-4, EX-5, EX-6: values do not change on the way through."""
    message = parse(guide(name))
    assert isinstance(message, Request)
    again = parse(message.encode())
    assert (again.headers, again.body) == (
        [h for h in message.headers if h[0] != "Content-Length"] + [("Content-Length", str(len(message.body)))],
        message.body,
    )


def test_examples_in_one_stream_are_cut_apart() -> None:
    """EX-1, EX-2, EX-3, EX-4, EX-5, EX-6, R-TRN-01."""
    data = b"".join(guide(name) for name in NAMES)
    framer = StreamFramer()
    found = [piece for start in range(0, len(data), 100) for piece in framer.feed(data[start : start + 100])]
    assert found == [guide(name) for name in NAMES]


def test_the_subscribe_maps_to_what_is_provisioned() -> None:
    """EX-1, R-SUB-01, R-SUB-02, R-SUB-16: the fields of Table 1."""
    request = parse(guide("ex1.sip"))
    assert isinstance(request, Request)
    assert isinstance(request.uri, SipUri) and request.uri.aor == "sip:xten3@compb.cisco.com"
    assert request.get_all("P-Asserted-Identity") == ["<sip:ippm4@compB.cisco.com>"]
    assert (request.user_agent, request.expires, str(request.event)) == ("MeetingPlace/5.1", 300, "presence")
    assert request.get_all("Accept") == ["application/pidf+xml"]
    assert [via.branch for via in request.vias] == [
        "z9hG4bK7d37939e-f68c2040-34226455-fb8872e6-1",
        "z9hG4bK7d37939e-ua-1",
    ]


def test_the_answer_to_the_subscribe_is_reproduced() -> None:
    """EX-7, R-SUB-31, D-12: EX-1 answered."""
    request = parse(guide("ex1.sip"))
    assert isinstance(request, Request)
    made = request.respond(
        200,
        headers=[("Contact", "<sip:57.1.1.14:5060;transport=tcp>"), ("Expires", "300")],
        to_tag="7b1f00c4",
    )
    expected = parse(guide("ex7a.sip"))
    assert isinstance(expected, Response)
    found = parse(made.encode())
    assert isinstance(found, Response)
    assert (found.status, found.reason) == (expected.status, expected.reason)
    assert sorted(found.headers) == sorted(expected.headers)


@pytest.mark.parametrize(
    ("name", "status", "header"),
    [
        ("ex1.sip", 423, ("Min-Expires", "60")),
        ("ex4.sip", 423, ("Min-Expires", "60")),
        ("ex4.sip", 200, ("SIP-ETag", "9f2c7a41")),
    ],
)
def test_an_answer_repeats_what_it_has_to(name: str, status: int, header: tuple[str, str]) -> None:
    """EX-7 (b) and (c), R-SUB-21, R-PUB-33: Via, From, To with a tag, Call-ID and CSeq of the request."""
    request = parse(guide(name))
    assert isinstance(request, Request)
    found = parse(request.respond(status, headers=[header]).encode())
    for copied in ("Via", "From", "Call-ID", "CSeq"):
        assert found.get_all(copied) == request.get_all(copied)
    assert found.to.uri_text == request.to.uri_text and found.to.tag
    assert found.get(header[0]) == header[1]
    assert found.get("Content-Length") == "0"


def test_the_head_of_the_notify_is_reproduced() -> None:
    """EX-2, D-46, R-NTF-02: request line, From, To, Call-ID, Contact and Event come from the dialog."""
    expected = parse(guide("ex2.sip"))
    assert isinstance(expected, Request)
    dialog = Dialog(
        call_id="42078b79-e0-30e78af6-8c4@57.1.1.15",
        local="<sip:xten3@compB.cisco.com:5060;transport=TCP>",
        local_tag="52fc53ae",
        remote="<sip:ippm4@compB.cisco.com>;tag=82d1158",
        remote_tag="82d1158",
        remote_cseq=1,
        remote_target="sip:ippm4@57.1.1.15:5060",
        route_set=(),
        flow=UDP,
        single_via=True,
    )
    line, constant = dialog.constant_head("NOTIFY", "<sip:57.1.1.14:5060>", "presence")
    via = b"Via: SIP/2.0/UDP 57.1.1.14:5060;branch=z9hG4bK76d2e702-1dd2-11b2-8fe0-b1c8ef4f8c83\r\n"
    state = SubscriptionState("active", 300)
    tail = f"CSeq: 1073741825 NOTIFY\r\nSubscription-State: {state}\r\nContent-Type: application/pidf+xml\r\n"
    made = parse(line + via + constant + tail.encode() + b"Content-Length: 1147\r\n\r\n" + expected.body)
    assert isinstance(made, Request)
    assert made.target == expected.target
    different = dict(set(made.headers) ^ set(expected.headers))
    assert different == {"Max-Forwards": "70"} or different == {"Max-Forwards": "69"}, "ours starts at 70"


@pytest.mark.parametrize("name", ["ex2.sip", "ex4.sip", "ex9.sip"])
def test_the_documents_of_the_examples_are_read(name: str) -> None:
    """EX-2, EX-4, EX-9: without any dialect."""
    document = pidf.parse(parse(guide(name)).body, dialects=False)
    assert document.tuples and document.activities
