"""One line, however a client names it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.csta.devices import BadDevice, canonical


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("2001", "2001"),
        (" tel:2001;phone-context=dialstring;device=SEP0002FD3BB5C5;partition=p ", "2001"),
        ("tel:2001;phone-context=dialstring", "2001"),
        ("TEL:+1-(408) 555.0100", "+14085550100"),
        ("*72#", "*72#"),
        ("sip:Ann@Example.COM:5060;transport=tcp", "sip:Ann@example.com"),
        ("sips:ann@example.com", "sip:ann@example.com"),
    ],
)
def test_a_device_has_one_spelling(text: str, device: str) -> None:
    assert canonical(text) == device
    assert canonical(device) == device


@pytest.mark.parametrize("text", ["", " ", "ann", "tel:", "http://2001", "+", "sip:@x", "12+3", "1" * 33, "٢٠٠١"])
def test_what_names_no_device_is_refused(text: str) -> None:
    with pytest.raises(BadDevice):
        canonical(text)


@given(st.text(max_size=40))
def test_any_text_is_a_device_or_is_refused(text: str) -> None:
    try:
        device = canonical(text)
    except BadDevice:
        return
    assert canonical(device) == device
