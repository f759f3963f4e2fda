"""The rules for back-end subscriptions: ours, at servers that hold state of our presentities (section 8, D-30 to D-32).

What a server answered and the time go in, a row comes out. No I/O: chance (for delays that must not come together)
is handed in as a number from 0 to 1.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from presence.engine import media, pidf
from presence.engine.errors import UnsupportedMediaType
from presence.engine.types import Document
from presence.rows import BACKEND, LIST, BackendRow, SubscriptionRow
from presence.store import Change, Mark, Plan, Put, Remove
from provisioning.policy import Policy, ServerFacts
from provisioning.uri import Aor

TRYING = "trying"
ACTIVE = "active"
PENDING = "pending"
WAITING = "waiting"
STOPPED = "stopped"

REFRESH_AT = 0.8
"Part of the granted time after which a subscription is refreshed (D-32)."

SPREAD = 0.1
"Part of that moment by which refreshes are spread, so that they do not come all at once (D-32)."

FIRST_RETRY = 2.0
"Seconds until the second attempt at a server that did not answer or refused."

LONGEST_RETRY = 600.0
"Seconds between two attempts at a server that is away for long."

JITTER = 0.25
"Part of a delay by which it is varied either way."

PATIENCE = 3600.0
"Seconds that a Retry-After can ask for: more is a slip of somebody's finger."

FINAL = frozenset({404, 603})
"Answers after which nothing is tried until the mapping changes (D-32)."

AGAIN_AT_ONCE = frozenset({"deactivated", "timeout"})
"Reasons of a terminated subscription after which a new one is made at once (RFC 6665 4.1.3)."

FINAL_REASONS = frozenset({"noresource", "rejected", "invariant"})
"Reasons after which nothing is tried until the mapping changes."

LONGEST_MINIMUM = 86_400
"Seconds: a server that wants longer intervals than this is not obeyed."

NEVER = timedelta(days=3650)
"Until the next attempt, when there is to be none."


class Want(NamedTuple):
    """A back-end subscription that a watcher needs; equal ones are one (D-30)."""

    key: int
    local: Aor
    foreign: Aor
    server_id: int
    shared: bool
    watcher: Aor
    accept: str


def wants(row: SubscriptionRow, key: int, uri: Aor, policy: Policy) -> list[tuple[Want, ServerFacts, int]]:
    """What a watcher of one presentity needs: (subscription, server, priority) for each source of its state.

    `row` is the watcher's subscription, `key` and `uri` are the presentity, a member of the list if it is one.
    """
    found: Iterable[tuple[Aor, ServerFacts, int]]
    if key < 0:
        server = policy.covering(uri.host)
        found = [(uri, server, 0)] if server is not None else []
    else:
        found = [(mapping.foreign, server, mapping.priority) for mapping, server in policy.mapped(key)]
    accept = media.for_members(row.accept) if row.kind == LIST else row.accept
    persona = policy.personas.get(key)
    local = persona.aor if persona is not None else uri
    needed = []
    for foreign, server, priority in found:
        shared = server.shared_identity
        watcher = policy.identity_at(server) if shared else Aor(row.watcher)
        said = "" if shared else accept
        needed.append((Want(key, local, foreign, server.id, shared, watcher, said), server, priority))
    return needed


def begin(want: Want, *, id: int, priority: int, edge: str, now: datetime) -> BackendRow:
    """A new back-end subscription, neither written nor sent yet."""
    return BackendRow(
        id=id,
        version=1,
        key=want.key,
        local=want.local,
        foreign=want.foreign,
        server_id=want.server_id,
        shared=want.shared,
        watcher=want.watcher,
        accept=want.accept,
        priority=priority,
        edge=edge,
        dialog="",
        state=TRYING,
        reason="",
        failures=0,
        body=b"",
        user_agent="",
        created_at=now,
        changed_at=now,
        updated_at=now,
        refresh_at=now,
        expires_at=now,
    )


def inserted(row: BackendRow) -> Plan:
    """Write a new one."""
    return Plan(row.key, (Put(BACKEND, row, None),))


def changed(row: BackendRow, now: datetime, *, mark: bool = False, **columns: object) -> tuple[Plan, BackendRow]:
    """The row with these columns changed."""
    after = row._replace(version=row.version + 1, updated_at=now, **columns)
    changes: list[Change] = [Put(BACKEND, after, row.version)]
    if mark:
        changes.append(Mark(row.key))
    return Plan(row.key, tuple(changes)), after


def removed(row: BackendRow) -> Plan:
    """Nobody needs it any more."""
    return Plan(row.key, (Remove(BACKEND, row.id, row.version),))


def asked_expires(server: ServerFacts, policy: Policy) -> int:
    """Seconds to ask for (R-BCK-09): the server's own value, else that of all back-end subscriptions."""
    return server.expires if server.expires is not None else policy.expiry["backend"].default


def granted(row: BackendRow, seconds: int, *, dialog: str, chance: float, now: datetime) -> tuple[Plan, BackendRow]:
    """The server accepted a SUBSCRIBE for `seconds`; it is refreshed in good time (D-32).

    Only a NOTIFY says that all is well again: a server that accepts and ends at once is not asked without a pause.
    """
    state = row.state if row.state in (ACTIVE, PENDING) else TRYING
    return changed(
        row, now, dialog=dialog, state=state, reason="", refresh_at=refresh_at(seconds, chance, now),
        expires_at=now + timedelta(seconds=seconds),
    )  # fmt: skip


def refresh_at(seconds: float, chance: float, now: datetime) -> datetime:
    """When a subscription of so many seconds is refreshed: at 80 %, up to 10 % earlier at random."""
    return now + timedelta(seconds=seconds * REFRESH_AT * (1 - SPREAD * chance))


def failed(
    row: BackendRow, status: int, *, retry_after: int | None, chance: float, now: datetime
) -> tuple[Plan, BackendRow]:
    """A SUBSCRIBE failed: wait longer each time, or stop (D-32). The state counts until its expiry."""
    if status in FINAL:
        return changed(row, now, dialog="", state=STOPPED, reason=str(status), refresh_at=now + NEVER)
    delay = retry_delay(row.failures, retry_after, chance)
    return changed(
        row, now, dialog="", state=WAITING, reason=str(status), failures=row.failures + 1,
        refresh_at=now + timedelta(seconds=delay),
    )  # fmt: skip


def retry_delay(failures: int, retry_after: int | None, chance: float) -> float:
    """Seconds until the next attempt after `failures` earlier ones; what the server asked for goes before."""
    if retry_after is not None:
        return min(float(retry_after), PATIENCE) + chance
    delay = min(FIRST_RETRY * 2.0 ** min(failures, 20), LONGEST_RETRY)
    return float(delay * (1 + JITTER * (2 * chance - 1)))


@dataclass(frozen=True, slots=True)
class Notified:
    """What a NOTIFY of a foreign server changes."""

    plan: Plan
    row: BackendRow
    document: Document | None
    "The new state, read; None when there was none."
    again: bool
    "A new subscription has to be made at once."


def notified(
    row: BackendRow,
    *,
    state: str,
    expires: int | None,
    reason: str,
    retry_after: int | None,
    content_type: str | None,
    body: bytes,
    user_agent: str,
    dialog: str,
    chance: float,
    now: datetime,
    dialects: bool = True,
    count: Callable[[str], None] | None = None,
) -> Notified:
    """Take in a NOTIFY (R-FRN-03 to R-FRN-14); raises UnsupportedMediaType, MalformedDocument, DocumentTooLarge."""
    document: Document | None = None
    columns: dict[str, object] = {"dialog": dialog}
    if body:
        if not media.is_pidf(content_type, dialects=dialects, count=count):
            raise UnsupportedMediaType(media.SENT)
        document = pidf.parse(body, dialects=dialects, count=count)
        columns["user_agent"] = user_agent
        if body != row.body:
            columns |= {"body": body, "changed_at": now}
    again = False
    if state == "terminated":
        columns["dialog"] = ""
        columns["reason"] = reason or "terminated"
        if reason in FINAL_REASONS:
            columns |= {"state": STOPPED, "refresh_at": now + NEVER}
        elif reason in AGAIN_AT_ONCE and retry_after is None and not row.failures:
            columns |= {"state": TRYING, "refresh_at": now, "failures": row.failures + 1}
            again = True
        else:
            delay = retry_delay(row.failures, retry_after, chance)
            columns |= {
                "state": WAITING,
                "failures": row.failures + 1,
                "refresh_at": now + timedelta(seconds=delay),
            }
    else:
        columns |= {"state": PENDING if state == "pending" else ACTIVE, "failures": 0, "reason": ""}
        if expires is not None:
            columns["expires_at"] = now + timedelta(seconds=expires)
            columns["refresh_at"] = refresh_at(expires, chance, now)
    first = bool(body) and not row.body and row.key > 0
    plan, after = changed(row, now, mark=first, **columns)
    return Notified(plan, after, document, again)
