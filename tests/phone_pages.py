"""docs/phone-pages.md: every page of the phone as text, made from the pages themselves.

`python -m tests.phone_pages` writes the page; a test fails when it is stale.
"""

from collections.abc import Iterator
from pathlib import Path

from presence.engine.reachability import Reachability
from sipedge.phone import pages
from sipedge.phone.pages import Choices, Contact, Message, Own
from sipedge.phone.screens import Screen
from tests.desk_phone import Page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "phone-pages.md"
BEGIN = "<!-- from here on made by python -m tests.phone_pages -->\n"

BASE = "http://presence.example/phone/0123456789abcdefghijkl/"

CONTACTS = [
    Contact("a1", "Xten Three", "sip:xten3@compb.cisco.com", "4711", Reachability.AVAILABLE),
    Contact(
        "a2", "Xten Four", "sip:xten4@compb.cisco.com", "xten4@compb.cisco.com", Reachability.BUSY,
        activities=("on-the-phone",), note="back at 3", since="2026-01-05 14:10",
        devices=("audio, video", "text (idle)"),
    ),
    Contact("a3", "נועה", "sip:noa@compb.cisco.com", "4713", Reachability.DND),
    Contact("a4", "Alice", "sip:alice@example.org", "alice@example.org", Reachability.UNKNOWN, "refused"),
    Contact("a5", "Bob & Sons <sales>", "sip:bob@example.org", "4720", Reachability.UNAVAILABLE),
]  # fmt: skip
CROWD = [Contact(f"{n:x}", f"User {n}", f"sip:u{n}@compb.cisco.com", str(n), Reachability.AWAY) for n in range(70)]
MESSAGES = [
    Message(
        "b1", "Alice", "sip:alice@example.org", "alice@example.org", "Lunch at noon?\nThe usual place.",
        "2026-01-05 11:32", unread=True, contact=True,
    ),
    Message("b2", "carol", "sip:carol@example.org", "carol@example.org", "Hello, this is Carol.", "2026-01-05 09:03",
            contact=False),
    Message("b3", "Alice", "sip:alice@example.org", "alice@example.org", "Yes", "2026-01-05 11:40", outgoing=True,
            failed=True),
]  # fmt: skip
OWN = Own("IP Phone Messenger Four", "busy", "in the lab", 1)
CHOICES = Choices(30, 480, 480, True, False)


def link(*path: object) -> str:
    """URLs as they are made for phones."""
    return BASE + "/".join(map(str, path))


def gallery() -> Iterator[tuple[str, list[tuple[str, Screen]]]]:
    """Headings, and the pages below each."""
    canned = [(1, "I am in a meeting."), (2, "Please call me.")]
    yield (
        "Log-in",
        [
            ("On the user's own phone (`/phone/?user=ippm4`)", pages.log_in(BASE, "ippm4")),
            ("On any phone", pages.log_in(BASE)),
            ("Wrong user ID or PIN", pages.wrong_pin(BASE)),
            ("Too many wrong PINs", pages.blocked(30, BASE)),
            ("The server cannot", pages.cannot_log_in(BASE)),
            ("A device that belongs to nobody", pages.not_provisioned()),
            ("Logged in elsewhere as well", pages.others(link, ["Phone 192.0.2.7"])),
            ("The log-in is over", pages.ended(BASE)),
        ],
    )
    yield "Main menu", [("Main menu", pages.home(link, OWN, 30))]
    yield (
        "Contacts",
        [
            ("The list, with an icon for each state", pages.contacts(link, CONTACTS, 0, 30)),
            ("The second of three pages", pages.contacts(link, CROWD[:70], 1, 30)),
            ("A contact", pages.contact(link, CONTACTS[1], 30)),
            ("Do not disturb: neither Msg nor Dial", pages.contact(link, CONTACTS[2], 30)),
            ("What is not shown to the user", pages.contact(link, CONTACTS[3], 30)),
            ("History", pages.history(link, CONTACTS[3], [MESSAGES[2], MESSAGES[0]], 0)),
            ("Numbers to dial", pages.numbers(link, CONTACTS, 0)),
            ("Add", pages.add(link)),
            ("Added", pages.added(link, "carol")),
            *((f"Not added: {why}", pages.not_added(link, why)) for why in pages.NOT_ADDED),
            ("Remove", pages.remove(link, CONTACTS[0])),
            ("Removed, here or elsewhere", pages.no_contact(link)),
        ],
    )
    yield (
        "Messages",
        [
            ("One that has just come", pages.incoming(link, MESSAGES[0], False, 30)),
            ("The same behind a PIN", pages.incoming(link, MESSAGES[0], True, 30)),
            ("The list", pages.messages(link, MESSAGES[:2], 0, 30)),
            ("One in full, from somebody who is no contact", pages.message(link, MESSAGES[1], 0)),
            ("One that was not delivered", pages.message(link, MESSAGES[2], 0)),
            ("Deleted", pages.deleted(link)),
            ("Deleted on another phone meanwhile", pages.no_message(link)),
            ("What to write", pages.compose(link, "c-a1", "Xten Three", "0", canned)),
            ("A text of one's own", pages.write(link, "c-a1", "Xten Three", "0")),
            ("To anybody", pages.new(link, "0")),
            ("Sent", pages.sent(link, "Xten Three")),
            ("Kept", pages.kept(link, "Xten Three")),
            *((f"Not delivered: {status}", pages.not_sent(link, "Bob", status)) for status in pages.NOT_SENT),
            ("Nothing to send", pages.nothing_to_send(link)),
        ],
    )
    yield (
        "Status",
        [
            ("What others see", pages.status(link, OWN)),
            ("A note", pages.note(link, "away", OWN)),
            ("Set", pages.status_set(link, OWN)),
        ],
    )
    yield (
        "Settings",
        [
            ("What can be chosen", pages.settings(link, CHOICES)),
            ("Refresh interval", pages.setting(link, "refresh", CHOICES)),
            ("Out of its range", pages.wrong_setting(link, "refresh", CHOICES)),
            ("Session timer", pages.setting(link, "timer", CHOICES)),
            ("Out of its range", pages.wrong_setting(link, "timer", CHOICES)),
            ("The PIN before messages and settings", pages.pin(link, "messages")),
            ("Right", pages.unlocked(link, "messages")),
            ("Wrong", pages.invalid_pin(link, "messages")),
        ],
    )
    yield (
        "When something is wrong",
        [
            ("No edge answers", pages.no_service(link)),
            ("The edge refuses", pages.refused(link, 403)),
            ("A mistake of ours", pages.mistake(BASE)),
            ("No such page", pages.no_page(BASE)),
        ],
    )


def rest() -> str:
    """The part of the page that is made."""
    parts = []
    for heading, found in gallery():
        parts.append(f"## {heading}\n")
        for about, screen in found:
            parts.append(f"{about}:\n\n```\n{Page(screen.encode())}\n```\n")
    return "\n".join(parts)


def page(text: str) -> str:
    """The whole page: the part that people write stays."""
    return text.partition(BEGIN)[0] + BEGIN + "\n" + rest()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
