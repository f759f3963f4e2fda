"""The commit: what is acknowledged is there, a lost race is one plan's affair, and a retry does not write twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from presence import store
from presence.models import Publication, Subscription
from presence.rows import PublicationRow, SubscriptionRow
from presence.store import DatabaseAway, Mark, Outcome, Plan, Put, Remove, commit
from provisioning.models import Domain, Persona

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def persona() -> Persona:
    xten3 = Persona(domain=Domain.objects.create(name="compb.cisco.com"), user="xten3")
    xten3.save()
    return xten3


def publication(persona: Persona, id: int, version: int = 1, **changes: Any) -> PublicationRow:
    row = PublicationRow(
        id, version, persona.pk, persona.aor, "eyeBeam", "application/pidf+xml", "sip", b"<presence/>\x00\xff",
        NOON, NOON, NOON, datetime(2100, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return row._replace(**changes)


def put(row: Any, expected: int | None) -> Plan:
    return Plan(row.persona_id, (Put("publication", row, expected),))


def stored() -> dict[int, int]:
    return dict(Publication.objects.values_list("id", "version"))


def test_a_row_comes_back_as_it_was_written(persona: Persona) -> None:
    row = publication(persona, 2**62 + 7)
    assert commit([put(row, None)]) == [Outcome.COMMITTED]
    (loaded,) = store.load([persona.pk], NOON)
    assert loaded.publications == [row]
    assert loaded.ever_published is False


def test_a_plan_whose_version_is_gone_does_not_harm_the_others(persona: Persona) -> None:
    """D-11: one 412 in a batch is one request's affair."""
    commit([put(publication(persona, 1), None)])
    plans = [
        put(publication(persona, 2), None),
        put(publication(persona, 1, 3), 2),  # nobody has seen version 2
        put(publication(persona, 3), None),
    ]
    assert commit(plans) == [Outcome.COMMITTED, Outcome.CONFLICT, Outcome.COMMITTED]
    assert stored() == {1: 1, 2: 1, 3: 1}


def test_plans_of_one_batch_see_each_other_in_order(persona: Persona) -> None:
    """D-11: of two changes with one entity tag only the first wins, also within a batch."""
    plans = [
        put(publication(persona, 1), None),
        put(publication(persona, 1, 2, body=b"first"), 1),
        put(publication(persona, 1, 2, body=b"second", updated_at=NOON + timedelta(seconds=1)), 1),
        put(publication(persona, 1, 3, body=b"third"), 2),
    ]
    assert commit(plans) == [Outcome.COMMITTED, Outcome.COMMITTED, Outcome.CONFLICT, Outcome.COMMITTED]
    (row,) = Publication.objects.all()
    assert (row.version, bytes(row.body)) == (3, b"third")


def test_a_plan_that_was_already_committed_is_recognised(persona: Persona) -> None:
    """D-11: a retry after a lost connection is no 412 for a tag that was handed out."""
    plans = [put(publication(persona, 1), None)]
    assert commit(plans) == [Outcome.COMMITTED]
    assert commit(plans) == [Outcome.COMMITTED]
    again = [put(publication(persona, 1, 2), 1)]
    assert commit(again) == commit(again) == [Outcome.COMMITTED]


def test_a_plan_is_written_whole_or_not_at_all(persona: Persona) -> None:
    both = Plan(
        persona.pk,
        (Put("publication", publication(persona, 1), None), Put("publication", publication(persona, 2, 2), 1)),
    )
    assert commit([both]) == [Outcome.CONFLICT]
    assert stored() == {}


def test_a_user_that_was_deleted_is_a_conflict_of_its_own_plan(persona: Persona) -> None:
    gone = publication(persona, 2, persona_id=persona.pk + 1000)
    assert commit([put(publication(persona, 1), None), put(gone, None)]) == [Outcome.COMMITTED, Outcome.CONFLICT]
    assert stored() == {1: 1}


def test_rows_are_removed_only_in_the_version_that_was_looked_at(persona: Persona) -> None:
    """R-PUB-29: a refresh between the look and the sweep wins."""
    commit([put(publication(persona, 1, 2), None), put(publication(persona, 2), None)])
    plans = [Plan(persona.pk, (Remove("publication", 1, 1),)), Plan(persona.pk, (Remove("publication", 2, 1),))]
    assert commit(plans) == [Outcome.CONFLICT, Outcome.COMMITTED]
    assert stored() == {1: 2}


def test_the_first_component_is_remembered_for_ever(persona: Persona) -> None:
    """D-23 rule 2: whether the user ever had a component is a column of the user."""
    commit([Plan(persona.pk, (Mark(persona.pk), Put("publication", publication(persona, 1), None)))])
    commit([Plan(persona.pk, (Remove("publication", 1, 1),))])
    (loaded,) = store.load([persona.pk], NOON)
    assert (loaded.ever_published, loaded.publications) == (True, [])


def test_what_has_expired_is_not_loaded(persona: Persona) -> None:
    """R-PUB-29: readers do not wait for the sweep."""
    commit([put(publication(persona, 1, expires_at=NOON), None)])
    assert store.load([persona.pk], NOON)[0].publications == []
    assert len(store.load([persona.pk], NOON - timedelta(seconds=1))[0].publications) == 1


def test_broken_text_of_a_peer_is_stored_readable(persona: Persona) -> None:
    hostile = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert commit([put(publication(persona, 1, user_agent=hostile), None)]) == [Outcome.COMMITTED]
    assert Publication.objects.get().user_agent == "caf\N{REPLACEMENT CHARACTER}"


def test_subscriptions_that_have_not_ended_are_loaded_for_their_edge(persona: Persona) -> None:
    def row(id: int, edge: str, state: str) -> SubscriptionRow:
        return SubscriptionRow(
            id, 1, persona.pk, "user", persona.aor, "", "sip:w@x", "", 0.0, "", False, "", state, "", edge, "[]", 500,
            "", NOON, NOON, NOON,
        )  # fmt: skip

    rows = [row(1, "edge-1", "active"), row(2, "edge-1", "terminated"), row(3, "edge-2", "active")]
    commit([Plan(persona.pk, (Put("subscription", one, None),)) for one in rows])
    assert store.load_subscriptions("edge-1") == [rows[0]]
    assert Subscription.objects.count() == 3


def test_a_large_batch_is_one_transaction(persona: Persona, django_assert_max_num_queries: Any) -> None:
    plans = [put(publication(persona, id), None) for id in range(1, 501)]
    with django_assert_max_num_queries(4):
        assert set(commit(plans)) == {Outcome.COMMITTED}
    assert len(stored()) == 500


def test_a_lost_connection_is_told_and_the_next_attempt_begins_anew(
    persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Any, ids: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(store._Sqlite if connection.vendor == "sqlite" else store._Postgresql, "versions", lost)
        with pytest.raises(DatabaseAway, match="closed the connection"):
            commit([put(publication(persona, 1), None)])
    assert stored() == {}
    assert commit([put(publication(persona, 1), None)]) == [Outcome.COMMITTED]
