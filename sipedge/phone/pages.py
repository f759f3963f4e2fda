"""What each page of the phone says (R-IM-01 to R-IM-06): facts in, a screen out.

The rules for the keys: Msg is missing for a contact who is unavailable, unknown or not to be disturbed, since nobody
would read the message now; Dial is missing for one who is unavailable or not to be disturbed. The telephone of a person
of whom nothing is known may well ring.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from presence.engine.reachability import LABELS, Reachability
from sipedge.phone import icons
from sipedge.phone.screens import (
    DIAL,
    ENTRIES,
    ERASE,
    EXIT,
    ICON_ITEMS,
    SELECT,
    SUBMIT,
    TITLE,
    Directory,
    Entry,
    Field,
    IconMenu,
    Input,
    Item,
    Menu,
    Part,
    Screen,
    SoftKey,
    Text,
    part,
    plain,
    text_pages,
)

APPLICATION = "Phone Messenger"

NO_MESSAGE = frozenset({Reachability.UNAVAILABLE, Reachability.UNKNOWN, Reachability.DND})
"States in which a contact is not written to."

NO_CALL = frozenset({Reachability.UNAVAILABLE, Reachability.DND})
"States in which a contact is not called."

AUTOMATIC = "automatic"

STATUSES = {
    AUTOMATIC: "Automatic",
    **{
        state.value: LABELS[state]
        for state in (
            Reachability.AVAILABLE,
            Reachability.BUSY,
            Reachability.DND,
            Reachability.AWAY,
            Reachability.VACATION,
            Reachability.UNAVAILABLE,
        )
    },
}
"States that a user can choose."

LISTED = 32
"Messages on one page of the list."

NOTE = 200
"Characters of a note."

REFRESH = (7, 3600)
"Seconds that a user can choose between two refreshes."

SOUND = "Play:Chime.raw"
"A sound that every such phone has."

Link = Callable[..., str]
"Makes the URL of a page of this log-in from the parts of its path."


@dataclass(frozen=True, slots=True)
class Contact:
    """A buddy, as the user agent's subscription shows it."""

    key: str
    name: str
    address: str
    number: str
    "What is dialled."
    state: Reachability = Reachability.UNKNOWN
    subscription: str = "active"
    activities: tuple[str, ...] = ()
    note: str = ""
    since: str = ""
    devices: tuple[str, ...] = ()
    "What each open one can do."


@dataclass(frozen=True, slots=True)
class Message:
    """A message of this log-in."""

    key: str
    name: str
    "Of the other one."
    address: str
    number: str
    text: str
    at: str
    outgoing: bool = False
    failed: bool = False
    unread: bool = False
    contact: bool = True
    "The other one is a contact."


@dataclass(frozen=True, slots=True)
class Own:
    """The user's own side."""

    name: str
    status: str = AUTOMATIC
    note: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's settings, with what holds when nothing is chosen."""

    refresh: int = 30
    "Seconds."
    timer: int = 480
    "Minutes."
    longest_timer: int = 480
    "Minutes that the operator allows."
    protect: bool = False
    sound: bool = False


def allows_message(state: Reachability) -> bool:
    """A contact in this state is written to."""
    return state not in NO_MESSAGE


def allows_call(state: Reachability) -> bool:
    """A contact in this state is called."""
    return state not in NO_CALL


# Log-in


def log_in(url: str, user: str = "") -> Screen:
    """The PIN of a phone's own user, or user ID and PIN."""
    pin = Field("PIN", "pin", "NP")
    fields = (pin,) if user else (Field("User ID", "user"), pin)
    return Input(APPLICATION, user or "Please log in", (SUBMIT, ERASE, EXIT), None, url, fields)


def wrong_pin(retry: str) -> Screen:
    """User ID or PIN is wrong: the page does not say which."""
    return _said("Log-in failed", "The user ID or the PIN is not right.", ("Retry", retry), exits=True)


def blocked(seconds: float, retry: str) -> Screen:
    """Too many wrong PINs."""
    text = f"There were too many wrong PINs. Please try again in {max(1, round(seconds))} seconds."
    return _said("Log-in failed", text, ("Retry", retry), exits=True)


def cannot_log_in(retry: str) -> Screen:
    """The service does not take the log-in."""
    text = "The server cannot log you in now. Please tell your administrator if this goes on."
    return _said("Log-in failed", text, ("Retry", retry), exits=True)


def not_provisioned() -> Screen:
    """The device belongs to nobody."""
    text = "This phone is not provisioned for the messenger. Please tell your administrator."
    return _said("Configuration error", text, exits=True)


def ended(url: str) -> Screen:
    """The log-in is over, or never was."""
    return _said("Logged out", "This log-in has ended.", ("Log in", url), exits=True)


def others(link: Link, places: Sequence[str]) -> Screen:
    """The user is logged in elsewhere as well."""
    items = (
        Item("Yes, log out there (recommended)", link("others", "yes")),
        Item("No, stay logged in there too", link("others", "no")),
    )
    return Menu("Log out elsewhere?", ", ".join(places), (SELECT,), None, items)


# Main menu


def home(link: Link, own: Own, refresh: int) -> Screen:
    """Where everything begins."""
    news = f" ({own.unread} new)" if own.unread else ""
    items = (
        Item("Contacts", link("contacts")),
        Item(f"Messages{news}", link("messages")),
        Item("New message", link("new")),
        Item(f"Status: {STATUSES.get(own.status, own.status)}", link("status")),
        Item("Settings", link("settings")),
        Item("Log out", link("log-out")),
    )
    return Menu(APPLICATION, own.name, (SELECT, EXIT), (refresh, link()), items)


# Contacts


def contacts(link: Link, found: Sequence[Contact], page: int, refresh: int) -> Screen:
    """All buddies, each with the icon of its state."""
    shown = part(found, page, ICON_ITEMS)
    items = tuple(
        Item(f"{plain(one.name, 40)}: {_state(one)}", link("contact", one.key), icons.STATES.index(one.state))
        for one in shown.items
    )
    keys = (
        SELECT,
        *_paging(link, shown, "contacts"),
        SoftKey("Add", link("add")),
        SoftKey("Numbers", link("numbers")),
        SoftKey("Back", link()),
    )
    prompt = f"{len(found)} contacts" + (f", page {shown.page + 1}/{shown.pages}" if shown.pages > 1 else "")
    return IconMenu("Contacts", prompt, keys, (refresh, link("contacts", shown.page)), items, icons.ICONS)


def contact(link: Link, one: Contact, refresh: int) -> Screen:
    """Everything about one buddy."""
    said = [_state(one), *(name.replace("-", " ").capitalize() for name in one.activities)]
    if one.since:
        said.append(f"Since {one.since}")
    if one.note:
        said.append(f"“{one.note}”")
    said += [f"Device: {device}" for device in one.devices]
    said.append(one.address)
    keys = [
        *([SoftKey("Msg", link("to", f"c-{one.key}"))] if allows_message(one.state) else ()),
        *([SoftKey("Dial", dial(one.number))] if allows_call(one.state) else ()),
        SoftKey("History", link("contact", one.key, "history")),
        SoftKey("Remove", link("contact", one.key, "remove")),
        SoftKey("Back", link("contacts")),
    ]
    return Text(one.name, LABELS[one.state], tuple(keys), (refresh, link("contact", one.key)), "\n".join(said))


def history(link: Link, one: Contact, found: Sequence[Message], page: int) -> Screen:
    """What was written in this log-in, both ways, the newest first."""
    shown = part(found, page, LISTED)
    items = tuple(Item(f"{'>' if m.outgoing else '<'} {m.at} {m.text}", link("message", m.key)) for m in shown.items)
    keys = (SELECT, *_paging(link, shown, "contact", one.key, "history"), SoftKey("Back", link("contact", one.key)))
    prompt = f"{len(found)} messages" if found else "Nothing was written yet"
    return Menu(one.name, prompt, keys, None, items)


def numbers(link: Link, found: Sequence[Contact], page: int) -> Screen:
    """The contacts as a directory, to dial from, without those whose number would have to be cut."""
    found = [one for one in found if len(one.number) <= TITLE]
    shown = part(found, page, ENTRIES)
    entries = tuple(Entry(one.name, one.number) for one in shown.items)
    keys = (DIAL, *_paging(link, shown, "numbers"), SoftKey("Back", link("contacts")))
    return Directory("Numbers", f"{len(found)} numbers", keys, None, entries)


def add(link: Link) -> Screen:
    """A new contact."""
    fields = (Field("User ID or extension", "who"),)
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link("contacts")))
    return Input("Add contact", "Who is it?", keys, None, link("added"), fields)


NOT_ADDED = {
    "invalid": "This is no address of somebody else.",
    "unknown": "There is nobody with this user ID or extension.",
    "duplicate": "This contact is in your list already.",
    "full": "Your list has as many contacts as your administrator allows.",
}


def added(link: Link, name: str) -> Screen:
    """It is there."""
    return _said("Contact added", f"{name} is one of your contacts now.", ("Contacts", link("contacts")))


def not_added(link: Link, why: str) -> Screen:
    """It is not, and why."""
    keys = (("Retry", link("add")), ("Cancel", link("contacts")))
    return _said("Contact not added", NOT_ADDED[why], *keys)


def remove(link: Link, one: Contact) -> Screen:
    """Really?"""
    keys = (("Yes", link("contact", one.key, "removed")), ("No", link("contact", one.key)))
    return _said("Remove contact", f"Remove {one.name} from your contacts?", *keys)


def no_contact(link: Link) -> Screen:
    """It was removed elsewhere."""
    return _said("No such contact", "This contact is not in your list any more.", ("Contacts", link("contacts")))


# Messages


def messages(link: Link, found: Sequence[Message], page: int, refresh: int) -> Screen:
    """What was received and not deleted, the newest first."""
    shown = part(found, page, LISTED)
    items = tuple(
        Item(f"{'* ' if m.unread else ''}{plain(m.name, 24)}: {m.text}", link("message", m.key)) for m in shown.items
    )
    keys = (SELECT, *_paging(link, shown, "messages"), SoftKey("New", link("new")), SoftKey("Back", link()))
    prompt = f"{len(found)} messages" + (f", page {shown.page + 1}/{shown.pages}" if shown.pages > 1 else "")
    if not found:
        prompt = "There are no messages"
    return Menu("Messages", prompt, keys, (refresh, link("messages", shown.page)), items)


def message(link: Link, one: Message, page: int) -> Screen:
    """One message in full."""
    direction = "To" if one.outgoing else "From"
    head = [f"{direction} {one.name}", one.at, *(["Not delivered"] if one.failed else []), ""]
    shown = part(text_pages("\n".join([*head, one.text])), page, 1)
    keys = [
        SoftKey("Reply", link("to", f"m-{one.key}")),
        SoftKey("Dial", dial(one.number)),
        SoftKey("Delete", link("message", one.key, "delete")),
        *([] if one.contact else [SoftKey("Add", link("message", one.key, "add"))]),
        *_paging(link, shown, "message", one.key),
        SoftKey("Back", link("messages")),
    ]
    return Text(one.name, one.at, tuple(keys), None, shown.items[0])


def incoming(link: Link, one: Message, protected: bool, refresh: int) -> Screen:
    """A message that has just come shows by itself; behind a PIN only that it is there."""
    text = f"A message from {one.name} has come." if protected else text_pages(one.text)[0]
    keys = [SoftKey("Read", link("message", one.key))]
    if not protected:
        keys += [SoftKey("Reply", link("to", f"m-{one.key}")), SoftKey("Dial", dial(one.number))]
    keys.append(SoftKey("Later", link()))
    return Text("New message", one.name, tuple(keys), (refresh, link()), text)


def compose(link: Link, who: str, name: str, nonce: str, canned: Sequence[tuple[int, str]]) -> Screen:
    """What to write: a text of one's own, or one that is ready."""
    items = (
        Item("Write a text...", link("to", who, "write")),
        *(Item(text, link("to", who, "canned", number, nonce)) for number, text in canned),
    )
    return Menu("Message", f"To {name}", (SELECT, SoftKey("Back", link())), None, items)


def write(link: Link, who: str, name: str, nonce: str) -> Screen:
    """A text of one's own."""
    url = link("to", who, "send", nonce)
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link()))
    return Input("Message", f"To {name}", keys, None, url, (Field("Text", "text"),))


def new(link: Link, nonce: str) -> Screen:
    """To anybody."""
    fields = (Field("User ID or extension", "who"), Field("Text", "text"))
    return Input(
        "New message", "To whom?", (SUBMIT, ERASE, SoftKey("Cancel", link())), None, link("new", "send", nonce), fields
    )


def sent(link: Link, name: str) -> Screen:
    """It was delivered."""
    return _said("Message sent", f"{name} has got your message.", ("OK", link()))


NOT_SENT = {
    404: "There is no such user.",
    403: "This user takes no messages from you.",
    408: "The other server did not answer.",
    413: "The text is too long.",
    480: "The other one may have logged out.",
    503: "The other server was not found.",
}
"By what the message was answered."


def not_sent(link: Link, name: str, status: int) -> Screen:
    """It was not."""
    reason = NOT_SENT.get(status, f"The answer was {status}.")
    return _said("Not delivered", f"Your message to {name} could not be delivered. {reason}", ("OK", link()))


def nothing_to_send(link: Link) -> Screen:
    """A message has a text."""
    return _said("Not sent", "There was no text to send.", ("OK", link()))


def kept(link: Link, name: str) -> Screen:
    """It waits for the recipient (D-34)."""
    text = f"{name} is away. Your message is kept and will be delivered later."
    return _said("Message kept", text, ("OK", link()))


def no_message(link: Link) -> Screen:
    """Deleted on another page, or never there."""
    return _said("No such message", "The identifier leads to no message any more.", ("Messages", link("messages")))


def deleted(link: Link) -> Screen:
    """It is gone."""
    return _said("Message deleted", "The message is gone.", ("Messages", link("messages")))


# Status


def status(link: Link, own: Own) -> Screen:
    """The states to choose from; the one that holds is marked."""
    items = tuple(
        Item(f"{'* ' if value == own.status else ''}{label}", link("status", value))
        for value, label in STATUSES.items()
    )
    prompt = f"Note: {own.note}" if own.note else "What do others see?"
    return Menu("Status", prompt, (SELECT, SoftKey("Back", link())), None, items)


def note(link: Link, chosen: str, own: Own) -> Screen:
    """A note to go with it, which may stay empty."""
    fields = (Field("Note (may be empty)", "note", "A", own.note),)
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link("status")))
    return Input("Status", STATUSES[chosen], keys, None, link("status", chosen, "set"), fields)


def status_set(link: Link, own: Own) -> Screen:
    """Others see it now."""
    said = f"Your status is: {STATUSES.get(own.status, own.status)}." + (f"\n“{own.note}”" if own.note else "")
    return _said("Status", said, ("OK", link()))


def no_service(link: Link) -> Screen:
    """No edge answers."""
    text = "The presence service cannot be reached now. Please tell your administrator if this goes on."
    return _said("Service not available", text, ("Retry", link()), exits=True)


def refused(link: Link, status: int) -> Screen:
    """The edge does not do it."""
    return _said("Not done", f"The server did not accept this (status {status}).", ("OK", link()))


def mistake(url: str) -> Screen:
    """Something of ours is wrong; the log says what."""
    return _said("Server error", "Something went wrong on the server. Please try again.", ("Retry", url), exits=True)


def no_page(url: str) -> Screen:
    """The address leads nowhere."""
    return _said("No such page", "The address leads to no page.", ("Log in", url), exits=True)


# Settings


def settings(link: Link, choices: Choices) -> Screen:
    """What can be chosen, and what holds now."""
    items = (
        Item(f"Refresh: every {choices.refresh} s", link("settings", "refresh")),
        Item(f"Session timer: {choices.timer} min", link("settings", "timer")),
        Item(
            f"PIN for messages and settings: {_on(choices.protect)}",
            link("settings", "protect", "off" if choices.protect else "on"),
        ),
        Item(f"Sound: {_on(choices.sound)}", link("settings", "sound", "off" if choices.sound else "on")),
    )
    return Menu("Settings", "Select to change", (SELECT, SoftKey("Back", link())), None, items)


def setting(link: Link, name: str, choices: Choices) -> Screen:
    """A number to type."""
    if name == "refresh":
        title, prompt, value = "Refresh", f"Seconds, {REFRESH[0]} to {REFRESH[1]}", choices.refresh
    else:
        title, prompt, value = "Session timer", f"Minutes, 1 to {choices.longest_timer}", choices.timer
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link("settings")))
    return Input(title, prompt, keys, None, link("settings", name, "set"), (Field(title, "value", "N", str(value)),))


def wrong_setting(link: Link, name: str, choices: Choices) -> Screen:
    """Out of its range."""
    if name == "refresh":
        title, text = "Invalid interval", f"The refresh interval is {REFRESH[0]} to {REFRESH[1]} seconds."
    else:
        title, text = "Invalid timer", f"The session timer is 1 to {choices.longest_timer} minutes."
    return _said(title, text, ("Retry", link("settings", name)), ("Cancel", link("settings")))


def pin(link: Link, after: str) -> Screen:
    """The PIN before what is protected."""
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link()))
    return Input(
        "PIN", "Please enter your PIN", keys, None, link("unlock", *after.split("/")), (Field("PIN", "pin", "NP"),)
    )


def unlocked(link: Link, after: str) -> Screen:
    """Messages and settings are open for some minutes."""
    return _said("PIN accepted", "Messages and settings are open now.", ("Go on", link(*after.split("/"))))


def invalid_pin(link: Link, after: str) -> Screen:
    """It is another one."""
    return _said("Invalid PIN", "This is not your PIN.", ("Retry", link(*after.split("/"))), ("Cancel", link()))


def _said(title: str, text: str, *keys: tuple[str, str], exits: bool = False) -> Screen:
    """A sentence and what to do next."""
    found = tuple(SoftKey(*key) for key in keys)
    return Text(title, "", (*found, EXIT) if exits else found, None, text)


def dial(number: str) -> str:
    """What a phone does by itself to call."""
    return f"Dial:{number}"


def _state(one: Contact) -> str:
    if one.subscription == "refused":
        return "Not shown to you"
    return LABELS[one.state]


def _on(value: bool) -> str:
    return "on" if value else "off"


def _paging(link: Link, shown: Part[Any], *path: str) -> tuple[SoftKey, ...]:
    """Next and Previous, where there are more pages."""
    keys = []
    if shown.page + 1 < shown.pages:
        keys.append(SoftKey("Next", link(*path, shown.page + 1)))
    if shown.page > 0:
        keys.append(SoftKey("Previous", link(*path, shown.page - 1)))
    return tuple(keys)
