"""Live subscriptions to lists (RFC 4662, RFC 5367, R-LST): one dialog, many presentities.

Each member is authorised and filtered for the watcher as if it had been asked for alone. The first notification
tells about all members, later ones about those that have changed since; changes that come close together go
together. Nothing but the members' addresses and digests is kept: documents are those that all watchers share.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime

from presence.access import sight
from presence.engine import lists, media
from presence.engine.authorization import Effect
from presence.engine.capabilities import client_type
from presence.engine.filtering import View
from presence.engine.fragments import digest
from presence.lists import may_subscribe, members_of
from presence.personas import Personas
from presence.rows import LIST, SubscriptionRow
from provisioning.policy import Policy, Settings
from provisioning.uri import Aor
from sipedge.dialogs import Content, LiveSubscription
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow

NAMED = 90
"Bytes that a member costs in the RLMI beside its address."

PART_OVERHEAD = 180
"Bytes that the document of a member costs beside itself: the headers of its part."

LARGEST = 60_000
"Bytes of a notification that is the only one, whatever the room: what a datagram and most watchers still take."


class Member:
    """One presentity of a list, as this watcher may see it."""

    __slots__ = ("key", "reason", "state", "told", "uri", "view")

    def __init__(self, uri: Aor) -> None:
        self.uri = uri
        self.key: int | None = None
        self.state = lists.ACTIVE
        self.reason = ""
        self.view = View()
        self.told = ""
        "Digest of what the watcher was told last; empty for nothing."

    def judged(self, policy: Policy, watcher: Aor, user_agent: str) -> None:
        """What the watcher may see of it under this policy (D-15)."""
        found = sight(policy, self.uri, watcher, user_agent)
        self.key, self.view = None, View()
        if found is None or found[0].kind == LIST:  # somebody else's list, or deeper than lists are followed
            self.state, self.reason = lists.TERMINATED, "noresource"
            return
        target, judgement = found
        self.view = judgement.view
        if judgement.effect is Effect.BLOCK:
            self.state, self.reason = lists.TERMINATED, "rejected"
        elif judgement.effect is Effect.CONFIRM:
            self.state, self.reason = lists.PENDING, ""
        else:
            self.key, self.state, self.reason = target.key, lists.ACTIVE, ""


class LiveList(LiveSubscription):
    """One watcher's subscription to a list."""

    __slots__ = ("_accept", "_by_key", "_dirty", "_full", "_linphone", "_resumed", "members")

    def __init__(self, row: SubscriptionRow, dialog: Dialog, flow: Flow | None) -> None:
        super().__init__(row, dialog, flow)
        self.members: dict[Aor, Member] = {}
        self._by_key: dict[int, list[Member]] = {}
        self._dirty: dict[Aor, None] = {}
        "Members that may have changed since they were told."
        self._accept = media.for_members(row.accept)
        "What the watcher accepts, as far as it concerns one member."
        self._linphone = False
        "The watcher's client reads lists in a form of its own."
        self._resumed = False
        "The watcher's state was recalled after a restart: its next notification is a full one, with a new version."
        self._full = True
        "The next notification tells about every member."

    @property
    def event(self) -> str:
        """The Event header of its NOTIFYs."""
        return super().event.replace("p", "P", 1) if self._linphone else super().event

    @property
    def keys(self) -> Iterable[int]:
        """The presentities whose changes concern it."""
        return tuple(self._by_key)

    def presentities(self) -> Iterable[tuple[int, Aor]]:
        """Key and address of each member that the watcher may see."""
        return tuple(
            (member.key, member.uri)
            for member in self.members.values()
            if member.key is not None and not member.view.mask
        )

    def judged(self, policy: Policy) -> str:
        """Look again who is in the list and what the watcher may see of each."""
        row = self.row
        watcher = Aor(row.watcher)
        self._linphone = policy.linphone_lists(client_type(row.user_agent)[0])
        if row.members:
            uris: Iterable[Aor] = map(Aor, row.members.split("\n"))
        else:
            found = policy.lists.get(Aor(row.uri))
            if found is None:
                return "noresource"
            if not may_subscribe(found, watcher, policy):
                return "rejected"
            uris = found.members
        before = self.members
        self.members, self._by_key = {}, {}
        for uri in members_of(policy, uris, watcher):
            member = before.get(uri) or Member(uri)
            member.judged(policy, watcher, row.user_agent)
            self.members[uri] = member
            if member.key is not None:
                self._by_key.setdefault(member.key, []).append(member)
        if before.keys() != self.members.keys():
            self._full = True
        self._dirty = dict.fromkeys(self.members)
        return ""

    def touch(self, key: int) -> None:
        """A presentity has changed."""
        for member in self._by_key.get(key, ()):
            self._dirty[member.uri] = None

    def missing(self, personas: Personas) -> list[int]:
        """Presentities that have to be in memory before anything can be told."""
        return [key for key in self._by_key if not personas.holds(key)]

    def due(self, personas: Personas, now: datetime) -> bool:
        """The watcher does not know the newest state of some member."""
        if self.digest and not all(member.told for member in self.members.values()):
            self._recall(personas, now)
        for uri in list(self._dirty):
            member = self.members.get(uri)
            if member is not None and member.told != self._resource(member, personas, now)[1]:
                return True
            del self._dirty[uri]
        return self._full

    @property
    def _whole_due(self) -> bool:
        """The next notification tells about every member."""
        return self._full or self._resumed or self.forced or self.ended

    def _recall(self, personas: Personas, now: datetime) -> None:
        """After a restart the row only knows the digest of the whole: if it still holds, every member's does."""
        current = {member.uri: self._resource(member, personas, now)[1] for member in self.members.values()}
        if _whole(current.values()) == self.digest:
            for member in self.members.values():
                member.told = current[member.uri]
            self._full, self._resumed = False, True
        else:
            self.unknown()

    def content(self, personas: Personas, now: datetime, room: int | None) -> Content | None:
        """What to tell now: all members, or those that have changed.

        With `room` the documents of as many members as fit; the others come in the next notification.
        """
        full = self._whole_due
        if self.ended and room is not None:
            room = LARGEST  # nothing follows
        uris = list(self.members) if full else [uri for uri in self._dirty if uri in self.members]
        resources: list[lists.Resource] = []
        told: list[tuple[Aor, str]] = []
        used = sum(len(uri) + NAMED for uri in uris) if full else 0
        for uri in uris:
            member = self.members[uri]
            resource, fresh = self._resource(member, personas, now)
            if not full and fresh == member.told:
                continue
            cost = (len(resource.body) + PART_OVERHEAD if resource.body else 0) + (0 if full else len(uri) + NAMED)
            if room is not None and used + cost > room and told:
                if full:
                    resources.append(lists.Resource(uri, ""))
                continue
            used += cost
            resources.append(resource)
            told.append((uri, fresh))
        row = self.row
        made = lists.multipart(
            row.uri,
            self.cseq,
            full,
            resources,
            media_type=media.choose_list(row.accept or None),
            token=secrets.token_hex(12),
            host=Aor(row.uri).host.strip("[]"),
            linphone=self._linphone,
        )
        after = {member.uri: "" if full else member.told for member in self.members.values()} | dict(told)
        whole = _whole(after.values()) if all(after.values()) else ""
        return Content(whole, f"Require: eventlist\r\nContent-Type: {made.content_type}\r\n", made.body, tuple(told))

    def about(self, content: Content | None) -> Iterable[int]:
        """The members of whom a NOTIFY with this content tells, by key."""
        if content is None:
            return ()
        members = (self.members.get(uri) for uri, _ in content.told)
        return tuple(member.key for member in members if member is not None and member.key is not None)

    def sent(self, content: Content, loop_time: float, settings: Settings) -> None:
        """A NOTIFY with this content is on its way."""
        if self._whole_due:
            for member in self.members.values():
                member.told = ""
            self._dirty = dict.fromkeys(self.members)
        self._full = self._resumed = False
        self.digest = content.digest
        for uri, fresh in content.told:
            self.members[uri].told = fresh
            self._dirty.pop(uri, None)
        interval = max(settings.list_interval / 1000, self.row.min_interval)
        self.not_before = loop_time + (interval if content.digest else 0.0)  # the rest of a split one follows at once

    def knows(self, condition: str, personas: Personas, now: datetime) -> bool:
        """Of lists every refresh brings the full state (RFC 4662 section 5.2)."""
        return False

    def unknown(self) -> None:
        """What the watcher knows is not known any more: all is told again."""
        self.digest = ""
        self._full = True

    def _resource(self, member: Member, personas: Personas, now: datetime) -> tuple[lists.Resource, str]:
        """(what is said of a member, its digest)."""
        if member.key is None:
            return lists.Resource(member.uri, member.state, member.reason), f"{member.state} {member.reason}"
        watcher = self.row.watcher
        rendered = personas.document(member.key, member.uri, member.view, now, watcher, self._accept)
        if rendered is None:
            return lists.Resource(member.uri, ""), "unknown"
        return lists.Resource(member.uri, lists.ACTIVE, body=rendered.body), rendered.digest


def _whole(digests: Iterable[str]) -> str:
    """The digest of what a watcher knows of all members, in their order."""
    return digest("\n".join(digests).encode()).hex()
