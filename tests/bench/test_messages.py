"""The messages of the benchmark are what the servers and the generator need to see in them."""

from tests.bench import messages
from tests.bench.subjects import Publisher, Registrant, Sender, Watcher

VIA = "127.0.0.1:5099"

NOTIFY = (
    b"NOTIFY sip:w0000042@127.0.0.1:5098 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKabc.1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"To: <sip:user1@bench.example>;tag=s42\r\n"
    b"From: <sip:user0@bench.example>;tag=ours\r\n"
    b"CSeq: 17 NOTIFY\r\n"
    b"Call-ID: s42-127.0.0.1:5099\r\n"
    b"Subscription-State: active;expires=3600\r\n"
    b"Content-Length: 9\r\n"
    b"\r\n"
    b"To: body\n"
)


def test_a_modification_carries_the_newest_tag_and_another_state() -> None:
    """RFC 3903: SIP-If-Match takes the tag of the answer before; every document differs from the one before."""
    publisher = Publisher(3, VIA)
    first = publisher.request(messages.branch(1))
    publisher.answered(b"SIP/2.0 200 OK\r\nSIP-ETag: abc-1\r\nExpires: 3600\r\n\r\n")
    second = publisher.request(messages.branch(2))
    assert b"SIP-If-Match" not in first
    assert b"\r\nSIP-If-Match: abc-1\r\n" in second
    assert b"<basic>open</basic>" in first
    assert b"<basic>closed</basic>" in second
    assert (messages.cseq_of(first), messages.cseq_of(second)) == (1, 2)
    assert publisher.expected in second


def test_a_refused_publication_begins_anew() -> None:
    """After a 412 the tag is of no use."""
    publisher = Publisher(3, VIA)
    publisher.request(messages.branch(1))
    publisher.answered(b"SIP/2.0 200 OK\r\nSIP-ETag: abc-1\r\n\r\n")
    publisher.refused()
    assert b"SIP-If-Match" not in publisher.request(messages.branch(2))


def test_a_publication_waits_for_every_watcher() -> None:
    """An operation is complete with its 200 and one NOTIFY for each watcher."""
    publisher = Publisher(0, VIA)
    publisher.watchers = [Watcher(n, messages.user(n), messages.user(0), VIA, VIA) for n in (1, 2)]
    publisher.request(messages.branch(1))
    assert publisher.missing == 3
    assert [watcher.waits_for for watcher in publisher.watchers] == [publisher, publisher]


def test_every_request_names_its_operation_and_its_length() -> None:
    """The branch leads back to the operation; Content-Length is that of the body."""
    for subject in (
        Publisher(1, VIA),
        Watcher(1, messages.user(2), messages.user(1), VIA, VIA),
        Registrant(1, VIA),
        Sender(1, 2, VIA),
    ):
        request = subject.request(messages.branch(0xBEEF))
        head, _, body = request.partition(b"\r\n\r\n")
        assert request.startswith(subject.method.encode() + b" sip:")
        assert messages.branch_of(request) == b"0000beef"
        assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
        assert head.count(b"\r\nCall-ID: ") == 1


def test_a_refresh_stays_in_the_dialog() -> None:
    """The tag of the first answer goes into To; CSeq rises."""
    watcher = Watcher(7, messages.user(2), messages.user(1), VIA, VIA)
    watcher.request(messages.branch(1))
    watcher.answered(b"SIP/2.0 200 OK\r\nFrom: <sip:a@b>;tag=x\r\nTo: <sip:user1@bench.example>;tag=server.1\r\n\r\n")
    refresh = watcher.request(messages.branch(2))
    assert messages.to_tag_of(refresh) == b"server.1"
    assert messages.cseq_of(refresh) == 2
    assert b"Contact: <sip:w0000007@" in refresh


def test_a_notify_is_accepted_with_its_own_headers() -> None:
    """The 200 repeats Via, From, To, Call-ID and CSeq and nothing of the body (RFC 3261 8.2.6.2)."""
    lines = messages.accept(NOTIFY).split(b"\r\n")
    assert lines[0] == b"SIP/2.0 200 OK"
    assert sorted(lines[1:6]) == sorted(
        line
        for line in NOTIFY.split(b"\r\n")[:-1]
        if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
    )
    assert lines[6:] == [b"Content-Length: 0", b"", b""]


def test_a_notify_is_found_to_be_for_its_watcher() -> None:
    """The number of the watcher stands at a fixed place; anything else is nobody's."""
    assert messages.watcher_of(NOTIFY) == 42
    assert messages.watcher_of(b"NOTIFY sip:somebody@example.com SIP/2.0\r\n") == -1
    assert messages.cseq_of(NOTIFY) == 17


def test_answers_are_read_whatever_the_case_of_their_names() -> None:
    """What is read of an answer: status and entity tag."""
    answer = b"SIP/2.0 200 OK\r\nsip-etag:xyz\r\n\r\n"
    assert (messages.status_of(answer), messages.entity_tag_of(answer)) == (200, b"xyz")
    assert messages.status_of(b"\r\n\r\n") == 0
