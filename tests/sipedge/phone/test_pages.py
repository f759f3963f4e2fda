"""What the pages of the phone say, and which keys they offer (R-IM-01 to R-IM-06)."""

from pathlib import Path

import pytest

from presence.engine.reachability import Reachability
from sipedge.phone import pages
from sipedge.phone.pages import Contact, Message
from sipedge.phone.screens import Screen
from tests import phone_pages
from tests.desk_phone import Page
from tests.phone_pages import link


def test_the_documented_pages_are_the_real_ones() -> None:
    """R-IM-01, R-IM-06: docs/phone-pages.md is made by `python -m tests.phone_pages`."""
    text = phone_pages.PAGE.read_text()
    assert phone_pages.page(text) == text


def test_every_page_is_documented() -> None:
    """R-IM-01: no page without its picture."""
    shown = Path(phone_pages.__file__).read_text()
    made = [
        name
        for name, value in vars(pages).items()
        if callable(value) and getattr(value, "__annotations__", {}).get("return") is Screen and name[0] != "_"
    ]
    assert len(made) > 30
    assert [name for name in made if f"pages.{name}(" not in shown] == []


@pytest.mark.parametrize("state", Reachability)
def test_keys_follow_the_state(state: Reachability) -> None:
    """R-IM-05: no Msg to whom nobody reads it, no Dial to whom it would disturb or not find."""
    keys = Page(pages.contact(link, Contact("a", "A", "sip:a@a.example", "1", state), 30).encode()).keys
    assert ("Msg" in keys) is (state.value not in ("unavailable", "unknown", "dnd"))
    assert ("Dial" in keys) is (state.value not in ("unavailable", "dnd"))


def test_a_long_message_has_pages() -> None:
    """R-IM-01: all of its text, and the keys are still not more than eight."""
    one = Message("b", "B", "sip:b@b.example", "1", "word " * 2000, "2026-01-05 11:32", contact=False)
    first, last = Page(pages.message(link, one, 0).encode()), Page(pages.message(link, one, 99).encode())
    assert "Next" in first.keys and "Previous" not in first.keys
    assert "Previous" in last.keys and "Next" not in last.keys
    middle = Page(pages.message(link, one, 1).encode())
    assert len(middle.keys) == 7
    words = "".join(page.text for page in (first, middle, last)).count("word")
    assert words == 2000


def test_a_hundred_contacts_are_on_four_pages() -> None:
    """R-IM-01: 32 items beside icons are what a phone takes."""
    crowd = [Contact(f"{n:x}", f"U{n}", f"sip:u{n}@a.example", str(n)) for n in range(100)]
    shown = [Page(pages.contacts(link, crowd, number, 30).encode()) for number in range(4)]
    assert [len(page.items) for page in shown] == [32, 32, 32, 4]
    assert "page 4/4" in shown[3].prompt and len(shown[1].keys) == 6
    assert [len(Page(pages.numbers(link, crowd, n).encode()).entries) for n in range(4)] == [32, 32, 32, 4]
