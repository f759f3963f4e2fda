"""The 13 events as documents: all that is mandatory is there, in the order of the schema (R-CTI-02, T-CTI-1)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from cti.csta import messages as m
from cti.csta.calls import News
from cti.csta.codec import ED3, decode, encode
from cti.csta.messages import ConnectionID
from tests.cti.office import Office

# Event -> its mandatory children and localConnectionInfo where it has one, in the order of the schema.
CHILDREN = {
    "ConnectionClearedEvent": "monitorCrossRefID droppedConnection releasingDevice localConnectionInfo cause",
    "DeliveredEvent": "monitorCrossRefID connection alertingDevice callingDevice calledDevice lastRedirectionDevice "
    "localConnectionInfo cause",
    "EstablishedEvent": "monitorCrossRefID establishedConnection answeringDevice callingDevice calledDevice "
    "lastRedirectionDevice localConnectionInfo cause",
    "DivertedEvent": "monitorCrossRefID connection divertingDevice newDestination callingDevice calledDevice "
    "lastRedirectionDevice localConnectionInfo cause",
    "FailedEvent": "monitorCrossRefID failedConnection failingDevice callingDevice calledDevice "
    "lastRedirectionDevice localConnectionInfo cause",
    "HeldEvent": "monitorCrossRefID heldConnection holdingDevice localConnectionInfo cause",
    "RetrievedEvent": "monitorCrossRefID retrievedConnection retrievingDevice localConnectionInfo cause",
    "TransferedEvent": "monitorCrossRefID primaryOldCall secondaryOldCall transferringDevice transferredToDevice "
    "transferredConnections localConnectionInfo cause",
    "OriginatedEvent": "monitorCrossRefID originatedConnection callingDevice calledDevice localConnectionInfo cause",
    "ConferencedEvent": "monitorCrossRefID primaryOldCall secondaryOldCall conferencingDevice addedParty "
    "conferenceConnections localConnectionInfo cause",
    "DoNotDisturbEvent": "monitorCrossRefID device doNotDisturbOn",
    "ForwardingEvent": "monitorCrossRefID device forwardingType forwardStatus forwardTo",
    "ServiceCompletionFailureEvent": "monitorCrossRefID primaryCall cause",
}


def _clear(office: Office) -> None:
    office.ask(m.ClearConnection(ConnectionID(office.talking(), "2001")))


def _joined(service: type[m.TransferCall] | type[m.ConferenceCall]) -> Callable[[Office], None]:
    def happen(office: Office) -> None:
        held, active = office.consulting()
        office.ask(service(ConnectionID(held, "2001"), ConnectionID(active, "2001")))

    return happen


def _retrieve(office: Office) -> None:
    call = office.talking()
    office.ask(m.HoldCall(ConnectionID(call, "2001")))
    office.ask(m.RetrieveCall(ConnectionID(call, "2001")))


def _busy(office: Office) -> None:
    office.press("2002", "busy")
    office.ask(m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT))


def _come_to_nothing(office: Office) -> None:
    office.press("2003", "busy")
    office.ask(m.SingleStepTransferCall(ConnectionID(office.talking(), "2001"), "2003"))


HAPPENS: dict[str, Callable[[Office], object]] = {
    "ConnectionClearedEvent": _clear,
    "DeliveredEvent": lambda office: office.ask(m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT)),
    "EstablishedEvent": lambda office: office.ask(m.AnswerCall(ConnectionID(office.ringing(), "2002"))),
    "DivertedEvent": lambda office: office.ask(m.DeflectCall(ConnectionID(office.ringing(), "2002"), "2003")),
    "FailedEvent": _busy,
    "HeldEvent": lambda office: office.ask(m.HoldCall(ConnectionID(office.talking(), "2001"))),
    "RetrievedEvent": _retrieve,
    "TransferedEvent": _joined(m.TransferCall),
    "OriginatedEvent": lambda office: office.ask(m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT)),
    "ConferencedEvent": _joined(m.ConferenceCall),
    "DoNotDisturbEvent": lambda office: office.ask(m.SetDoNotDisturb("2001", True)),
    "ForwardingEvent": lambda office: office.ask(m.SetForwarding("2001", True, None, "2002")),
    "ServiceCompletionFailureEvent": _come_to_nothing,
}


def elements(news: News) -> list[str]:
    root = etree.fromstring(encode(replace(news.event, monitor_cross_ref_id="7")))
    assert root.tag == f"{{{ED3}}}{type(news.event).__name__}"
    return [etree.QName(child).localname for child in root]


@pytest.mark.parametrize("name", CHILDREN)
def test_an_event_has_all_that_is_mandatory(office: Office, name: str) -> None:
    """T-CTI-1, R-CTI-02."""
    HAPPENS[name](office)
    found = [one for one in office.news() if type(one.event).__name__ == name]
    assert found, "it happens"
    for one in found:
        assert elements(one) == CHILDREN[name].split()
        event = replace(one.event, monitor_cross_ref_id="7")
        assert decode(encode(event)).message == event


def test_a_call_that_nobody_has_sent_on_says_so(office: Office) -> None:
    office.ask(m.MakeCall("2001", "2002", m.AutoOriginate.DO_NOT_PROMPT))
    body = encode(office.news()[-1].event)
    assert b"<lastRedirectionDevice><notRequired/></lastRedirectionDevice>" in body
    assert b"<alertingDevice><deviceIdentifier>2002</deviceIdentifier></alertingDevice>" in body
    assert b"<connection><callID>c1</callID><deviceID>2002</deviceID></connection>" in body


def test_the_lists_of_joined_calls_name_old_and_new(office: Office) -> None:
    """T-CTI-1 numbers 8 and 10."""
    _joined(m.ConferenceCall)(office)
    root = etree.fromstring(encode(office.news()[0].event))
    items = root.findall(".//{*}connectionListItem")
    assert [[etree.QName(part).localname for part in item] for item in items] == [
        ["newConnection", "oldConnection", "endpoint"]
    ] * 3
