"""CSTA over TCP: the header of eight bytes (D-36)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.csta.framing import EVENT, MAX_FRAME, BadFrame, Frame, Framer

FRAMES = st.builds(Frame, st.integers(0, EVENT), st.binary(min_size=1, max_size=60))


def test_the_header_counts_itself() -> None:
    assert bytes(Frame(7, b"<a/>")) == b"\x00\x00\x00\x0c0007<a/>"
    assert bytes(Frame(EVENT, b"x" * 300))[:8] == b"\x00\x00\x01\x349999"


@given(st.lists(FRAMES, max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_it_does_not_matter_where_the_stream_is_cut(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(map(bytes, frames))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    framer = Framer()
    found = [one for a, b in pairwise(places) for one in framer.feed(stream[a:b])]
    assert found == frames and framer.pending == 0


@pytest.mark.parametrize(
    "stream",
    [b"\x01", b"\x00\x01", b"\x00\x00\x00\x08", b"\x00\x00\x00\x00", b"\x00\x00\x00\x20a", b"\x00\x00\x00\x2012 4"],
)
def test_what_cannot_be_a_header_ends_the_stream(stream: bytes) -> None:
    framer = Framer()
    good = Frame(1, b"<a/>")
    found = framer.feed(bytes(good) + stream)
    assert found[0] == good and isinstance(found[1], BadFrame) and framer.pending == 0


@given(st.binary(max_size=100))
def test_any_bytes_end_in_frames_or_one_fault(data: bytes) -> None:
    found = Framer().feed(data)
    assert all(isinstance(one, Frame) for one in found[:-1])


@pytest.mark.parametrize("frame", [Frame(-1, b"a"), Frame(10_000, b"a"), Frame(1, b"a" * MAX_FRAME)])
def test_what_does_not_fit_is_not_written(frame: Frame) -> None:
    with pytest.raises(BadFrame):
        bytes(frame)
