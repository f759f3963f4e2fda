"""Documents to messages and back (R-CTI-01, R-STD-11)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from cti.csta import codec, kinds, messages
from cti.csta.codec import CHILDREN, ED3, SESSION, BadDocument, decode, encode
from cti.csta.errors import Fault
from cti.csta.messages import ConnectionID, Message
from tests.cti.csta import anything

ED4 = ED3.replace("ed3", "ed4")
ED2 = "http://www.ecma.ch/standards/ecma-323/csta/ed2"


def document(name: str, inner: str = "", namespace: str = ED3) -> bytes:
    return f'<?xml version="1.0"?><{name} xmlns="{namespace}">{inner}</{name}>'.encode()


def refused(body: bytes) -> Fault:
    with pytest.raises(BadDocument) as caught:
        decode(body)
    return caught.value.fault


@given(anything.messages())
def test_every_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(encode(message)).message == message


@given(anything.messages())
def test_children_stand_in_the_order_of_the_schema(message: Message) -> None:
    names = [kinds.local(child) for child in etree.fromstring(encode(message))]
    order = [child.name for child in CHILDREN.get(type(message), ())] or names
    assert names == sorted(names, key=order.index)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_end_in_an_error(body: bytes) -> None:
    with pytest.raises(BadDocument):
        decode(body)


@given(anything.messages(), st.data())
def test_a_damaged_document_is_read_or_refused(message: Message, data: Any) -> None:
    body = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(body))
    except BadDocument as error:
        assert error.fault in Fault


def test_the_schemas_own_spellings_are_kept() -> None:
    """T-CTI-1 number 8: one r; and what else is odd in edition 3."""
    names = {child.name for children in CHILDREN.values() for child in children}
    assert messages.TransferedEvent in CHILDREN
    assert {"originatinNIDConnection", "originatingNIDConnection"} <= names
    error = messages.CSTAErrorCode("systemResourceAvailibility", "generic")
    assert b"<systemResourceAvailibility>generic<" in encode(error)
    reconnect = encode(messages.ReconnectCall(ConnectionID("1", "2"), ConnectionID("3", "2")))
    assert reconnect.index(b"activeCall") < reconnect.index(b"heldCall")
    alternate = encode(messages.AlternateCall(ConnectionID("1", "2"), ConnectionID("3", "2")))
    assert alternate.index(b"heldCall") < alternate.index(b"activeCall")


@pytest.mark.parametrize("namespace", [ED3, ED4, ED2, ED3.replace("ed3", "ed6")])
def test_each_edition_is_read_and_answered_in_itself(namespace: str) -> None:
    read = decode(document("GetForwarding", "<device>2001</device>", namespace))
    assert read.message == messages.GetForwarding("2001") and read.namespace == namespace
    answer = etree.fromstring(encode(messages.MonitorStopResponse(), read.namespace))
    assert answer.tag == f"{{{namespace}}}MonitorStopResponse"


def test_a_prefixed_root_is_read() -> None:
    body = f'<c:HoldCall xmlns:c="{ED3}"><c:callToBeHeld><c:deviceID>1</c:deviceID></c:callToBeHeld></c:HoldCall>'
    assert decode(body.encode()).message == messages.HoldCall(ConnectionID(None, "1"))


def test_a_client_that_puts_the_device_before_the_call_is_understood() -> None:
    inner = "<callToBeHeld><deviceID typeOfNumber='other'>2001</deviceID><callID>7</callID></callToBeHeld>"
    assert decode(document("HoldCall", inner)).message == messages.HoldCall(ConnectionID("7", "2001"))


def test_what_is_unknown_does_no_harm() -> None:
    inner = (
        "<device>2001</device><colour>red</colour><x:y xmlns:x='urn:x'><x:device>1</x:device></x:y>"
        "<extensions><security/><privateData><string>00ff</string></privateData></extensions>"
    )
    assert decode(document("GetDoNotDisturb", inner)).message == messages.GetDoNotDisturb("2001")


def test_the_line_in_private_data_is_read() -> None:
    """Office Communicator names the line of a session like this."""
    asked = messages.RequestSystemStatus("tel:2001;phone-context=dialstring")
    body = encode(asked)
    assert b"http://schemas.microsoft.com/Lcs/2005/04/RCCExtension" in body
    assert decode(body).message == asked


@pytest.mark.parametrize(
    ("name", "inner", "fault"),
    [
        ("SnapshotDevice", "", Fault.SERVICE_NOT_SUPPORTED),
        ("ParkCall", "<parking/>", Fault.SERVICE_NOT_SUPPORTED),
        ("StartApplicationSession", "", Fault.SERVICE_NOT_SUPPORTED),
        ("MonitorStart", "", Fault.INVALID_PARAMETER_VALUE),
        ("MonitorStart", "<monitorObject><trunk>1</trunk></monitorObject>", Fault.INVALID_MONITOR_OBJECT_TYPE),
        ("GetForwarding", "<device/>", Fault.INVALID_PARAMETER_VALUE),
        ("GetForwarding", "<device>1</device><device>2</device>", Fault.INVALID_PARAMETER_VALUE),
        ("HoldCall", "<callToBeHeld/>", Fault.INVALID_PARAMETER_VALUE),
        ("SetDoNotDisturb", "<device>1</device><doNotDisturbOn>maybe</doNotDisturbOn>", Fault.INVALID_PARAMETER_VALUE),
        (
            "SetForwarding",
            "<device>1</device><forwardingType>always</forwardingType><activateForward>true</activateForward>",
            Fault.INVALID_PARAMETER_VALUE,
        ),
        (
            "SetForwarding",
            "<device>1</device><activateForward>true</activateForward><ringCount>-1</ringCount>",
            Fault.INVALID_PARAMETER_VALUE,
        ),
        ("DeliveredEvent", "<monitorCrossRefID>1</monitorCrossRefID>", Fault.INVALID_PARAMETER_VALUE),
    ],
)
def test_a_bad_document_has_its_error(name: str, inner: str, fault: Fault) -> None:
    """D-38: what is outside the lists is not supported; R-CTI-06: parameters that are missing, doubled or ill-typed."""
    assert refused(document(name, inner)) is fault


def test_a_root_of_another_namespace_is_no_service() -> None:
    """D-38."""
    assert refused(document("MakeCall", namespace="urn:other")) is Fault.SERVICE_NOT_SUPPORTED
    assert refused(b"<MakeCall/>") is Fault.SERVICE_NOT_SUPPORTED
    assert refused(document("MakeCall", namespace=SESSION)) is Fault.SERVICE_NOT_SUPPORTED


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY e "x">]>' + document("GetForwarding", "<device>&e;</device>")[21:],
        b'<!DOCTYPE GetForwarding SYSTEM "file:///etc/passwd">' + document("GetForwarding")[21:],
        document("GetForwarding", "<a>" * codec.MAX_DEPTH + "</a>" * codec.MAX_DEPTH),
        document("GetForwarding", "<device>1</device>" + "<a/>" * codec.MAX_ELEMENTS),
        document("GetForwarding", "<a " + " ".join(f"a{n}=''" for n in range(codec.MAX_ATTRIBUTES + 1)) + "/>"),
        document("GetForwarding", "<device>1</device>" + " " * codec.MAX_DOCUMENT),
        b"",
        b"MakeCall",
        b"\xff\xfe\x00",
    ],
    ids=["entity", "external", "deep", "wide", "attributes", "long", "empty", "text", "binary"],
)
def test_a_hostile_document_ends_in_an_error(body: bytes) -> None:
    assert refused(body) is Fault.INVALID_PARAMETER_VALUE


def test_an_application_session_is_spoken_in_its_own_namespace() -> None:
    """ECMA-354; name and password stand where clients put them."""
    body = document(
        "StartApplicationSession",
        "<applicationInfo><applicationID>desk</applicationID><applicationSpecificInfo>"
        "<x:SessionLoginInfo xmlns:x='urn:x'><x:userName>ann</x:userName><x:password>s</x:password>"
        "</x:SessionLoginInfo></applicationSpecificInfo></applicationInfo><requestedProtocolVersions>"
        f"<protocolVersion>{ED3}</protocolVersion></requestedProtocolVersions>",
        SESSION,
    )
    read = decode(body)
    info = messages.ApplicationInfo("desk", "ann", "s")
    assert read.message == messages.StartApplicationSession(info, (ED3,))
    assert SESSION.encode() in encode(messages.StopApplicationSessionPosResponse(), ED4)
    assert ED3.encode() in encode(messages.MonitorStopResponse(), SESSION)
