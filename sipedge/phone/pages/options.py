"""The user's settings, and the PIN that protects messages, on the phone."""

from sipedge.phone.pages.shown import REFRESH, Choices, Link, on_or_off, sentence
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


def settings(link: Link, choices: Choices) -> Screen:
    """What can be chosen, and what holds now."""
    items = (
        Item(f"Refresh: every {choices.refresh} s", link("settings", "refresh")),
        Item(f"Session timer: {choices.timer} min", link("settings", "timer")),
        Item(
            f"PIN for messages and settings: {on_or_off(choices.protect)}",
            link("settings", "protect", "off" if choices.protect else "on"),
        ),
        Item(f"Sound: {on_or_off(choices.sound)}", link("settings", "sound", "off" if choices.sound else "on")),
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
    return sentence(title, text, ("Retry", link("settings", name)), ("Cancel", link("settings")))


def pin(link: Link, after: str) -> Screen:
    """The PIN before what is protected."""
    keys = (SUBMIT, ERASE, SoftKey("Cancel", link()))
    return Input(
        "PIN", "Please enter your PIN", keys, None, link("unlock", *after.split("/")), (Field("PIN", "pin", "NP"),)
    )


def unlocked(link: Link, after: str) -> Screen:
    """Messages and settings are open for some minutes."""
    return sentence("PIN accepted", "Messages and settings are open now.", ("Go on", link(*after.split("/"))))


def invalid_pin(link: Link, after: str) -> Screen:
    """It is another one."""
    return sentence("Invalid PIN", "This is not your PIN.", ("Retry", link(*after.split("/"))), ("Cancel", link()))
