"""Requests that cannot be served, answered in SIP's own form (RFC 3261 8.2, 16.3)."""

import secrets
from collections.abc import Callable

import pytest

from tests.phone import Phone, pidf
from tests.waiting import wait_until

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


@pytest.mark.parametrize(("method", "status"), [("INVITE", 405), ("INFO", 405), ("BYE", 405), ("NONSENSE", 501)])
def test_a_method_that_is_not_served(peer: Make, method: str, status: int) -> None:
    """R-ARC-01: what is served stands in Allow."""
    answer = peer().ask(method, peer().aor)
    assert answer.status == status
    if status == 405:
        assert "PUBLISH" in (answer.get("Allow") or "")


def test_what_the_server_can_do(peer: Make) -> None:
    """R-ARC-01: OPTIONS."""
    answer = peer().ask("OPTIONS", "sip:compb.cisco.com")
    assert answer.status == 200
    assert {"SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER"} <= {m.strip() for m in answer.get_all("Allow")}
    assert answer.get("Allow-Events") == "presence"


@pytest.mark.parametrize("header", ["Require", "Proxy-Require"])
def test_an_extension_that_is_required_and_unknown(peer: Make, header: str) -> None:
    """R-ARC-01: 420 with Unsupported; 100rel is not offered."""
    one = peer()
    answer = one.publish(pidf(one.aor), **{header.replace("-", "_"): "100rel, x-other"})
    assert (answer.status, answer.get("Unsupported")) == (420, "100rel, x-other")


@pytest.mark.parametrize(
    ("uri", "status"), [("tel:+15551234", 416), ("mailto:a@b", 416), ("sip:a b@c", 400), ("sip:@c", 400)]
)
def test_a_request_uri_that_names_nobody(peer: Make, uri: str, status: int) -> None:
    """D-01: other schemes are 416, what is no URI is 400."""
    one = peer()
    answer = one.ask("SUBSCRIBE", uri, [("Event", "presence")], To=f"<{one.aor}>")
    assert answer.status == status


@pytest.mark.parametrize(
    "changes",
    [
        {"CSeq": None},
        {"CSeq": "1 REGISTER"},
        {"CSeq": "x PUBLISH"},
        {"CSeq": None, "Csque": "1 PUBLISH"},
        {"To": None},
        {"From": "nonsense <"},
        {"Contact": "<sip:a@b>, <sip:c@d>"},
        {"Max_Forwards": "many"},
    ],
)
def test_a_request_without_what_it_needs_is_bad(peer: Make, changes: dict[str, str | None]) -> None:
    """V-01: a misspelt CSeq is no CSeq; what can be answered is answered 400, everything else is dropped."""
    one = peer()
    request = one.build("SUBSCRIBE", one.aor, [("Event", "presence")], **changes)
    one.send(request.encode())
    probe = one.ask("OPTIONS", "sip:compb.cisco.com")
    assert probe.status == 200
    answers = [r for r in one.responses if r.get("Call-ID") == request.get("Call-ID")]
    assert all(answer.status == 400 for answer in answers)


def test_a_cancel_and_an_ack_out_of_nowhere(peer: Make) -> None:
    """R-ARC-01: CANCEL is 481, ACK is never answered."""
    one = peer()
    assert one.ask("CANCEL", one.aor).status == 481
    ack = one.build("ACK", one.aor)
    one.send(ack.encode())
    assert one.ask("OPTIONS", "sip:compb.cisco.com").status == 200
    assert not [r for r in one.responses if r.get("Call-ID") == ack.get("Call-ID")]


def test_a_notify_out_of_nowhere(peer: Make) -> None:
    """V-23, D-31: no dialog of ours, or none at all because To has no tag: 481."""
    one = peer()
    headers = [("Event", "presence"), ("Subscription-State", "active")]
    assert one.ask("NOTIFY", one.aor, headers).status == 481
    assert one.ask("NOTIFY", one.aor, headers, To=f"<{one.aor}>;tag=1").status == 481


def test_a_refresh_out_of_nowhere(peer: Make) -> None:
    """R-SUB-03: 481 for a dialog that is not there."""
    one = peer()
    for tag in ("abc", "7fffffffffffffff", "zz-top"):
        answer = one.ask("SUBSCRIBE", one.aor, [("Event", "presence")], To=f"<{one.aor}>;tag={tag}")
        assert answer.status == 481


def test_a_retransmission_is_answered_without_being_done_twice(peer: Make) -> None:
    """D-48: the same branch from the same client is one request; from another client it is another one."""
    one, other = peer(), peer()
    branch = f"z9hG4bK{secrets.token_hex(6)}"
    request = one.build("PUBLISH", one.aor, [("Event", "presence"), ("Content-Type", "application/pidf+xml")],
                        pidf(one.aor), Via=f"SIP/2.0/UDP {one.address};branch={branch};rport")  # fmt: skip
    first = one.exchange(request)
    seen = len(one.responses)
    one.send(request.encode())
    again = wait_until(lambda: one.responses[seen:], "the answer to the retransmission")[0]
    assert again.get("SIP-ETag") == first.get("SIP-ETag")
    theirs = other.build("PUBLISH", other.aor, [("Event", "presence"), ("Content-Type", "application/pidf+xml")],
                         pidf(other.aor), Via=f"SIP/2.0/UDP {other.address};branch={branch};rport")  # fmt: skip
    answer = other.exchange(theirs)
    assert answer.status == 200 and answer.get("SIP-ETag") != first.get("SIP-ETag")


def test_a_branch_without_the_cookie_is_accepted(peer: Make) -> None:
    """V-19: RFC 2543 matching."""
    one = peer()
    answer = one.publish(pidf(one.aor), Via=f"SIP/2.0/UDP {one.address};branch=1")
    assert answer.status == 200
    assert one.publish(pidf(one.aor), Via=f"SIP/2.0/UDP {one.address}").status == 200


def test_a_datagram_without_a_length_ends_where_it_ends(peer: Make) -> None:
    """D-49."""
    one = peer()
    request = one.build("PUBLISH", one.aor, [("Event", "presence"), ("Content-Type", "application/pidf+xml")],
                        pidf(one.aor))  # fmt: skip
    head, _, body = request.encode().partition(b"\r\n\r\n")
    one.send(
        b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
        + b"\r\n\r\n"
        + body
    )
    answer = wait_until(lambda: [r for r in one.responses if r.call_id == request.call_id], "the answer")[0]
    assert answer.status == 200


def test_a_stream_without_a_length_has_no_body_and_what_follows_is_refused(peer: Make) -> None:
    """V-17: on a stream the bytes that follow are a framing error; the connection ends."""
    one = peer(transport="TCP")
    request = one.build("OPTIONS", "sip:compb.cisco.com")
    head = request.encode().partition(b"Content-Length")[0]
    one.send(head + b"\r\n<presence>not a message</presence>\r\n\r\n")
    answer = wait_until(lambda: [r for r in one.responses if r.call_id == request.call_id], "the answer")[0]
    assert answer.status == 200
    wait_until(lambda: not one._thread.is_alive(), "the end of the connection")


def test_keepalives_are_no_messages(peer: Make) -> None:
    """D-47: NUL bytes and empty lines over UDP, empty lines between messages over TCP."""
    one, stream = peer(), peer(transport="TCP")
    for data in (b"\0", b"\r\n", b"\r\n\r\n", b""):
        one.send(data)
    stream.send(b"\r\n\r\n\r\n")
    assert one.ask("OPTIONS", "sip:compb.cisco.com").status == 200
    assert stream.ask("OPTIONS", "sip:compb.cisco.com").status == 200


def test_a_client_that_reads_one_message_at_a_time_gets_them_one_at_a_time(peer: Make) -> None:
    """D-47: each message is a write of its own, and for Purple they are spaced."""
    import socket

    publisher, one = peer(), peer(transport="TCP")
    publisher.publish(pidf(publisher.aor))
    with socket.create_connection(one.socket.getpeername()) as raw:
        host, port = raw.getsockname()[:2]
        contact = f"<sip:u@{host}:{port};transport=tcp>"
        via = f"SIP/2.0/TCP {host}:{port};branch=z9hG4bK{secrets.token_hex(6)}"
        request = one.build(
            "SUBSCRIBE", publisher.aor, [("Event", "presence"), ("User-Agent", "Purple/2.14.12")],
            Contact=contact, Via=via,
        )  # fmt: skip
        raw.settimeout(20)
        raw.sendall(request.encode())
        assert raw.recv(65535).count(b"SIP/2.0\r\n") == 0, "the 200 comes alone"
        assert raw.recv(65535).startswith(b"NOTIFY ")


def test_one_stream_carries_many_messages_in_any_pieces(peer: Make) -> None:
    """R-TRN-01: framing does not depend on how bytes arrive."""
    one = peer(transport="TCP")
    requests = [one.build("OPTIONS", "sip:compb.cisco.com") for _ in range(20)]
    data = b"".join(request.encode() for request in requests)
    for start in range(0, len(data), 37):
        one.send(data[start : start + 37])
    wait_until(lambda: len({r.call_id for r in one.responses}) == 20, "twenty answers")
