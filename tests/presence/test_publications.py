"""The rules for PUBLISH, without a wire and without a database."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from presence.engine.errors import (
    EntityTagMismatch,
    IntervalTooBrief,
    MalformedDocument,
    NotAuthorised,
    UnsupportedMediaType,
)
from presence.publications import MAX_PUBLICATIONS, PublishPlan, plan_publish
from presence.rows import PublicationRow
from presence.store import Mark, Put
from provisioning.policy import Bounds, PersonaFacts, Policy
from provisioning.uri import Aor

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
XTEN3 = PersonaFacts(1, Aor("sip:xten3@compb.cisco.com"), "", True)
XTEN4 = PersonaFacts(2, Aor("sip:xten4@compb.cisco.com"), "", True)
POLICY = Policy(expiry={"publish": Bounds(60, 3600, 7200), "rest": Bounds(10, 3600, 86400)})
OPEN = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:x@y"><tuple id="t"><status><basic>open</basic></status></tuple></presence>'  # noqa: E501


def publish(**changes: Any) -> PublishPlan:
    numbers = count(0x10)
    arguments: dict[str, Any] = {
        "persona": XTEN3,
        "publisher": XTEN3.aor,
        "publisher_persona": XTEN3,
        "entity_tag": None,
        "expires": 3600,
        "content_type": "application/pidf+xml",
        "body": OPEN,
        "user_agent": "eyeBeam",
        "door": "sip",
        "held": {},
        "ever_published": True,
        "policy": POLICY,
        "now": NOON,
        "new_id": lambda: next(numbers),
        **changes,
    }
    return plan_publish(**arguments)


def held() -> PublicationRow:
    row = publish().row
    assert row is not None
    return row


def again(row: PublicationRow, **changes: Any) -> PublishPlan:
    return publish(entity_tag=row.entity_tag, held={row.id: row}, **changes)


def test_a_first_publication_gets_a_tag_and_an_expiry() -> None:
    """D-11, R-PUB-25: a new tag in every 200, the granted time with it."""
    planned = publish()
    assert planned.plan is not None and planned.row is not None
    assert (planned.entity_tag, planned.granted) == ("10-1", 3600)
    assert planned.plan.changes == (Put("publication", planned.row, None),)
    assert planned.row.expires_at == NOON + timedelta(hours=1)


def test_the_first_component_ever_is_remembered_in_the_same_commit() -> None:
    """D-23 rule 2."""
    planned = publish(ever_published=False)
    assert planned.plan is not None and Mark(1) in planned.plan.changes


@pytest.mark.parametrize(("asked", "granted"), [(None, 3600), (60, 60), (7200, 7200), (7201, 3600), (4294967295, 3600)])
def test_the_granted_expiry_follows_the_bounds(asked: int | None, granted: int) -> None:
    """R-PUB-25, R-PUB-27, R-PUB-28: too large is the default, not the maximum."""
    assert publish(expires=asked).granted == granted


def test_too_brief_is_refused() -> None:
    """R-PUB-26, D-03."""
    with pytest.raises(IntervalTooBrief) as refused:
        publish(expires=59)
    assert refused.value.minimum == 60


def test_publications_by_rest_have_bounds_of_their_own() -> None:
    """D-05."""
    assert publish(expires=10, door="rest").granted == 10


def test_a_refresh_keeps_the_document_and_changes_the_tag() -> None:
    """D-11: a refresh has a tag and no body."""
    row = held()
    later = NOON + timedelta(seconds=100)
    planned = again(row, body=b"", content_type=None, now=later)
    assert planned.row == row._replace(version=2, updated_at=later, expires_at=later + timedelta(hours=1))
    assert planned.entity_tag == "10-2"


def test_a_modification_has_both() -> None:
    """D-11."""
    row = held()
    body = OPEN.replace(b"open", b"closed")
    planned = again(row, body=body, now=NOON + timedelta(seconds=1))
    assert planned.row is not None and planned.plan is not None
    assert (planned.row.body, planned.row.changed_at) == (body, NOON + timedelta(seconds=1))
    assert planned.plan.changes == (Put("publication", planned.row, 1),)


def test_the_same_document_again_is_no_change_of_content() -> None:
    """D-40."""
    row = held()
    planned = again(row, now=NOON + timedelta(seconds=1))
    assert planned.row is not None and planned.row.changed_at == NOON


def test_a_removal_leaves_a_tombstone() -> None:
    """D-04: Expires 0 with the tag removes, whatever the minimum is."""
    row = held()
    planned = again(row, body=b"", content_type=None, expires=0)
    assert planned.row is not None
    assert (planned.row.body, planned.row.expires_at, planned.granted) == (b"", NOON, 0)


def test_expires_zero_without_a_tag_leaves_nothing_behind() -> None:
    """D-04."""
    planned = publish(expires=0)
    assert (planned.plan, planned.row, planned.granted) == (None, None, 0)
    with pytest.raises(EntityTagMismatch):
        publish(entity_tag=planned.entity_tag)


@pytest.mark.parametrize("tag", ["", "10", "10-2", "11-1", "x-1", "-", "10-1-1", "ffffffffffffffffffff-1"])
def test_an_unknown_tag_is_a_mismatch(tag: str) -> None:
    """D-11: 412."""
    row = held()
    with pytest.raises(EntityTagMismatch):
        publish(entity_tag=tag, held={row.id: row})


def test_the_tag_of_an_expired_publication_is_unknown() -> None:
    """D-11, section 6."""
    row = held()
    with pytest.raises(EntityTagMismatch):
        again(row, now=NOON + timedelta(hours=1))


def test_another_type_is_refused_with_what_is_accepted() -> None:
    """D-08, R-PUB-08."""
    with pytest.raises(UnsupportedMediaType) as refused:
        publish(content_type="text/plain")
    assert refused.value.accepted == ("application/pidf+xml",)
    with pytest.raises(UnsupportedMediaType):
        publish(content_type=None)


@pytest.mark.parametrize("content_type", ["application/pidf+xml;charset=UTF-8", "Application/PDF+XML"])
def test_spellings_of_the_type_are_accepted(content_type: str) -> None:
    """V-02, section 12.2: types compare without regard to case, the misprint is taken."""
    assert publish(content_type=content_type).granted == 3600


def test_a_first_publication_without_a_body_is_refused() -> None:
    """D-11: only a refresh has no body."""
    with pytest.raises(MalformedDocument):
        publish(body=b"", content_type=None)


def test_only_the_user_itself_publishes() -> None:
    """R-PUB-05, D-19: the publish policy is self."""
    with pytest.raises(NotAuthorised):
        publish(publisher=XTEN4.aor, publisher_persona=XTEN4)
    with pytest.raises(NotAuthorised):
        publish(publisher=None, publisher_persona=None, trusted=True)


def test_a_delegate_publishes_where_the_policy_says_so() -> None:
    """D-19: self or listed delegates; any trusted peer."""
    delegating = XTEN3._replace(publish_policy="delegates", delegates=frozenset({2}))
    assert publish(persona=delegating, publisher_persona=XTEN4).granted
    with pytest.raises(NotAuthorised):
        publish(persona=delegating._replace(delegates=frozenset()), publisher_persona=XTEN4)
    trusting = XTEN3._replace(publish_policy="trusted_peer")
    assert publish(persona=trusting, publisher_persona=None, trusted=True).granted
    with pytest.raises(NotAuthorised):
        publish(persona=trusting, publisher_persona=XTEN4, trusted=False)


def test_the_number_of_publications_is_bounded() -> None:
    row = held()
    many = {id: row._replace(id=id) for id in range(MAX_PUBLICATIONS)}
    with pytest.raises(NotAuthorised):
        publish(held=many)
    assert publish(held=many, now=NOON + timedelta(hours=2)).granted, "those that have expired do not count"


def test_legacy_dialects_are_counted() -> None:
    """Section 12: each use is counted, so that an operator sees who still needs it."""
    met: list[str] = []
    publish(content_type="application/pdf+xml", count=met.append)
    assert met == ["media-type"]
