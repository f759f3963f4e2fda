"""Clients who come and go say so in their requests."""

from sipedge.sip.message import Request, parse
from tests.bench.messages import branch
from tests.bench.passing import SHORT, Fader, Leaver, Passing
from tests.bench.subjects import Subject

ANSWER = b"SIP/2.0 200 OK\r\nTo: <sip:user2@bench.example>;tag=server\r\nSIP-ETag: e\r\nContent-Length: 0\r\n\r\n"


def asked(one: Subject, number: int) -> Request:
    """Its next request, which is answered."""
    request = parse(one.request(branch(number)))
    assert isinstance(request, Request)
    one.answered(ANSWER)
    return request


def test_a_leaver_ends_its_dialog_and_comes_back_in_another_one() -> None:
    """RFC 6665 4.1.2.3: Expires 0 within the dialog."""
    one = Leaver(5, "sip:user1@bench.example", "sip:user2@bench.example", "127.0.0.1:5060", "127.0.0.1:5062")
    begun, ended, again = (asked(one, number) for number in range(3))
    assert (begun.expires, begun.to.tag) == (3600, None)
    assert (ended.expires, ended.to.tag, ended.call_id) == (0, "server", begun.call_id)
    assert (again.expires, again.to.tag) == (3600, None) and again.call_id != begun.call_id


def test_a_fader_never_says_that_it_leaves() -> None:
    """Each dialog is new, and runs out soon."""
    one = Fader(5, "sip:user1@bench.example", "sip:user2@bench.example", "127.0.0.1:5060", "127.0.0.1:5062")
    requests = [asked(one, number) for number in range(3)]
    assert [(request.expires, request.to.tag) for request in requests] == [(SHORT, None)] * 3
    assert len({request.call_id for request in requests}) == 3


def test_a_passing_publication_is_always_the_first_one() -> None:
    """RFC 3903 4.1: no entity tag, and a short life."""
    one = Passing(5, "127.0.0.1:5060")
    requests = [asked(one, number) for number in range(2)]
    assert [(request.expires, request.get("SIP-If-Match")) for request in requests] == [(SHORT, None)] * 2
