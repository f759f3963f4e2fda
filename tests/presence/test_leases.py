"""Leases: who is taken for dead, by whom what it left is taken over, and that each row goes to one edge only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from presence import leases
from presence.leases import Gone
from presence.models import BackendSubscription, EdgeLease, Subscription
from provisioning.models import Domain, ForeignServer, Persona

pytestmark = pytest.mark.django_db(transaction=True)

LIFETIME = timedelta(seconds=30)
MARGIN = timedelta(seconds=5)


def lease(edge: str, *, ended: float = -30, clean: bool = False, since: float = 3600, **report: Any) -> None:
    """A lease that ran out so many seconds ago, of an edge that was started so many ago."""
    now = timezone.now()
    EdgeLease.objects.create(
        edge=edge, host="h", started_at=now - timedelta(seconds=since), renewed_at=now, clean=clean, report=report,
        settled_at=now - timedelta(minutes=5), expires_at=now - timedelta(seconds=ended),
    )  # fmt: skip


@pytest.fixture
def subscription() -> Callable[..., None]:
    persona = Persona(domain=Domain.objects.create(name="compb.cisco.com"), user="xten3")
    persona.save()

    def made(id: int, edge: str = "dead", state: str = "active") -> None:
        now = timezone.now()
        Subscription.objects.create(
            id=id, version=3, persona=persona, uri="", watcher="", event_id="", accept="", eventlist=False,
            user_agent="", state=state, reason="", edge=edge, dialog="", cseq=500, sent_digest="abc", created_at=now,
            updated_at=now, expires_at=now + timedelta(hours=1),
        )  # fmt: skip

    return made


def take(edge: str, ids: list[int]) -> list[int] | None:
    rows = leases.take_subscriptions("dead", edge, ids, margin=MARGIN, reserved=500)
    return [row.id for row in rows] if rows is not None else None


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize(("ended", "seen", "late"), [(-1, 0, False), (3, 0, False), (6, 1, False), (36, 1, True)])
def test_an_edge_is_gone_some_time_after_its_lease(ended: float, seen: int, late: bool, clean: bool) -> None:
    """DESIGN 9: stopped in order or not; who is still late after another lease is waited for no more."""
    lease("me"), lease("other", ended=ended, clean=clean)
    found = leases.gone("me", LIFETIME, MARGIN)
    assert [(one.edge, one.survivors, one.late) for one in found] == [("other", ("me",), late)] * seen


def test_who_has_just_started_or_is_about_to_leave_takes_nothing_over() -> None:
    lease("dead", ended=60), lease("a"), lease("young", since=10), lease("b"), lease("leaving", drain={"step": "x"})
    (gone,) = leases.gone("young", LIFETIME, MARGIN)
    assert gone.survivors == ("a", "b")
    assert not gone.share([1, 2, 3], "young") and not gone.share([1], "leaving")


def test_the_survivors_share_all_there_is() -> None:
    """Each row falls to one of them, in about equal parts, also where ids end alike; later to anybody."""
    ids = [one * 2654435761 % 2**54 << 8 | 5 for one in range(3000)]
    gone = Gone("dead", timezone.now(), ("a", "b", "c"), late=False)
    shares = [gone.share(ids, edge) for edge in gone.survivors]
    assert sorted(id for share in shares for id in share) == sorted(ids)
    assert all(800 < len(share) < 1200 for share in shares)
    late = Gone("dead", timezone.now(), ("a", "b", "c"), late=True)
    assert late.share(ids, "b") == ids


def test_each_subscription_goes_to_one_edge(subscription: Callable[..., None]) -> None:
    """D-11, R-NTF-05: with a block of CSeq numbers of its own; ended ones stay, a repetition changes nothing."""
    lease("dead", ended=60)
    subscription(1), subscription(2), subscription(3, state="terminated"), subscription(4, edge="a")
    assert leases.subscriptions_of("dead") == [1, 2]
    assert take("a", [1, 3]) == [1] and take("b", [1, 2]) == [2] and take("a", [1]) == [1]
    rows = Subscription.objects.order_by("id").values_list("id", "edge", "version", "cseq", "sent_digest")
    assert list(rows) == [
        (1, "a", 4, 1000, ""), (2, "b", 4, 1000, ""), (3, "dead", 3, 500, "abc"), (4, "a", 3, 500, "abc")
    ]  # fmt: skip


def test_an_edge_that_is_back_keeps_what_is_left(subscription: Callable[..., None]) -> None:
    """It says so in one row, and the others look there in the transaction in which they take something."""
    lease("dead", ended=60)
    subscription(1), subscription(2)
    assert take("a", [1]) == [1]
    before = leases.take("dead", LIFETIME, host="h", started_at=timezone.now(), report={})
    assert before is not None and not before.clean
    assert EdgeLease.objects.get().settled_at == before.settled_at, "nothing is resumed yet"
    assert take("a", [2]) is None and take("a", [1, 2]) == [1]
    assert leases.owned("dead") == ({2}, set())


def test_a_first_start_takes_a_lease_of_its_own() -> None:
    assert leases.take("new", LIFETIME, host="h", started_at=timezone.now(), report={}) is None
    row = EdgeLease.objects.get()
    assert row.state(timezone.now()) == "running" and LIFETIME - MARGIN < row.expires_at - row.renewed_at <= LIFETIME


def test_back_end_subscriptions_are_found_by_what_they_are(subscription: Callable[..., None]) -> None:
    """D-30: and are due at once, since the server knows the Contact of the edge that is gone."""
    lease("dead", ended=60)
    server = ForeignServer.objects.create(name="far", address="192.0.2.1")
    now = timezone.now()
    for id, edge in ((1, "dead"), (2, "a")):
        BackendSubscription.objects.create(
            id=id, version=1, key=5, local="sip:a@here.example", foreign="sip:a@far.example", server=server,
            shared=True, watcher="sip:here.example", accept="", priority=1, edge=edge, dialog="", state="active",
            reason="", failures=0, body=b"x", user_agent="", created_at=now, changed_at=now, updated_at=now,
            refresh_at=now + timedelta(hours=1), expires_at=now + timedelta(hours=1),
        )  # fmt: skip
    ((want, id),) = leases.backends_of("dead")
    assert (want.key, want.foreign, id) == (5, "sip:a@far.example", 1)
    (row,) = leases.take_backends("dead", "b", [1, 2], margin=MARGIN)
    assert (row.edge, row.version, row.body) == ("b", 2, b"x") and row.refresh_at <= timezone.now()


def test_the_lease_of_a_dead_edge_says_who_has_taken_over_how_much() -> None:
    """For the page and for REST; the edge's own report, when it is back, begins without it."""
    lease("dead", ended=60)
    leases.note("dead", "a", {"subscriptions": 2}, MARGIN)
    leases.note("dead", "a", {"subscriptions": 3, "ended": 1}, MARGIN)
    leases.note("dead", "b", {"bindings": 1}, MARGIN)
    assert EdgeLease.objects.get().adopted == {"a": {"subscriptions": 5, "ended": 1}, "b": {"bindings": 1}}
    leases.renew("dead", LIFETIME, report={}, clean=False)
    leases.note("dead", "a", {"subscriptions": 1}, MARGIN)
    assert EdgeLease.objects.get().adopted == {}
