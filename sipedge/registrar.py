"""The registrar: where a user's clients can be reached (RFC 3261 section 10, R-REG, section 6).

`plan_register` is the rule; `Registrar` is the working set of bindings in memory. Bindings are keyed by
persona, whatever alias was registered, and compare by URI (RFC 3261 19.1.4).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from presence.engine.errors import BadExpires
from presence.engine.expiry import ExpiryBounds, grant
from presence.store import Plan, Put
from provisioning.uri import SipUri
from sipedge.rows import BINDING, BindingRow
from sipedge.sip.errors import SipError
from sipedge.sip.headers import NameAddr

MAX_BINDINGS = 20
"Contacts of one user: more devices than a person owns; a bound for forking and for memory."

LOOKED_AT = 200
"Users whose bindings are looked at in one go for what has run out: everybody's turn comes within minutes."

MAX_CONTACT = 1024
"Characters of one Contact URI, the width of its column; real ones stay below 300."


@dataclass(frozen=True, slots=True)
class RegisterPlan:
    """What a REGISTER changes, and the bindings that are in force afterwards."""

    plan: Plan | None
    "None for a query, which changes nothing."
    bindings: tuple[BindingRow, ...]


def plan_register(
    *,
    persona_id: int,
    contacts: Sequence[NameAddr] | None,
    star: bool,
    expires: int | None,
    call_id: str,
    cseq: int,
    user_agent: str,
    path: str,
    flow: str,
    edge: str,
    held: Iterable[BindingRow],
    bounds: ExpiryBounds,
    now: datetime,
    new_id: Callable[[], int],
) -> RegisterPlan:
    """Plan one REGISTER; raises IntervalTooBrief, BadExpires or SipError (400, 403 too many, 500 out of order).

    All contacts of a request succeed or fail together (RFC 3261 10.3 step 7).
    """
    live = {row.id: row for row in held if row.expires_at > now}
    if star:
        if contacts or expires != 0:
            raise SipError(400, "Contact * Needs Expires 0")
        contacts = ()
        for row in live.values():
            _check_order(row, call_id, cseq)
        changed = [ended(row, now) for row in live.values()]
    else:
        changed = []
        for contact in contacts or ():
            asked = _asked_expires(contact, expires)
            granted = grant(asked, bounds)
            old = _same(contact, live.values())
            if old is not None:
                _check_order(old, call_id, cseq)
            if granted == 0:
                if old is not None:
                    changed.append(ended(old, now))
                continue
            if len(contact.uri_text) > MAX_CONTACT:
                raise SipError(400, "Contact Too Long")
            changed.append(
                BindingRow(
                    id=old.id if old is not None else new_id(),
                    version=old.version + 1 if old is not None else 1,
                    persona_id=persona_id,
                    contact=contact.uri_text,
                    q=_q(contact),
                    call_id=call_id,
                    cseq=cseq,
                    user_agent=user_agent,
                    instance=(contact.param("+sip.instance") or "").strip('"'),
                    flow=flow,
                    path=path,
                    edge=edge,
                    created_at=old.created_at if old is not None else now,
                    updated_at=now,
                    expires_at=now + timedelta(seconds=granted),
                )
            )
    puts = tuple(Put(BINDING, row, row.version - 1 or None) for row in changed)
    for row in changed:
        if row.expires_at > now:
            live[row.id] = row
        else:
            live.pop(row.id, None)
    if len(live) > MAX_BINDINGS:
        raise SipError(403, "Too Many Contacts")
    return RegisterPlan(Plan(persona_id, puts) if puts else None, by_preference(live.values()))


def by_preference(rows: Iterable[BindingRow]) -> tuple[BindingRow, ...]:
    """Highest q first, the newest first among equals (R-REG-03)."""
    return tuple(sorted(rows, key=lambda row: (-row.q, -row.updated_at.timestamp())))


def _asked_expires(contact: NameAddr, header: int | None) -> int | None:
    own = contact.param("expires")
    if own is None:
        return header
    if not own.isascii() or not own.isdecimal():
        raise BadExpires("expires of a Contact is not a number")
    return int(own)


def _q(contact: NameAddr) -> float:
    """The q-value, 1.0 when absent (D-35)."""
    text = contact.param("q")
    if text is None:
        return 1.0
    try:
        q = float(text)
    except ValueError:
        raise SipError(400, "Bad q Value") from None
    if not 0.0 <= q <= 1.0:
        raise SipError(400, "Bad q Value")
    return q


def _same(contact: NameAddr, rows: Iterable[BindingRow]) -> BindingRow | None:
    uri = contact.uri
    for row in rows:
        if row.contact == contact.uri_text:
            return row
        if isinstance(uri, SipUri) and uri.equals(SipUri.parse(row.contact)):
            return row
    return None


def _check_order(row: BindingRow, call_id: str, cseq: int) -> None:
    """RFC 3261 10.3: within one Call-ID a binding only follows a higher CSeq."""
    if row.call_id == call_id and cseq <= row.cseq:
        raise SipError(500, "REGISTER Out of Order")


def ended(row: BindingRow, now: datetime) -> BindingRow:
    """Ended now: the row stays for the sweep, as every piece of soft state does."""
    return row._replace(version=row.version + 1, updated_at=now, expires_at=now)


class Registrar:
    """The bindings in force, by persona; a copy of the rows that can be dropped and reloaded at any time."""

    def __init__(self, changed: Callable[[int, tuple[BindingRow, ...]], None]) -> None:
        """`changed` hears at once of what changes here."""
        self._changed = changed
        self._bindings: dict[int, tuple[BindingRow, ...]] = {}

    def replace(self, rows: Iterable[BindingRow], personas: Iterable[int] | None = None) -> None:
        """Take `rows` as all there is, of these personas or (None) of everybody."""
        fresh: dict[int, list[BindingRow]] = {}
        for row in rows:
            fresh.setdefault(row.persona_id, []).append(row)
        if personas is None:
            self._bindings.clear()
        for persona_id in personas if personas is not None else ():
            self._bindings.pop(persona_id, None)
        for persona_id, mine in fresh.items():
            self._bindings[persona_id] = by_preference(mine)

    def set(self, persona_id: int, bindings: tuple[BindingRow, ...]) -> None:
        """Remember what a committed REGISTER left in force."""
        self.heard(persona_id, bindings)
        self._changed(persona_id, bindings)

    def heard(self, persona_id: int, bindings: tuple[BindingRow, ...]) -> None:
        """Remember what is in force, from wherever it is known."""
        if bindings:
            self._bindings[persona_id] = bindings
        else:
            self._bindings.pop(persona_id, None)

    def of(self, persona_id: int, now: datetime) -> tuple[BindingRow, ...]:
        """The live bindings of a persona, best first."""
        return tuple(row for row in self._bindings.get(persona_id, ()) if row.expires_at > now)

    def over(self, flows: Collection[str]) -> list[BindingRow]:
        """The bindings that were registered over these flows, in words."""
        return [row for rows in self._bindings.values() for row in rows if row.flow in flows]

    def discard(self, ended: BindingRow) -> None:
        """A binding has been ended, unless it was written again meanwhile."""
        mine = self._bindings.get(ended.persona_id, ())
        self.set(ended.persona_id, tuple(row for row in mine if row.id != ended.id or row.version > ended.version))

    def expire(self, now: datetime) -> None:
        """Let go of bindings that have run out, a few users at a time."""
        for _ in range(min(LOOKED_AT, len(self._bindings))):
            persona_id, rows = next(iter(self._bindings.items()))
            del self._bindings[persona_id]
            self.heard(persona_id, tuple(row for row in rows if row.expires_at > now))

    def __contains__(self, persona_id: int) -> bool:
        return persona_id in self._bindings

    def __len__(self) -> int:
        return sum(map(len, self._bindings.values()))


def contact_header(row: BindingRow, now: datetime) -> tuple[str, str]:
    """The Contact of a binding in the 200 of a REGISTER, with the seconds that are left."""
    left = max(0, round((row.expires_at - now).total_seconds()))
    instance = f';+sip.instance="{row.instance}"' if row.instance else ""
    return "Contact", f"<{row.contact}>;q={row.q:g};expires={left}{instance}"
