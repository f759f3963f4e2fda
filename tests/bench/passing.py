"""Clients who come and go: subscriptions and publications that begin and end all the time."""

from tests.bench.messages import EXPIRES
from tests.bench.subjects import Publisher, Watcher

SHORT = 20
"Seconds for which what is never renewed lasts."

_EXPIRES = b"Expires: %d" % EXPIRES


class Leaver(Watcher):
    """Subscribes, leaves, and comes back in another dialog."""

    __slots__ = ("_visits",)

    lifetime = _EXPIRES

    def __init__(self, number: int, *places: str) -> None:
        super().__init__(number, *places)
        self._visits = 0

    def request(self, branch: bytes) -> bytes:
        """Begin, or end what was begun."""
        if self.to_tag is None:
            self._begin()
            return super().request(branch).replace(_EXPIRES, self.lifetime)
        return super().request(branch).replace(_EXPIRES, b"Expires: 0")

    def answered(self, answer: bytes) -> None:
        """The end is the end of the dialog."""
        if self.to_tag is None:
            super().answered(answer)
        else:
            self.to_tag = None

    def refused(self) -> None:
        """Begin anew."""
        self.to_tag = None

    def _begin(self) -> None:
        self._visits += 1
        self.call_id = f"{self.call_id.partition('~')[0]}~{self._visits}"
        self.notified = 0


class Fader(Leaver):
    """Subscribes for a short while, and again when that has run out; it never says that it leaves."""

    __slots__ = ()

    lifetime = b"Expires: %d" % SHORT

    def answered(self, answer: bytes) -> None:
        """Each time it is another dialog."""


class Passing(Publisher):
    """Publishes for a short while, each time as if for the first time."""

    __slots__ = ()

    def request(self, branch: bytes) -> bytes:
        """A first publication."""
        self.etag = None
        return super().request(branch).replace(_EXPIRES, b"Expires: %d" % SHORT)
