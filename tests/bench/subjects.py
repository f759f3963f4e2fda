"""Who makes the load: publishers, watchers and registrants, each with what it must remember between two requests."""

from tests.bench.messages import (
    DOMAIN,
    EXPIRES,
    WATCHER_DIGITS,
    common,
    document,
    entity_tag_of,
    head,
    to_tag_of,
    user,
)

TEXT = b"Could you look at the figures before the meeting at three?"
"What people write to each other is about so long."

NOTHING = b""
"Expected where any NOTIFY is the one that is waited for."


class Subject:
    """Something that makes one request after another and knows when one of its operations is complete."""

    __slots__ = ("branch", "cseq", "missing", "repeats", "sent", "started", "unanswered", "via", "wire")

    method = ""
    expected = NOTHING
    "What a NOTIFY that belongs to the running operation contains."

    def __init__(self, via: str) -> None:
        self.via = via
        "host:port that it speaks from."
        self.branch = b""
        self.cseq = 0
        self.missing = 0
        "Messages (the 200 and NOTIFYs) that the running operation still waits for."
        self.unanswered = False
        "The 200 of the running operation has not come."
        self.started = 0.0
        self.sent = 0.0
        self.repeats = 0
        self.wire = b""
        "The request that is out, for retransmission."

    def request(self, branch: bytes) -> bytes:
        """The next request; sets `missing`."""
        raise NotImplementedError

    def answered(self, answer: bytes) -> None:
        """A 2xx came: remember what the next request needs of it."""

    def refused(self) -> None:
        """Another final answer came: the next request starts anew."""


class Publisher(Subject):
    """Publishes for one user; every document differs from the one before (RFC 3903)."""

    __slots__ = ("_after", "_before", "_bodies", "etag", "expected", "watchers")

    method = "PUBLISH"

    def __init__(self, number: int, via: str) -> None:
        super().__init__(via)
        uri = user(number)
        self.etag: bytes | None = None
        self.watchers: list[Watcher] = []
        self.expected = b">closed<"
        self._before = head("PUBLISH", uri, via)
        self._after = common(uri, f"<{uri}>", f"p{number}-{via}", f"p{number}")
        self._bodies = {
            b">open<": _publish_end(document(number, "open")),
            b">closed<": _publish_end(document(number, "closed")),
        }

    def request(self, branch: bytes) -> bytes:
        """The next PUBLISH: the first one of all, then modifications."""
        self.cseq += 1
        self.expected = b">closed<" if self.expected == b">open<" else b">open<"
        for watcher in self.watchers:
            watcher.waits_for = self
        self.missing = 1 + len(self.watchers)
        match = b"" if self.etag is None else b"SIP-If-Match: " + self.etag + b"\r\n"
        end = self._bodies[self.expected]
        return b"".join((self._before, branch, self._after, b"%d PUBLISH\r\n" % self.cseq, match, end))

    def answered(self, answer: bytes) -> None:
        """Keep the new entity tag."""
        self.etag = entity_tag_of(answer)

    def refused(self) -> None:
        """Publish as if for the first time."""
        self.etag = None


def _publish_end(body: bytes) -> bytes:
    return (
        b"Event: presence\r\nExpires: %d\r\nContent-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n"
        % (EXPIRES, len(body))
        + body
    )


class Watcher(Subject):
    """Subscribes to one presentity; its operation is complete with the 200 and one NOTIFY (RFC 6665)."""

    __slots__ = ("_before", "_end", "call_id", "notified", "presentity", "tag", "target", "to_tag", "uri", "waits_for")

    method = "SUBSCRIBE"

    def __init__(self, number: int, uri: str, presentity: str, via: str, contact: str, *, listed: bool = False) -> None:
        """`number` is its place among the watchers; `contact`: host:port that NOTIFYs come to; `listed`: of a list."""
        super().__init__(via)
        self.uri = uri
        self.call_id = f"s{number}-{via}"
        self.tag = f"s{number}"
        self.target = f"sip:w{number:0{WATCHER_DIGITS}d}@{contact}"
        "The URI of its Contact."
        self.presentity = presentity
        self.to_tag: bytes | None = None
        self.notified = 0
        "CSeq of the newest NOTIFY; one with a lower or equal number is a retransmission."
        self.waits_for: Subject | None = None
        "The operation that the next NOTIFY belongs to."
        self._before = head("SUBSCRIBE", presentity, via)
        more = ", application/rlmi+xml, multipart/related\r\nSupported: eventlist" if listed else ""
        self._end = (
            f"Contact: <{self.target}>\r\nEvent: presence\r\n"
            f"Accept: application/pidf+xml{more}\r\nExpires: {EXPIRES}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def request(self, branch: bytes) -> bytes:
        """The next SUBSCRIBE: the first one, then refreshes within its dialog."""
        self.cseq += 1
        self.waits_for = self
        self.missing = 2
        recipient = f"<{self.presentity}>" + ("" if self.to_tag is None else f";tag={self.to_tag.decode()}")
        after = common(self.uri, recipient, self.call_id, self.tag)
        return b"".join((self._before, branch, after, b"%d SUBSCRIBE\r\n" % self.cseq, self._end))

    def answered(self, answer: bytes) -> None:
        """The first answer makes the dialog."""
        if self.to_tag is None:
            self.to_tag = to_tag_of(answer)


class Registrant(Subject):
    """Registers one contact of one user, again and again (RFC 3261 section 10)."""

    __slots__ = ("_after", "_before", "_end")

    method = "REGISTER"

    def __init__(self, number: int, via: str) -> None:
        super().__init__(via)
        uri = user(number)
        self._before = head("REGISTER", f"sip:{DOMAIN}", via)
        self._after = common(uri, f"<{uri}>", f"r{number}-{via}", f"r{number}")
        self._end = f"Contact: <sip:user{number}@{via}>\r\nExpires: {EXPIRES}\r\nContent-Length: 0\r\n\r\n".encode()

    def request(self, branch: bytes) -> bytes:
        """The next REGISTER with the same Contact."""
        self.cseq += 1
        self.missing = 1
        return b"".join((self._before, branch, self._after, b"%d REGISTER\r\n" % self.cseq, self._end))


class Sender(Subject):
    """Sends messages to one registered user; each is complete when the recipient's 200 has come back (RFC 3428)."""

    __slots__ = ("_after", "_before", "_end")

    method = "MESSAGE"

    def __init__(self, number: int, recipient: int, via: str) -> None:
        super().__init__(via)
        self._before = head("MESSAGE", user(recipient), via)
        self._after = common(user(number), f"<{user(recipient)}>", f"m{number}-{via}", f"m{number}")
        self._end = b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(TEXT), TEXT)

    def request(self, branch: bytes) -> bytes:
        """The next message."""
        self.cseq += 1
        self.missing = 1
        return b"".join((self._before, branch, self._after, b"%d MESSAGE\r\n" % self.cseq, self._end))
