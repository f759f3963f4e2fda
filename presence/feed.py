"""Live presence for programs: what each may see, told when it changes (DESIGN sections 4 and 6).

One feed serves all connections of a web process. It keeps a working set and a policy as an edge does, and follows the
bus. A change is composed once, and written as JSON once for each view; all who have the view share it. *Due* is a
presentity and what is now true of it, so a slow reader costs one document for each address that it watches.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ParamSpec, TypeVar

import structlog

from presence import store
from presence.access import COMPOSING, JUDGING
from presence.engine.errors import DomainError, NotAuthorised, TryAgainLater, UnknownPresentity
from presence.engine.filtering import View
from presence.lists import may_subscribe, members_of
from presence.personas import Personas
from presence.readers import Reader, Watch, may_follow
from presence.seen import ACTIVE, Seen, may_see, nothing, seen, subscription_of
from presence.store import DatabaseAway, Loaded
from presence.unheard import Looks
from provisioning import bus, snapshot
from provisioning.policy import Policy
from provisioning.snapshot import parts
from provisioning.uri import Aor

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

MAX_WATCHED = 1_000
"Addresses that one connection watches, members of lists included: a department, and a bound for what it may owe."

MAX_READERS = 10_000
"Connections of one web process, some 30 kB each with 50 addresses."

REMEMBERED = 10_000
"Changes that a reader which comes back is spared: minutes in a busy system."

PACE = 1_000
"Watchers looked at in one turn of the loop; connections are served in between."

EXPIRY_INTERVAL = 0.5
"Seconds between two looks at what has run out."

POLL_INTERVAL = 30.0
"Seconds between two looks at everything where there is no bus."

TOKEN_INTERVAL = 5.0
"Seconds between two looks at the tokens that readers came in by."

READERS = 2
"Threads, each with a database connection of its own."

RETRY_AFTER = 5
"Seconds until what failed because the database was away is tried again."

JUDGED_BY = JUDGING | {parts.INTEGRATORS}
"Parts of the policy after which every reader is looked at again."


class Feed:
    """All readers of this process."""

    def __init__(self) -> None:
        self.policy = Policy()
        self.personas = Personas(self._load, lambda: self.policy, pinned=self._is_watched, clock=time.monotonic)
        self.readers: set[Reader] = set()
        self._name = secrets.token_hex(4)
        self._watching: dict[int, dict[Watch, None]] = {}
        self._seen: dict[int, dict[tuple[Aor, View, str, tuple[int, ...]], Seen]] = {}
        "By presentity: documents as they are now."
        self._changed: dict[int, None] = {}
        self._number = 0
        "Of the last change."
        self._told = 0
        "Of the last change that every reader has been offered, with all before it."
        self._ring: deque[int] = deque(maxlen=REMEMBERED)
        "Presentities of the last changes."
        self._scheduled = False
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(READERS, "feed")
        self._looks = Looks(self._look_at_changes, self._look_at_all)

    async def start(self) -> None:
        """Read the policy, and follow the bus from now on."""
        self.policy = await self.read(snapshot.load)
        self._tasks = [asyncio.create_task(one()) for one in (self._listen, self._watch_expiry, self._watch_tokens)]

    async def stop(self) -> None:
        """Say nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Readers

    def add(self, reader: Reader) -> None:
        """Serve a connection; raises TryAgainLater when there are too many."""
        if len(self.readers) >= MAX_READERS:
            raise TryAgainLater(RETRY_AFTER)
        self.readers.add(reader)

    def remove(self, reader: Reader) -> None:
        """A connection is gone."""
        self.readers.discard(reader)
        for watch in reader.watches.values():
            self._unwatch(watch, watch.key)
        reader.watches.clear()

    async def subscribe(self, reader: Reader, uris: Iterable[Aor], cursor: str = "") -> None:
        """Watch addresses, of lists too; the reader is told what is so now, or what has changed since `cursor`.

        Raises NotAuthorised when it would be too many.
        """
        uris = list(dict.fromkeys(uris))
        fresh = [uri for uri in uris if uri not in reader.watches and uri not in self.policy.lists]
        if max(len(reader.watches) + len(fresh), len(reader.asked.union(uris))) > MAX_WATCHED:
            raise NotAuthorised(f"one connection watches {MAX_WATCHED} addresses at most")
        reader.asked.update(uris)
        begun: list[Watch] = []
        for uri in uris:
            if uri in self.policy.lists:
                reader.lists.add(uri)
            elif uri in reader.watches:
                reader.watches[uri].alone = True
            else:
                begun.append(self._begin(reader, uri, alone=True))
        begun += self._expand(reader)
        since = self._changes_since(reader, cursor)
        known = {watch.key for watch in begun if watch.key is not None and self.personas.holds(watch.key)}
        try:
            await self._load_first(begun)
        except BaseException:
            for watch in begun:  # so that it can be asked for again
                self._forget(watch)
            raise
        for watch in begun:
            if reader.watches.get(watch.uri) is watch:
                if since is not None and watch.key in known - since:
                    watch.told = self._now(watch).etag
                self._offer(watch)

    def unsubscribe(self, reader: Reader, uris: Iterable[Aor]) -> None:
        """Watch these no more; nothing is said about it."""
        for uri in uris:
            reader.asked.discard(uri)
            reader.lists.discard(uri)
            watch = reader.watches.get(uri)
            if watch is not None:
                watch.alone = False
        named = self._named(reader)
        for uri in [uri for uri, watch in reader.watches.items() if not watch.alone and uri not in named]:
            self._forget(reader.watches[uri])

    def cursor(self, reader: Reader) -> str:
        """Where a reader is that has been told everything which is due."""
        return f"{self._name}.{self._told}.{self._shape(reader)}"

    # Looking

    def _begin(self, reader: Reader, uri: Aor, *, alone: bool) -> Watch:
        watch = reader.watches[uri] = Watch(reader, uri, alone=alone)
        self._judge(watch)
        return watch

    def _judge(self, watch: Watch) -> bool:
        """What the reader may see under the policy in force (D-15); True when that is something else than before."""
        reader = watch.reader
        found = may_see(self.policy, watch.uri, reader.identity.watcher, reader.user_agent)
        before, look = watch.key, (watch.key, watch.view, watch.subscription)
        if found is None:
            watch.key, watch.view, watch.subscription = None, View(), ACTIVE
        else:
            watch.key, watch.view, watch.subscription = found[0].key, found[1].view, subscription_of(found[1])
        if watch.key != before:
            self._unwatch(watch, before)
            if watch.key is not None:
                self._watching.setdefault(watch.key, {})[watch] = None
        return look != (watch.key, watch.view, watch.subscription)

    def _unwatch(self, watch: Watch, key: int | None) -> None:
        mine = self._watching.get(key) if key is not None else None
        if mine is not None and key is not None:
            mine.pop(watch, None)
            if not mine:
                del self._watching[key]
                self._seen.pop(key, None)

    def _forget(self, watch: Watch) -> None:
        self._unwatch(watch, watch.key)
        watch.reader.watches.pop(watch.uri, None)
        watch.reader.drop(watch.uri)

    def _is_watched(self, key: int) -> bool:
        return key in self._watching

    def _named(self, reader: Reader) -> list[Aor]:
        """The members of the reader's lists; a list that is gone, or is not for this reader, is its own member."""
        found: dict[Aor, None] = {}
        watcher = reader.identity.watcher
        for uri in sorted(reader.lists):
            members = self.policy.lists.get(uri)
            if members is None or not may_subscribe(members, watcher, self.policy):
                found[uri] = None
            else:
                found.update(dict.fromkeys(members_of(self.policy, members.members, watcher)))
        return list(found)

    def _expand(self, reader: Reader) -> list[Watch]:
        """Begin what lists have newly named."""
        named = [uri for uri in self._named(reader) if uri not in reader.watches]
        return [self._begin(reader, uri, alone=False) for uri in named[: MAX_WATCHED - len(reader.watches)]]

    async def _load_first(self, watches: Iterable[Watch]) -> None:
        keys = {watch.key for watch in watches if watch.key is not None and not self.personas.holds(watch.key)}
        for result in await asyncio.gather(*(self.personas.get(key) for key in keys), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, UnknownPresentity):
                raise result

    def _offer(self, watch: Watch) -> None:
        watch.reader.offer(watch, self._now(watch))

    def _now(self, watch: Watch) -> Seen:
        """What is now true for this watch."""
        held = self.personas.held(watch.key) if watch.key is not None else None
        if held is None or watch.key is None:
            return nothing(watch.uri)
        watcher = watch.reader.identity.watcher
        known = self._seen.setdefault(watch.key, {})
        look = (watch.uri, watch.view, watch.subscription, held.sources_for(watcher, ""))
        found = known.get(look)
        if found is None:
            now = datetime.now(UTC)
            found = known[look] = seen(held, *look[:3], self.policy, now, watcher)
        return found

    # Changes

    def changed(self, key: int) -> None:
        """The state of a presentity may have changed: its readers are due."""
        self._number += 1
        self._ring.append(key)
        self._seen.pop(key, None)
        if key in self._watching:
            self._changed[key] = None
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        looked_at = 0
        while self._changed and looked_at < PACE:
            key = next(iter(self._changed))
            del self._changed[key]
            watching = self._watching.get(key, {})
            for watch in watching:
                self._offer(watch)
            looked_at += len(watching)
        if self._changed:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)
        self._settle()

    def _settle(self) -> None:
        """When nothing is left to offer, every reader has been offered all."""
        if not self._changed:
            self._told = self._number

    def _changes_since(self, reader: Reader, cursor: str) -> set[int] | None:
        """Presentities that have changed since a reader was there; None when that is not known any more."""
        name, _, rest = cursor.partition(".")
        number, _, shape = rest.partition(".")
        if name != self._name or shape != self._shape(reader) or not number.isdecimal():
            return None
        missed = self._number - int(number)
        if not 0 <= missed <= len(self._ring):
            return None
        return {self._ring[-1 - place] for place in range(missed)}

    def _shape(self, reader: Reader) -> str:
        """Of what a reader watches: whoever comes back for something else is told everything."""
        named = "\n".join([reader.identity.watcher, reader.user_agent, *sorted(reader.asked)])
        return blake2b(named.encode(), digest_size=8).hexdigest()

    async def _reload(self, keys: Sequence[int]) -> None:
        await self.personas.reload(keys)
        for key in keys:
            self.changed(key)

    async def _change_policy(self, parts: Sequence[str] | None) -> None:
        """Take a new policy (None: all of it) and look at every reader again."""
        if parts is None:
            self.policy = await self.read(snapshot.load)
        else:
            self.policy = await self.read(snapshot.refresh, self.policy, parts)
        if parts is None or not COMPOSING.isdisjoint(parts):
            self.personas.policy_changed()
            for key in self.personas.held_ids():
                self.changed(key)
        if parts is None or not JUDGED_BY.isdisjoint(parts):
            for reader in list(self.readers):
                await self._look_again(reader, whatever=parts is None)
                await asyncio.sleep(0)  # others have their turn
            self._ring.clear()  # what is remembered was seen with other eyes
            self._number += 1
            self._settle()

    async def _look_again(self, reader: Reader, *, whatever: bool) -> None:
        """End a reader that is somebody else now; tell the others what they may newly see, or see no more.

        `whatever`: look at all that it watches, also where the policy makes no difference: something may have failed.
        """
        try:
            unchanged = reader.identify(self.policy).watcher == reader.identity.watcher
        except NotAuthorised:
            unchanged = False
        if not unchanged:
            reader.end("the account's rights have changed")
            return
        reader.identity = reader.identify(self.policy)
        different = [watch for watch in reader.watches.values() if self._judge(watch) or whatever]
        if reader.lists:
            self.unsubscribe(reader, ())  # what they do not name any more
            different += self._expand(reader)
        await self._load_first(different)
        for watch in different:
            if reader.watches.get(watch.uri) is watch:
                self._offer(watch)

    # The world

    async def read(self, load: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database query in a thread; raises TryAgainLater while the database is away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _query, load, args, kwargs)
        except DatabaseAway:
            raise TryAgainLater(RETRY_AFTER) from None

    async def _load(self, keys: list[int]) -> list[Loaded]:
        return await self.read(store.load, keys, datetime.now(UTC))

    async def _watch_expiry(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_INTERVAL)
            for key in self.personas.expired(datetime.now(UTC)):
                self.changed(key)

    async def _watch_tokens(self) -> None:
        """End readers whose token was revoked, or has run out: one question for all of them."""
        while True:
            await asyncio.sleep(TOKEN_INTERVAL)
            used = {reader.token for reader in self.readers if reader.token}
            if not used:
                continue
            try:
                valid = await self.read(may_follow, used, datetime.now(UTC))
            except TryAgainLater:
                continue  # asked again soon
            for reader in self.readers:
                if reader.token in used - valid:
                    reader.end("the token does not count any more")

    async def _listen(self) -> None:
        """Follow the bus; look by ourselves while it is away; after every connection catch up with what was missed."""
        while not bus.configured():
            await asyncio.sleep(POLL_INTERVAL)
            await self._heard(bus.Hint(bus.CONNECTED))
        async for hint in bus.listen():
            await self._heard(hint)

    async def _heard(self, hint: bus.Hint) -> None:
        """Take a hint; one that the database keeps from being taken becomes a look at everything."""
        while True:
            try:
                await self._take(hint)
                return
            except TryAgainLater:
                log.warning("a hint came while the database was away; caught up with later")
                await asyncio.sleep(RETRY_AFTER)
                hint = bus.Hint(bus.CONNECTED)

    async def _take(self, hint: bus.Hint) -> None:
        if hint.kind == bus.STATE:
            await self._reload(hint.personas)
        elif hint.kind == bus.POLICY:
            await self._change_policy(hint.parts)
        elif hint.kind == bus.CONNECTED:
            await self._looks.heard(datetime.now(UTC))
            await self._look_at_all()
        elif hint.kind == bus.AWAY:
            await self._looks.look(time.monotonic(), datetime.now(UTC))

    async def _look_at_changes(self, since: datetime) -> None:
        await self._reload(list(await self.read(store.changed_since, since)))

    async def _look_at_all(self) -> None:
        await self._change_policy(None)
        await self._reload(self.personas.held_ids())


def _query(load: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    with store.away_when_lost():
        return load(*args, **kwargs)


_feeds: dict[asyncio.AbstractEventLoop, "asyncio.Task[Feed]"] = {}


async def current() -> Feed:
    """The feed of this process, started when somebody first asks. Raises TryAgainLater."""
    loop = asyncio.get_running_loop()
    starting = _feeds.get(loop)
    if starting is None:
        starting = _feeds[loop] = loop.create_task(_started())
    try:
        return await asyncio.shield(starting)
    except DomainError:
        _feeds.pop(loop, None)
        raise


async def _started() -> Feed:
    found = Feed()
    await found.start()
    return found


async def close() -> None:
    """End the feed of this loop."""
    starting = _feeds.pop(asyncio.get_running_loop(), None)
    if starting is not None:
        with contextlib.suppress(DomainError):
            await (await starting).stop()
