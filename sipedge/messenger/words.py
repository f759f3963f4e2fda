"""Texts that the messenger's scripts show, in the language of the page; `words.js` looks them up by the English one."""

import json
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

WORDS: Final = (
    _("Messenger"),
    # connection.js
    _("The connection was lost."),
    _("Not connected."),
    # messenger.js
    _("Connection lost. Trying again…"),
    _("The server does not answer. Waiting for it…"),
    _("{name} writes: {text}"),
    _("Too long by {number} bytes."),
    _("{number} found"),
    _("{name} was added"),
    _("Remove {name} from your buddies?"),
    _("Your browser does not allow notifications for this page."),
    # model.js
    _("Automatic"),
    _("Available"),
    _("Busy"),
    _("Interruptible But Busy"),
    _("Do Not Disturb"),
    _("Away"),
    _("On Vacation"),
    _("Unavailable"),
    _("Unknown"),
    _("Waiting for an answer"),
    _("Does not show you a state"),
    _("not allowed"),
    _("there is no such user"),
    _("no answer"),
    _("too long"),
    _("not there; may have logged off"),
    _("busy"),
    _("the server is too busy; try again later"),
    _("Other conversations"),
    _("idle"),
    _("since {when}"),
    _("Not sent: {why}"),
    _("Sending…"),
    _("Kept until they are back"),
    _("Delivered"),
    _("answer {code}"),
    _("Not delivered: {why}"),
    _("Today"),
    # view.js
    _("phone"),
    _("messages"),
    _("video"),
    _("Can be reached by {device}"),
    _("No buddies yet. Find people above."),
    _("{there} of {all}"),
    _("{number} unread"),
    _("{name} is typing…"),
    _("You"),
    _("Try again"),
    _("Add {name} to your buddies"),
    _("People"),
    _("Nobody found"),
    _("Remove “{text}”"),
    # what people do: the activities of RFC 4480 section 3.2 that are no states of ours
    _("appointment"),
    _("breakfast"),
    _("dinner"),
    _("holiday"),
    _("in transit"),
    _("looking for work"),
    _("lunch"),
    _("meal"),
    _("meeting"),
    _("on the phone"),
    _("performance"),
    _("permanent absence"),
    _("playing"),
    _("presentation"),
    _("shopping"),
    _("sleeping"),
    _("spectator"),
    _("steering"),
    _("travel"),
    _("tv"),
    _("vacation"),
    _("away"),
    _("working"),
    _("worship"),
)
"Each is its own name."


def spoken() -> str:
    """English text -> what the page says, as JSON."""
    return json.dumps({text: gettext(text) for text in WORDS}, ensure_ascii=False)
