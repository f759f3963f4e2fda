"""The sum that a conference hears."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.b2bua import g711
from sipedge.b2bua.g711 import FRAME, LARGEST, SILENCE, Playout, decoded, encoded, mixed
from sipedge.b2bua.sdp import PCMA, PCMU

BOTH = (PCMU, PCMA)


def frame(value: int) -> array:  # type: ignore[type-arg]
    return array("h", [value] * FRAME)


@pytest.mark.parametrize("payload", BOTH)
def test_every_octet_comes_back(payload: int) -> None:
    octets = bytes(range(256))
    again = decoded(payload, encoded(payload, decoded(payload, octets)))
    assert again == decoded(payload, octets)


@pytest.mark.parametrize(("payload", "code", "sample"), [(PCMU, 0x00, -32124), (PCMU, 0xFF, 0), (PCMA, 0x2A, -32256)])
def test_known_samples(payload: int, code: int, sample: int) -> None:
    """ITU-T G.711, tables 1 and 2."""
    assert g711.DECODE[payload][code] == sample


@given(st.integers(-LARGEST, LARGEST), st.sampled_from(BOTH))
def test_a_sample_stays_near(sample: int, payload: int) -> None:
    back = decoded(payload, encoded(payload, array("h", [sample])))[0]
    assert abs(back - sample) <= max(16, abs(sample) // 16)


def test_each_hears_the_others() -> None:
    heard = mixed([frame(100), frame(20), frame(3)])
    assert [one[0] for one in heard] == [23, 103, 120]
    assert all(len(one) == FRAME for one in heard)


def test_what_is_too_loud_is_cut() -> None:
    heard = mixed([frame(30000), frame(30000), frame(-30000)])
    assert [one[0] for one in heard] == [0, 0, LARGEST]
    assert mixed([frame(-30000), frame(-30000), SILENCE])[2][0] == -LARGEST


def test_silence_stays_silence() -> None:
    assert mixed([SILENCE, SILENCE, SILENCE]) == [SILENCE] * 3


def test_packets_out_of_order_are_put_in_order() -> None:
    playout = Playout()
    for number in (65535, 1, 0, 2):
        playout.put(number, frame(number & 0xFF))
    assert [playout.take()[0] for _ in range(4)] == [255, 0, 1, 2]


def test_a_lost_packet_is_passed_over_and_a_late_one_left_out() -> None:
    playout = Playout()
    for number in (1, 2, 4):
        playout.put(number, frame(number))
    assert [playout.take()[0] for _ in range(3)] == [1, 2, 4]
    playout.put(3, frame(3))
    playout.put(4, frame(4))
    assert playout.take() == SILENCE


def test_nobody_is_heard_before_two_packets_wait() -> None:
    playout = Playout()
    playout.put(1, frame(1))
    assert playout.take() == SILENCE
    playout.put(2, frame(2))
    assert playout.take()[0] == 1


def test_who_sends_too_much_is_not_heard_later_and_later() -> None:
    playout = Playout()
    for number in range(50):
        playout.put(number, frame(number))
    assert playout.take()[0] == 40


def test_packets_of_another_length_make_whole_frames() -> None:
    playout = Playout()
    for number in range(4):
        playout.put(number, array("h", [number] * 80))
    assert list(playout.take()) == [0] * 80 + [1] * 80
    assert list(playout.take()) == [2] * 80 + [3] * 80


@given(st.lists(st.integers(0, 65535), max_size=60))
def test_any_numbers_end_in_frames(numbers: list[int]) -> None:
    playout = Playout()
    for number in numbers:
        playout.put(number, frame(1))
        assert len(playout.take()) == FRAME
