"""The user's own status, and what goes wrong anywhere, on the phone."""

from sipedge.phone.pages.shown import STATUSES, Link, Own, sentence
from sipedge.phone.screens import (
    ERASE,
    SELECT,
    SUBMIT,
    Field,
    Input,
    Item,
    Menu,
    Screen,
    SoftKey,
)


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
    return sentence("Status", said, ("OK", link()))


def no_service(link: Link) -> Screen:
    """No edge answers."""
    text = "The presence service cannot be reached now. Please tell your administrator if this goes on."
    return sentence("Service not available", text, ("Retry", link()), exits=True)


def refused(link: Link, status: int) -> Screen:
    """The edge does not do it."""
    return sentence("Not done", f"The server did not accept this (status {status}).", ("OK", link()))


def mistake(url: str) -> Screen:
    """Something of ours is wrong; the log says what."""
    return sentence("Server error", "Something went wrong on the server. Please try again.", ("Retry", url), exits=True)


def no_page(url: str) -> Screen:
    """The address leads nowhere."""
    return sentence("No such page", "The address leads to no page.", ("Log in", url), exits=True)
