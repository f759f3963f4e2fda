"""The main menu, and the contacts, on the phone."""

from collections.abc import Sequence

from presence.engine.reachability import LABELS
from sipedge.phone import icons
from sipedge.phone.pages.shown import (
    APPLICATION,
    LISTED,
    STATUSES,
    Contact,
    Link,
    Message,
    Own,
    allows_call,
    allows_message,
    dial,
    paging,
    sentence,
    state_of,
)
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
    Screen,
    SoftKey,
    Text,
    part,
    plain,
)


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


def contacts(link: Link, found: Sequence[Contact], page: int, refresh: int) -> Screen:
    """All buddies, each with the icon of its state."""
    shown = part(found, page, ICON_ITEMS)
    items = tuple(
        Item(f"{plain(one.name, 40)}: {state_of(one)}", link("contact", one.key), icons.STATES.index(one.state))
        for one in shown.items
    )
    keys = (
        SELECT,
        *paging(link, shown, "contacts"),
        SoftKey("Add", link("add")),
        SoftKey("Numbers", link("numbers")),
        SoftKey("Back", link()),
    )
    prompt = f"{len(found)} contacts" + (f", page {shown.page + 1}/{shown.pages}" if shown.pages > 1 else "")
    return IconMenu("Contacts", prompt, keys, (refresh, link("contacts", shown.page)), items, icons.ICONS)


def contact(link: Link, one: Contact, refresh: int) -> Screen:
    """Everything about one buddy."""
    said = [state_of(one), *(name.replace("-", " ").capitalize() for name in one.activities)]
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
    keys = (SELECT, *paging(link, shown, "contact", one.key, "history"), SoftKey("Back", link("contact", one.key)))
    prompt = f"{len(found)} messages" if found else "Nothing was written yet"
    return Menu(one.name, prompt, keys, None, items)


def numbers(link: Link, found: Sequence[Contact], page: int) -> Screen:
    """The contacts as a directory, to dial from, without those whose number would have to be cut."""
    found = [one for one in found if len(one.number) <= TITLE]
    shown = part(found, page, ENTRIES)
    entries = tuple(Entry(one.name, one.number) for one in shown.items)
    keys = (DIAL, *paging(link, shown, "numbers"), SoftKey("Back", link("contacts")))
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
    return sentence("Contact added", f"{name} is one of your contacts now.", ("Contacts", link("contacts")))


def not_added(link: Link, why: str) -> Screen:
    """It is not, and why."""
    keys = (("Retry", link("add")), ("Cancel", link("contacts")))
    return sentence("Contact not added", NOT_ADDED[why], *keys)


def remove(link: Link, one: Contact) -> Screen:
    """Really?"""
    keys = (("Yes", link("contact", one.key, "removed")), ("No", link("contact", one.key)))
    return sentence("Remove contact", f"Remove {one.name} from your contacts?", *keys)


def no_contact(link: Link) -> Screen:
    """It was removed elsewhere."""
    return sentence("No such contact", "This contact is not in your list any more.", ("Contacts", link("contacts")))
