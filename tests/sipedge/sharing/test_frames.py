"""Frames between processes come out as they went in, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sharing.frames import LONGEST, BadFrame, Frame, Kind, Reader, encode
from sipedge.sip.flow import Flow

flows = st.one_of(
    st.none(),
    st.builds(
        Flow,
        st.sampled_from(["UDP", "TCP", "TLS", "WS", "WSS", "WEB"]),
        st.tuples(st.sampled_from(["127.0.0.1", "::1", "messenger.invalid"]), st.integers(0, 65535)),
        st.tuples(st.sampled_from(["192.0.2.1", "2001:db8::1", "alice-1"]), st.integers(0, 65535)),
        st.integers(0, 1 << 40),
    ),
)
frames = st.lists(st.builds(Frame, st.sampled_from(Kind), flows, st.binary(max_size=200)), max_size=8)


@given(frames, st.integers(1, 50))
def test_any_cut(sent: list[Frame], step: int) -> None:
    stream = b"".join(encode(*frame) for frame in sent)
    reader = Reader()
    assert [one for at in range(0, len(stream), step) for one in reader.feed(stream[at : at + step])] == sent


@pytest.mark.parametrize(
    "stream",
    [
        (LONGEST + 1).to_bytes(4, "big") + b"\x01\x00",
        b"\x00\x00\x00\x00\x01\x00",
        b"\x00\x00\x00\x06\xff\x00",
        b"\x00\x00\x00\x07\x05\x01x",
    ],
)
def test_others_are_refused(stream: bytes) -> None:
    """Too long, too short, of no kind, with a flow that is none."""
    with pytest.raises(BadFrame):
        Reader().feed(stream)
