"""The rules for SUBSCRIBE, without a wire and without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from presence.access import Target
from presence.engine.errors import IntervalTooBrief, TryAgainLater
from presence.store import Put
from presence.subscriptions import MAX_WATCHERS, SubscribePlan, plan_end, plan_refresh, plan_subscribe
from provisioning.policy import Bounds, PersonaFacts
from provisioning.uri import Aor

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOUNDS = Bounds(60, 3600, 10800)


def subscribe(**changes: Any) -> SubscribePlan:
    arguments: dict[str, Any] = {
        "id": 7,
        "target": Target("user", 1, PersonaFacts(1, Aor("sip:xten3@compb.cisco.com"), "", True)),
        "uri": Aor("sip:alias@compb.cisco.com"),
        "watcher": Aor("sip:ippm4@compb.cisco.com"),
        "event_id": "",
        "accept": "application/pidf+xml",
        "eventlist": False,
        "user_agent": "MeetingPlace/5.1",
        "expires": 300,
        "dialog": "[]",
        "cseq": 500,
        "edge": "edge-1",
        "watching": 0,
        "bounds": BOUNDS,
        "now": NOON,
        **changes,
    }
    return plan_subscribe(**arguments)


@pytest.mark.parametrize(("asked", "granted"), [(None, 3600), (60, 60), (300, 300), (10800, 10800), (10801, 3600)])
def test_the_granted_expiry_follows_the_bounds(asked: int | None, granted: int) -> None:
    """R-SUB-19, R-SUB-20, R-SUB-22, R-SUB-23: above the maximum the default, not the maximum."""
    planned = subscribe(expires=asked)
    assert planned.granted == granted
    assert planned.row.expires_at == NOON + timedelta(seconds=granted)
    assert planned.plan is not None and planned.plan.changes == (Put("subscription", planned.row, None),)


def test_too_brief_is_refused() -> None:
    """R-SUB-21, D-03."""
    with pytest.raises(IntervalTooBrief) as refused:
        subscribe(expires=59)
    assert refused.value.minimum == 60


def test_a_fetch_leaves_nothing_behind() -> None:
    """D-04: Expires 0 outside a dialog is one NOTIFY."""
    planned = subscribe(expires=0)
    assert (planned.plan, planned.granted) == (None, 0)


def test_the_address_that_was_asked_for_is_kept() -> None:
    """D-29: the alias, not the main address of record."""
    assert subscribe().row.uri == "sip:alias@compb.cisco.com"


def test_a_refresh_changes_the_expiry_and_nothing_else() -> None:
    """R-SUB-03, R-SUB-04, D-10."""
    row = subscribe().row
    later = NOON + timedelta(seconds=200)
    planned = plan_refresh(row=row, expires=600, bounds=BOUNDS, now=later)
    assert planned.row == row._replace(version=2, updated_at=later, expires_at=later + timedelta(seconds=600))
    assert planned.plan is not None and planned.plan.changes == (Put("subscription", planned.row, 1),)


def test_a_refused_refresh_leaves_everything_as_it_was() -> None:
    """Section 6: R-SUB-21 for a refresh."""
    with pytest.raises(IntervalTooBrief):
        plan_refresh(row=subscribe().row, expires=1, bounds=BOUNDS, now=NOON)


def test_expires_zero_ends_it() -> None:
    """D-04, D-13: terminated with the reason timeout."""
    planned = plan_refresh(row=subscribe().row, expires=0, bounds=BOUNDS, now=NOON)
    assert (planned.row.state, planned.row.reason, planned.granted) == ("terminated", "timeout", 0)


@pytest.mark.parametrize("reason", ["timeout", "deactivated", "rejected", "giveup", "noresource"])
def test_an_end_is_a_row_with_its_reason(reason: str) -> None:
    """D-13."""
    planned = plan_end(row=subscribe().row, reason=reason, now=NOON)
    assert (planned.row.state, planned.row.reason, planned.row.expires_at) == ("terminated", reason, NOON)


def test_the_number_of_watchers_is_bounded() -> None:
    with pytest.raises(TryAgainLater):
        subscribe(watching=MAX_WATCHERS)
