"""Session descriptions: directions, holes, origins (RFC 3264, RFC 3725)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.b2bua import sdp

OFFER = (
    b"v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)
VIDEO = OFFER + b"m=video 4002 RTP/AVP 34\r\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (OFFER, sdp.SENDRECV),
        (OFFER.replace(b"a=sendrecv\r\n", b""), sdp.SENDRECV),
        (OFFER.replace(b"a=sendrecv", b"a=inactive"), sdp.INACTIVE),
        (OFFER.replace(b"a=sendrecv\r\n", b"").replace(b"t=0 0", b"t=0 0\r\na=sendonly"), sdp.SENDONLY),
        (OFFER.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 0.0.0.0"), sdp.SENDONLY),
        (OFFER.replace(b"\r\n", b"\n"), sdp.SENDRECV),
    ],
)
def test_who_sends(changed: bytes, said: str) -> None:
    assert sdp.direction(changed) == said
    assert sdp.holds(changed) == (said in (sdp.SENDONLY, sdp.INACTIVE))


@pytest.mark.parametrize("said", sorted(sdp.DIRECTIONS))
def test_a_direction_is_written_for_every_media_once(said: str) -> None:
    changed = sdp.with_direction(VIDEO, said)
    assert changed.count(f"a={said}".encode()) == 2
    assert sum(changed.count(f"a={one}".encode()) for one in sdp.DIRECTIONS) == 2
    assert sdp.direction(changed) == said


def test_nothing_is_sent_to_nobody() -> None:
    """RFC 3725 section 5.2: the media stay, their address is a black hole."""
    answer = sdp.silent(OFFER)
    assert b"c=IN IP4 0.0.0.0" in answer and sdp.direction(answer) == sdp.INACTIVE
    assert sdp.media(answer) == sdp.media(OFFER)


def test_only_the_origin_is_ours() -> None:
    ours = sdp.with_origin(OFFER, 7, 3, "198.51.100.1")
    assert b"o=- 7 3 IN IP4 198.51.100.1\r\n" in ours
    assert sdp.same(ours, OFFER) and not sdp.same(ours, VIDEO)


def test_media_that_one_side_does_not_know() -> None:
    """RFC 3264 section 8: media never become fewer; what the other side has not offered is not answered to it."""
    known = sdp.media(VIDEO)
    assert sdp.media(sdp.padded(OFFER, known))[1] == b"m=video 0 RTP/AVP 34"
    assert sdp.padded(VIDEO, known) == VIDEO
    assert sdp.trimmed(VIDEO, 1) == OFFER


def test_where_sound_goes() -> None:
    assert sdp.audio(OFFER) == sdp.Audio("192.0.2.1", 4000, (0, 8, 101), sdp.SENDRECV)
    assert sdp.audio(sdp.g711("198.51.100.1", 5000)) == sdp.Audio("198.51.100.1", 5000, (0, 8, 101), sdp.SENDRECV)
    assert sdp.audio(OFFER.replace(b"RTP/AVP", b"RTP/SAVP")) is None
    assert sdp.audio(OFFER.replace(b"4000", b"99999")) is None
    assert sdp.audio(OFFER.replace(b"4000", b"9" * 5000)) is None, "more digits than Python reads"
    assert sdp.audio(b"") is None


@given(st.binary(max_size=200) | st.sampled_from([OFFER, VIDEO]))
def test_any_bytes_come_out_again(body: bytes) -> None:
    for text in (sdp.silent(body), sdp.with_direction(body, sdp.INACTIVE), sdp.padded(body, sdp.media(VIDEO))):
        sdp.direction(text), sdp.audio(text), sdp.trimmed(text, 1)
