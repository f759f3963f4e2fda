"""What a log-in to the messenger publishes: that somebody can be written to, and the state that its user has chosen."""

from xml.sax.saxutils import escape

MANUAL = "Manually set by persona"
"The source of a state that the user has chosen (R-PUB-11, R-IM-06)."

AUTOMATIC = "automatic"
"No state is chosen: the platform decides."

_ACTIVITY = {
    "available": "<ce:available/>",
    "busy": "<rpid:busy/>",
    "dnd": "<ce:dnd/>",
    "away": "<rpid:away/>",
    "vacation": "<rpid:vacation/>",
    "unavailable": "<ce:unavailable/>",
}
"States that a user can choose (section 5.3)."

STATUSES = (AUTOMATIC, *_ACTIVITY)


def own(aor: str, id: str, contact: str, *, idle: bool) -> bytes:
    """What the messenger says by itself: it is there, and takes text."""
    typing = "idle" if idle else "active"
    return (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps" '
        f'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{escape(aor)}">'
        f'<tuple id="{id}"><status><basic>open</basic></status><sc:servcaps><sc:audio>false'
        f"</sc:audio><sc:video>false</sc:video><sc:text>true</sc:text></sc:servcaps><rpid:user-input>{typing}"
        f"</rpid:user-input><contact>{escape(contact.strip('<>'))}</contact></tuple></presence>"
    ).encode()


def override(aor: str, id: str, status: str, note: str) -> bytes:
    """What the user has chosen; without a state of its own a note only."""
    chosen = _ACTIVITY.get(status, "")
    activities = f"<rpid:activities>{chosen}</rpid:activities>" if chosen else ""
    said = f"<dm:note>{escape(note)}</dm:note>" if note else ""
    source = f"<so:source>{MANUAL}</so:source>" if chosen else ""
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" '
        f'xmlns:so="urn:cisco:params:xml:ns:pidf:source" entity="{escape(aor)}">{source}'
        f'<dm:person id="{id}">{activities}{said}</dm:person></presence>'
    ).encode()


def chosen(document: bytes) -> str:
    """The state that such a document says the user has chosen."""
    return next((name for name, xml in _ACTIVITY.items() if xml.encode() in document), AUTOMATIC)
