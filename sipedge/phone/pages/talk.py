"""Messages, on the phone: read, written, answered."""

from collections.abc import Sequence

from sipedge.phone.pages.shown import LISTED, Link, Message, dial, paging, sentence
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
    Text,
    part,
    plain,
    text_pages,
)


def messages(link: Link, found: Sequence[Message], page: int, refresh: int) -> Screen:
    """What was received and not deleted, the newest first."""
    shown = part(found, page, LISTED)
    items = tuple(
        Item(f"{'* ' if m.unread else ''}{plain(m.name, 24)}: {m.text}", link("message", m.key)) for m in shown.items
    )
    keys = (SELECT, *paging(link, shown, "messages"), SoftKey("New", link("new")), SoftKey("Back", link()))
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
        *paging(link, shown, "message", one.key),
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
    return sentence("Message sent", f"{name} has got your message.", ("OK", link()))


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
    return sentence("Not delivered", f"Your message to {name} could not be delivered. {reason}", ("OK", link()))


def nothing_to_send(link: Link) -> Screen:
    """A message has a text."""
    return sentence("Not sent", "There was no text to send.", ("OK", link()))


def kept(link: Link, name: str) -> Screen:
    """It waits for the recipient (D-34)."""
    text = f"{name} is away. Your message is kept and will be delivered later."
    return sentence("Message kept", text, ("OK", link()))


def no_message(link: Link) -> Screen:
    """Deleted on another page, or never there."""
    return sentence("No such message", "The identifier leads to no message any more.", ("Messages", link("messages")))


def deleted(link: Link) -> Screen:
    """It is gone."""
    return sentence("Message deleted", "The message is gone.", ("Messages", link("messages")))
