"""What a page of the phone is asked for, and where the facts for it are: the log-in, its user agent, its messages."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from presence import store
from presence.engine.reachability import Reachability
from presence.store import Plan, Put, Remove
from provisioning.models import CannedMessage
from sipedge.messenger import contacts, sessions
from sipedge.models import MessengerMessage, MessengerSession, PhonePreferences
from sipedge.phone import pages
from sipedge.phone.access import session_id
from sipedge.rows import INBOX, InboxRow

AGAIN = "again"
"Parameter of a URL that a phone fetches by itself: nobody has pressed a key."

UNLOCKED = timedelta(minutes=5)
"For how long a PIN opens what is protected."

MANY = 1000
"Messages looked at for one page."


class Over(Exception):
    """The log-in has ended, or never was."""


class Gone(Exception):
    """What the URL names is not there any more; `page` says so."""

    def __init__(self, page: Callable[[pages.Link], Any]) -> None:
        super().__init__()
        self.page = page


@dataclass
class Call:
    """One request for a page of a log-in."""

    request: HttpRequest
    session: MessengerSession
    link: pages.Link
    by_itself: bool
    "The phone has refreshed its page."

    @classmethod
    def of(cls, request: HttpRequest, token: str) -> "Call":
        """The call, which keeps the log-in alive if somebody has pressed a key; raises Over."""
        found = MessengerSession.objects.filter(pk=session_id(token), kind="phone").select_related("persona__domain")
        session = found.first()
        if session is None:
            raise Over
        if session.expires_at <= timezone.now() or not session.fits():
            sessions.end(session)
            raise Over
        call = cls(request, session, linker(request, token), AGAIN in request.GET)
        if not call.by_itself:
            sessions.use(session, timedelta(minutes=call.choices.timer))
        return call

    @property
    def preferences(self) -> PhonePreferences:
        """What the user has chosen, for every log-in."""
        found: PhonePreferences = PhonePreferences.objects.get_or_create(persona=self.session.persona)[0]
        return found

    @property
    def choices(self) -> pages.Choices:
        """What holds now."""
        chosen, operators = self.preferences, sessions.settings()
        return pages.Choices(
            chosen.refresh_interval or operators.refresh_interval,
            min(chosen.session_timer or operators.session_timer, operators.session_timer),
            operators.session_timer,
            chosen.protect,
            chosen.sound,
        )

    # The user agent

    def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Ask the user agent; raises NoAnswer or Refused."""
        return sessions.ask(self.session, name, **arguments)

    def own(self) -> pages.Own:
        """The user's own side."""
        snapshot = self.ask("snapshot")
        unread = self._received().filter(unread=True).count()
        return pages.Own(snapshot["name"] or snapshot["aor"], snapshot["status"], snapshot["note"], unread)

    def contacts(self) -> list[pages.Contact]:
        """The buddies, as they are subscribed to."""
        buddies = self.ask("snapshot")["buddies"]
        uris = [one["uri"] for one in buddies]
        names, numbers = contacts.names(self.session.persona, uris), contacts.numbers(uris)
        return [_contact(one, names[one["uri"]], numbers[one["uri"]]) for one in buddies]

    def contact(self, key: str) -> pages.Contact:
        """One of them; raises Gone."""
        for one in self.contacts():
            if one.key == key:
                return one
        raise Gone(pages.no_contact)

    # Messages

    def _received(self) -> Any:
        return MessengerMessage.objects.filter(session_id=self.session.id, outgoing=False)

    def messages(self, peer: str = "") -> list[pages.Message]:
        """What was received; or both ways with one other."""
        rows = self._received()
        if peer:
            rows = MessengerMessage.objects.filter(session_id=self.session.id, peer=peer)
        return self._shown(list(rows.order_by("-created_at", "-id")[: min(sessions.settings().messages, MANY)]))

    def message(self, key: str) -> pages.Message:
        """One message; raises Gone."""
        return self._shown([self._row(key)])[0]

    def arrived(self) -> pages.Message | None:
        """The oldest message that is unread and has not shown by itself yet; from now on it has."""
        shown = self.session.settings.get("shown", "")
        unread = self._received().filter(unread=True)
        if shown:
            unread = unread.filter(created_at__gt=datetime.fromisoformat(shown))
        row = unread.order_by("created_at", "id").first()
        if row is None or self.session.settings.get("status", {}).get("status") == Reachability.DND.value:
            return None
        sessions.choose(self.session, shown=row.created_at.isoformat())
        return self._shown([row])[0]

    def read(self, key: str) -> None:
        """The user has seen it."""
        row = self._row(key)
        if row.unread:
            fields = {name: getattr(row, name) for name in InboxRow._fields}
            fresh = InboxRow(**{**fields, "unread": False, "version": row.version + 1})
            store.commit([Plan(row.persona_id, (Put(INBOX, fresh, row.version),))])

    def delete(self, key: str) -> None:
        """Take it off the list; raises Gone."""
        row = self._row(key)
        store.commit([Plan(row.persona_id, (Remove(INBOX, row.id, row.version),))])

    def _row(self, key: str) -> MessengerMessage:
        row = MessengerMessage.objects.filter(session_id=self.session.id, id=int(key, 16)).first()
        if row is None:
            raise Gone(pages.no_message)
        return row

    def _shown(self, rows: list[MessengerMessage]) -> list[pages.Message]:
        uris = list({row.peer for row in rows})
        names, numbers = contacts.names(self.session.persona, uris), contacts.numbers(uris)
        known = contacts.held(self.session.persona)
        return [
            pages.Message(
                key=f"{row.id:x}",
                name=names[row.peer],
                address=row.peer,
                number=numbers[row.peer],
                text=row.text,
                at=moment(row.created_at),
                outgoing=row.outgoing,
                failed=row.status >= 300,
                unread=row.unread,
                contact=row.peer in known,
            )
            for row in rows
        ]

    def canned(self) -> list[tuple[int, str]]:
        """Texts that are ready: the user's own, then those for everybody."""
        own = CannedMessage.objects.filter(owner=self.session.persona).values_list("id", "text")
        return [*own, *CannedMessage.objects.filter(owner=None).values_list("id", "text")]

    # PIN protection

    @property
    def locked(self) -> bool:
        """Messages and settings need the PIN now."""
        until = self.session.settings.get("unlocked", "")
        return self.preferences.protect and (not until or datetime.fromisoformat(until) < timezone.now())

    def unlock(self) -> None:
        """The PIN was right."""
        sessions.choose(self.session, unlocked=(timezone.now() + UNLOCKED).isoformat())


def linker(request: HttpRequest, token: str) -> pages.Link:
    """Makes the URLs of a log-in; all of them are whole, since phones know no others."""
    base = request.build_absolute_uri(reverse("phone:home", args=[token]))

    def link(*path: object) -> str:
        return base + "/".join(str(part) for part in path)

    return link


def moment(when: datetime) -> str:
    """As people at the phone read it."""
    return timezone.localtime(when).strftime("%Y-%m-%d %H:%M")


def _contact(one: dict[str, Any], name: str, number: str) -> pages.Contact:
    devices = []
    for device in one["devices"]:
        if device["open"]:
            can = [word for word in ("audio", "video", "text") if device[word]] or ["nothing"]
            devices.append(", ".join(can) + (" (idle)" if device["idle"] else ""))
    return pages.Contact(
        key=hashlib.sha256(one["uri"].encode()).hexdigest()[:12],
        name=name,
        address=one["uri"],
        number=number,
        state=Reachability(one["state"]),
        subscription=one["subscription"],
        activities=tuple(one["activities"]),
        note=one["note"],
        since=moment(datetime.fromisoformat(one["since"])) if one["since"] else "",
        devices=tuple(devices),
    )
