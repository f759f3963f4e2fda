"""Programs that follow presence: what each watches, and what it has not been told yet (`presence.feed`)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from presence.engine.filtering import View
from presence.identity import Identity
from presence.seen import ACTIVE, Seen
from provisioning.models.tokens import ApiToken, Scope
from provisioning.policy import Policy
from provisioning.uri import Aor


class Watch:
    """One reader's look at one address."""

    __slots__ = ("alone", "key", "reader", "subscription", "told", "uri", "view")

    def __init__(self, reader: "Reader", uri: Aor, *, alone: bool) -> None:
        self.reader = reader
        self.uri = uri
        self.alone = alone
        "It was asked for by itself, not by a list."
        self.key: int | None = None
        "What is watched; None for what the reader may not see."
        self.view = View()
        self.subscription = ACTIVE
        self.told = ""
        "The etag of what the reader was told last."


class Reader:
    """One connection: what it watches, and what it has not been told yet."""

    def __init__(self, identify: Callable[[Policy], Identity], policy: Policy, user_agent: str) -> None:
        """`identify` says as whom it acts under a policy; raises NotAuthorised."""
        self.identify = identify
        self.identity = identify(policy)
        self.user_agent = user_agent
        self.token = 0
        "The id of the token that it came in by, if that can run out or be revoked; else 0."
        self.only_reads = False
        "It came in by a token that does not publish or send."
        self.watches: dict[Aor, Watch] = {}
        self.asked: set[Aor] = set()
        "What was asked for: addresses, and lists."
        self.lists: set[Aor] = set()
        self.ready = asyncio.Event()
        "There is something to tell, or it has ended."
        self.ended = ""
        "Why nothing is told any more; empty while something is."
        self._due: dict[Aor, Seen] = {}

    def offer(self, watch: Watch, now_seen: Seen) -> None:
        """This is what it should know; whatever waited for it is old."""
        if now_seen.etag == watch.told:
            self._due.pop(watch.uri, None)
        else:
            self._due[watch.uri] = now_seen
            self.ready.set()

    def drop(self, uri: Aor) -> None:
        """Nothing is due about this address any more."""
        self._due.pop(uri, None)

    def take(self, most: int) -> tuple[list[Seen], bool]:
        """What is told now, at most so many documents, and whether that is all; the reader counts as told."""
        taken: list[Seen] = []
        while self._due and len(taken) < most:
            uri = next(iter(self._due))
            one = self._due.pop(uri)
            watch = self.watches.get(uri)
            if watch is not None:
                watch.told = one.etag
                if watch.key is None and watch.alone:
                    del self.watches[uri]  # the last word
            taken.append(one)
        if not self._due and not self.ended:
            self.ready.clear()
        return taken, not self._due

    def end(self, why: str) -> None:
        """Say nothing more."""
        self.ended = why
        self._due.clear()
        self.ready.set()


def may_follow(tokens: set[int], now: datetime) -> set[int]:
    """Those of these tokens, by key, that still let a program follow presence."""
    found = ApiToken.objects.filter(pk__in=tokens, user__is_active=True).exclude(expires_at__lte=now)
    return {token.pk for token in found if Scope.READ in token.scopes}
