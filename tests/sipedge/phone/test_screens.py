"""Screens are what desk phones take, whatever texts are in them (R-IM-01, R-IM-06)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.engine.reachability import Reachability
from sipedge.phone import icons
from sipedge.phone.screens import (
    EXIT,
    NAME,
    TEXT_OCTETS,
    Directory,
    Entry,
    Field,
    IconMenu,
    Input,
    Item,
    Menu,
    Screen,
    SoftKey,
    Text,
    execute,
    lines,
    part,
    plain,
    text_pages,
)
from tests.desk_phone import Page

ANY = st.text(alphabet=st.characters(), max_size=200)
"Any text at all: control characters, both directions, emoji, halves of surrogates, what is no character."

URL = "http://phone.example/phone/x"


@given(ANY, ANY, ANY)
def test_any_text_makes_a_page(title: str, name: str, text: str) -> None:
    """R-IM-01: well-formed, in the order of the schema, within each limit."""
    keys = (SoftKey(name, URL), EXIT)
    items = [Item(name, URL, 3)] * 120
    screens: list[Screen] = [
        Menu(title, name, keys, None, items),
        IconMenu(title, name, keys, None, items, icons.ICONS),
        Text(title, name, keys, None, text * 50),
        Input(title, name, keys, None, URL, [Field(name, "text", "A", text)] * 9),
        Directory(title, name, keys, None, [Entry(name, text)] * 40),
    ]
    for screen in screens:
        for charset in ("UTF-8", "iso-8859-1"):
            assert str(Page(screen.encode(charset)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tom & <Jerry>", "Tom & <Jerry>"),
        ("two\r\nlines\tand \x00a\x1b bell\x07", "two lines and a bell"),
        ("שלום \u202eevil\u202c", "שלום evil"),
        ("party \U0001f389\ufe0f!", "party ?!"),
        ("e\u0301t\ud800\uffff", "ét??"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_a_phone_cannot_show_is_replaced(text: str, shown: str) -> None:
    """R-IM-01: by rule, character by character."""
    assert plain(text, NAME) == shown


def test_long_texts_are_cut_or_paged() -> None:
    """R-IM-01: 64 characters of a name; 4000 octets of a text, broken between words, and nothing is lost."""
    assert plain("x" * 70, NAME) == "x" * 61 + "..."
    text = "Grüße an alle " * 900
    parts = text_pages(text)
    assert len(parts) == 4 and " ".join(parts) == text.strip()
    assert all(len(one.encode()) <= TEXT_OCTETS for one in parts)
    assert "".join(text_pages("語" * 3000)) == "語" * 3000
    assert text_pages("") == [""] and lines("a \x01b\u2028c") == "a b\nc"


@given(st.integers(0, 500), st.integers(-5, 600), st.integers(1, 100))
def test_every_item_is_on_one_page(number: int, page: int, size: int) -> None:
    """R-IM-01: a page that is not there is the last one."""
    shown = part(range(number), page, size)
    assert 0 <= shown.page < shown.pages and len(shown.items) <= size
    assert [x for at in range(shown.pages) for x in part(range(number), at, size).items] == list(range(number))


def test_a_key_that_is_too_long_for_a_phone_is_left_out() -> None:
    page = Page(Text("t", "", (SoftKey("Dial", "Dial:" + "x" * 300), EXIT), None, "x").encode())
    assert list(page.keys) == ["Exit"]


def test_older_phones_get_their_own_characters() -> None:
    """R-IM-01: ISO 8859-1, with a question mark for what is not in it."""
    document = Text("Grüße", "", (), None, "语 é").encode("iso-8859-1")
    assert "Grüße".encode("latin-1") in document and "? é".encode("latin-1") in document


def test_what_a_phone_does_at_once() -> None:
    assert Page(execute("Play:Chime.raw", URL)).execute == ["Play:Chime.raw", URL]


def test_icons_differ_and_are_packed_as_phones_read_them() -> None:
    """R-IM-05: four pixels a byte, the first in the lowest bits; one icon for each state, told apart by shape."""
    assert icons.packed([1, 3, 2, 0]) == "2D"
    assert all(len(data) == 2 * icons.WIDTH * icons.HEIGHT // 4 for data in icons.ICONS)
    assert len(icons.ICONS) == len(set(icons.ICONS)) == len(Reachability) <= 10
    black = {
        str([[shade > icons.WHITE for shade in row] for row in icons.pixels(icons.SHAPES[state])])
        for state in (Reachability.AVAILABLE, Reachability.DND, Reachability.AWAY, Reachability.UNAVAILABLE)
    }
    assert len(black) == 4
