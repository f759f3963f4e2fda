"""What can go wrong in the presence engine, named without any protocol; each edge turns these into its own answers."""


class DomainError(Exception):
    """A request that the rules refuse; its subclasses say why."""


class IntervalTooBrief(DomainError):
    """The requested expiry is below the minimum (section 6, D-03)."""

    def __init__(self, minimum: int) -> None:
        super().__init__(f"the shortest interval is {minimum} seconds")
        self.minimum = minimum
        "Seconds, for Min-Expires."


class EntityTagMismatch(DomainError):
    """The entity tag names no live publication of this presentity (RFC 3903 section 6, D-11)."""


class NotAuthorised(DomainError):
    """The policy does not allow this identity to do this."""


class UnknownPresentity(DomainError):
    """No alias of any user matches (D-02)."""


class UnsupportedMediaType(DomainError):
    """The body is of a type that is not read here (D-08)."""

    def __init__(self, accepted: tuple[str, ...]) -> None:
        super().__init__(f"accepted are {', '.join(accepted)}")
        self.accepted = accepted
        "Media types that are read, for Accept."


class NotAcceptable(DomainError):
    """None of the types that the watcher accepts can be sent (D-07)."""


class MalformedDocument(DomainError):
    """The document is not well-formed, not a presence document, or over a limit other than its size (D-39)."""


class DocumentTooLarge(DomainError):
    """The document has more bytes than are read (D-39)."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the limit is {limit} bytes")
        self.limit = limit
        "Bytes."


class ExtensionRequired(DomainError):
    """The request cannot be served unless the client supports an extension (RFC 3261 21.4.15, D-09)."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"{tag} has to be supported")
        self.tag = tag
        "Option tag, for Require."


class BadExpires(DomainError):
    """The expiry is not a number of seconds (section 6)."""


class BadEvent(DomainError):
    """The event package is not presence (D-06)."""


class TryAgainLater(DomainError):
    """Nothing wrong with the request; it cannot be served now."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"try again in {retry_after} seconds")
        self.retry_after = retry_after
        "Seconds, for Retry-After."
