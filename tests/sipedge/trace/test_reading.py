"""What a kept message is about, and who finds it by which filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip.flow import Flow
from sipedge.trace import reading
from sipedge.trace.filters import BadFilter, Filter
from sipedge.trace.ring import Entry
from tests.sipedge.trace.kept import EDGE, MAKE_CALL, answer, csta, request, sip


def test_a_request_says_who_asks_whom_for_what() -> None:
    """D-01, D-14: addresses in their one spelling, the asserted identities among the parties."""
    data = request("SUBSCRIBE", 'P-Asserted-Identity: "A" <sip:ann@Example.org>, <tel:+1-408-555-0100>')
    facts = reading.read(sip(data))
    assert (facts.protocol, facts.method, facts.status) == ("sip", "SUBSCRIBE", None)
    assert facts.first_line == "SUBSCRIBE sip:xten3@example.org SIP/2.0"
    assert (facts.call_id, facts.cseq) == ("dialog-1@192.0.2.9", "7 SUBSCRIBE")
    assert (facts.from_, facts.to) == ("sip:xten4@example.org", "sip:xten3@example.org")
    assert facts.parties == {"sip:xten4@example.org", "sip:xten3@example.org", "sip:ann@example.org", "+14085550100"}


def test_an_answer_has_the_method_of_its_request() -> None:
    facts = reading.read(sip(answer(404)))
    assert (facts.method, facts.status, facts.first_line) == ("SUBSCRIBE", 404, "SIP/2.0 404 Said")


def test_a_document_of_csta_has_a_name_and_devices() -> None:
    """R-CTI-01: over TCP, and within SIP, where both can be asked for."""
    alone = reading.read(csta(MAKE_CALL))
    assert (alone.protocol, alone.document, alone.devices) == ("csta", "MakeCall", ("2001", "2002"))
    data = request("INFO", "Content-Type: application/csta+xml", body=MAKE_CALL.decode())
    within = reading.read(sip(data))
    assert (within.protocol, within.method, within.document, within.devices) == (
        "sip",
        "INFO",
        "MakeCall",
        ("2001", "2002"),
    )


def test_a_password_in_the_request_line_is_not_in_the_first_line() -> None:
    assert "hunter2" not in reading.read(sip(request(target="sip:a:hunter2@example.org"))).first_line


@pytest.mark.parametrize(
    "data", [b"x", b"\xff\xfe", b"SIP/2.0 999 X\r\n\r\n", request()[:40], b"INVITE  SIP/2.0\r\nFrom: <<\r\n"]
)
def test_what_cannot_be_read_stays_empty(data: bytes) -> None:
    facts = reading.read(sip(data))
    assert (facts.call_id, facts.from_, facts.to, facts.status) == ("", "", "", None)


@given(st.binary(max_size=400))
def test_any_bytes_at_all_can_be_read(data: bytes) -> None:
    reading.read(sip(data))
    reading.read(csta(data))


ASSERTED = "P-Asserted-Identity: <tel:+1-408-555-0100>, <sip:p%c3%a4t@example.org>"
CALLED = request("INVITE", ASSERTED, target="sip:2001@192.0.2.5")
WANTED = {
    "the call": sip(CALLED),
    "its answer": sip(answer(404, "INVITE"), outgoing=True),
    "a failure": sip(answer(503)),
    "over IPv6": sip(
        request("OPTIONS").replace(b"dialog-1", b"dialog-2"), flow=Flow("TCP", EDGE, ("2001:db8::9", 5062), 3)
    ),
    "a document": csta(MAKE_CALL),
    "an event": csta(b"<DeliveredEvent><alertingDevice>tel:2009</alertingDevice></DeliveredEvent>", invoke=9999),
    "in SIP": sip(request("INFO", "Content-Type: application/csta+xml", body=MAKE_CALL.decode())),
}
SIP = ["the call", "its answer", "a failure", "over IPv6", "in SIP"]


def found(**wanted: str) -> list[str]:
    filter = Filter.parse(wanted)

    def is_wanted(entry: Entry) -> bool:
        return filter.may_match(entry) and filter.matches(reading.read(entry))

    return [name for name, entry in WANTED.items() if is_wanted(entry)]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, list(WANTED)),
        ({"aor": "xten4@EXAMPLE.org"}, SIP),
        ({"aor": " sips:xten4@example.org:5061;transport=tls "}, SIP),
        ({"aor": "xten4"}, SIP),
        ({"aor": "%78ten4@example.org"}, SIP),
        ({"aor": "+1 (408) 555-0100"}, ["the call"]),
        ({"aor": "p%C3%A4t"}, ["the call"]),
        ({"aor": "XTEN4"}, []),
        ({"aor": "xten"}, []),
        ({"aor": "2001"}, ["the call", "a document", "in SIP"]),
        ({"aor": "tel:2009;phone-context=dialstring"}, ["an event"]),
        ({"call_id": "dialog-2@192.0.2.9"}, ["over IPv6"]),
        ({"call_id": "dialog-"}, []),
        ({"peer": "192.0.2.9"}, ["the call", "its answer", "a failure", "in SIP"]),
        ({"peer": "192.0.2.9:5062", "method": "info"}, ["in SIP"]),
        ({"peer": "192.0.2.9:5063"}, []),
        ({"peer": "2001:DB8:0::9"}, ["over IPv6"]),
        ({"peer": "[2001:db8::9]:5062"}, ["over IPv6"]),
        ({"peer": "[2001:db8::9]:1"}, []),
        ({"method": "INVITE"}, ["the call", "its answer"]),
        ({"method": "MakeCall"}, ["a document", "in SIP"]),
        ({"status": "404"}, ["its answer"]),
        ({"status": "5xx"}, ["a failure"]),
        ({"protocol": "sip"}, SIP),
        ({"protocol": "CSTA"}, ["a document", "an event", "in SIP"]),
        ({"protocol": "csta", "aor": "2009"}, ["an event"]),
    ],
)  # fmt: skip
def test_a_filter_finds_what_is_meant(wanted: dict[str, str], names: list[str]) -> None:
    assert found(**wanted) == names


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("aor", "a b"), ("aor", "@"), ("peer", "not an address"), ("peer", "192.0.2.9:x"), ("peer", "192.0.2.9:65536"),
        ("method", "IN VITE"), ("status", "40"), ("status", "700"), ("status", "4XY"), ("protocol", "h323"),
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_understood_says_so(field: str, text: str) -> None:
    with pytest.raises(BadFilter) as refused:
        Filter.parse({field: text})
    assert refused.value.field == field and str(refused.value)
