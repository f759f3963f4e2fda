"""The rules for SUBSCRIBE (RFC 6665, section 5.1, D-04, D-10, D-12, D-13). Plans out, no I/O."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from presence.access import Target
from presence.engine.errors import TryAgainLater
from presence.engine.expiry import Bounds, grant
from presence.rows import SUBSCRIPTION, SubscriptionRow
from presence.store import Plan, Put
from provisioning.uri import Aor

MAX_WATCHERS = 20_000
"Subscriptions to one presentity at one edge: a person known to a whole company; a flood is more."

CROWDED = 60
"Seconds until a watcher may try again when there are too many."

ACTIVE = "active"
PENDING = "pending"
TERMINATED = "terminated"

DEACTIVATED = "deactivated"

REASONS = (DEACTIVATED, "probation", "rejected", "timeout", "giveup", "noresource")
"Why a subscription ends, as watchers are told (RFC 6665 4.1.3, D-13)."


class SubscribePlan(NamedTuple):
    """What a SUBSCRIBE changes."""

    plan: Plan | None
    "None for a fetch, which leaves nothing behind (D-04)."
    row: SubscriptionRow
    granted: int
    "Seconds; 0 ends the subscription."
    expected: int | None = None

    def with_row(self, row: SubscriptionRow) -> Plan:
        """The plan with a row to which the caller has added what only it knows."""
        return Plan(row.key, (Put(SUBSCRIPTION, row, self.expected),))


def plan_subscribe(
    *,
    id: int,
    target: Target,
    uri: Aor,
    members: Sequence[Aor] = (),
    watcher: Aor,
    event_id: str,
    min_interval: float = 0.0,
    accept: str,
    eventlist: bool,
    user_agent: str,
    pending: bool = False,
    expires: int | None,
    dialog: str,
    cseq: int,
    edge: str,
    watching: int,
    bounds: Bounds,
    now: datetime,
) -> SubscribePlan:
    """Plan a first SUBSCRIBE; raises IntervalTooBrief, or TryAgainLater when too many watch.

    `members`: the addresses of a list that was sent along. `pending`: the presentity has to decide first (D-15).
    `watching`: how many watch this presentity already. What stands here stays in force in every refresh (D-10).
    """
    granted = grant(expires, bounds)
    if watching >= MAX_WATCHERS:
        raise TryAgainLater(CROWDED)
    row = SubscriptionRow(
        id=id,
        version=1,
        persona_id=target.persona.id if target.persona is not None else None,
        kind=target.kind,
        uri=uri,
        members="\n".join(members),
        watcher=watcher,
        event_id=event_id,
        min_interval=min_interval,
        accept=accept,
        eventlist=eventlist,
        user_agent=user_agent,
        state=PENDING if pending else ACTIVE,
        reason="",
        edge=edge,
        dialog=dialog,
        cseq=cseq,
        sent_digest="",
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=granted),
    ).shared()
    planned = SubscribePlan(None, row, granted)
    return SubscribePlan(planned.with_row(row), row, granted) if granted else planned


def plan_refresh(*, row: SubscriptionRow, expires: int | None, bounds: Bounds, now: datetime) -> SubscribePlan:
    """Plan a SUBSCRIBE within the dialog: only the expiry changes (R-SUB-03), 0 ends; raises IntervalTooBrief."""
    granted = grant(expires, bounds)
    if not granted:
        return plan_end(row=row, reason="timeout", now=now)
    renewed = row._replace(version=row.version + 1, updated_at=now, expires_at=now + timedelta(seconds=granted))
    planned = SubscribePlan(None, renewed, granted, row.version)
    return SubscribePlan(planned.with_row(renewed), renewed, granted, row.version)


def plan_end(*, row: SubscriptionRow, reason: str, now: datetime) -> SubscribePlan:
    """Plan the end of a subscription, with a reason of D-13."""
    ended = row._replace(version=row.version + 1, state=TERMINATED, reason=reason, updated_at=now, expires_at=now)
    planned = SubscribePlan(None, ended, 0, row.version)
    return SubscribePlan(planned.with_row(ended), ended, 0, row.version)
