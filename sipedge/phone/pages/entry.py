"""How a log-in begins and ends, on the phone."""

from collections.abc import Sequence

from sipedge.phone.pages.shown import APPLICATION, Link, sentence
from sipedge.phone.screens import (
    ERASE,
    EXIT,
    SELECT,
    SUBMIT,
    Field,
    Input,
    Item,
    Menu,
    Screen,
)


def log_in(url: str, user: str = "") -> Screen:
    """The PIN of a phone's own user, or user ID and PIN."""
    pin = Field("PIN", "pin", "NP")
    fields = (pin,) if user else (Field("User ID", "user"), pin)
    return Input(APPLICATION, user or "Please log in", (SUBMIT, ERASE, EXIT), None, url, fields)


def wrong_pin(retry: str) -> Screen:
    """User ID or PIN is wrong: the page does not say which."""
    return sentence("Log-in failed", "The user ID or the PIN is not right.", ("Retry", retry), exits=True)


def blocked(seconds: float, retry: str) -> Screen:
    """Too many wrong PINs."""
    text = f"There were too many wrong PINs. Please try again in {max(1, round(seconds))} seconds."
    return sentence("Log-in failed", text, ("Retry", retry), exits=True)


def cannot_log_in(retry: str) -> Screen:
    """The service does not take the log-in."""
    text = "The server cannot log you in now. Please tell your administrator if this goes on."
    return sentence("Log-in failed", text, ("Retry", retry), exits=True)


def not_provisioned() -> Screen:
    """The device belongs to nobody."""
    text = "This phone is not provisioned for the messenger. Please tell your administrator."
    return sentence("Configuration error", text, exits=True)


def ended(url: str) -> Screen:
    """The log-in is over, or never was."""
    return sentence("Logged out", "This log-in has ended.", ("Log in", url), exits=True)


def others(link: Link, places: Sequence[str]) -> Screen:
    """The user is logged in elsewhere as well."""
    items = (
        Item("Yes, log out there (recommended)", link("others", "yes")),
        Item("No, stay logged in there too", link("others", "no")),
    )
    return Menu("Log out elsewhere?", ", ".join(places), (SELECT,), None, items)
