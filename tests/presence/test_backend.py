"""The rules for back-end subscriptions, without a wire and without a database (D-30, D-31, D-32, R-BCK, R-FRN)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from presence import backend
from presence.backend import Want
from presence.engine.errors import MalformedDocument, UnsupportedMediaType
from presence.rows import BackendRow, SubscriptionRow, key_of
from presence.store import Mark, Put, Remove
from provisioning.policy import Bounds, DomainFacts, MappingFacts, PersonaFacts, Policy, ServerFacts
from provisioning.uri import Aor
from tests.presence.engine.documents import device, presence

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOE = PersonaFacts(1, Aor("sip:joe@cisco.com"), "", True)
CM = ServerFacts(7, "cm", "127.0.0.1", "udp", "", 1800, False, "", True)
SHARED = ServerFacts(8, "shared", "127.0.0.2", "udp", "partner.example", None, True, "", True)
OFF = ServerFacts(9, "off", "127.0.0.3", "udp", "off.example", None, False, "", False)
POLICY = Policy(
    domains={"cisco.com": DomainFacts(1, "cisco.com", "cisco.com")},
    personas={1: JOE},
    expiry={"backend": Bounds(60, 3600, 86400)},
    servers={one.id: one for one in (CM, SHARED, OFF)},
    mappings={
        1: (
            MappingFacts(Aor("sip:5555@cm.cisco.com"), 7, 5),
            MappingFacts(Aor("sip:joe@partner.example"), 8, 2),
            MappingFacts(Aor("sip:joe@off.example"), 9, 9),
        )
    },
)
BODY = presence(device("line1", contact="sip:5555@cm.cisco.com"))


def front(**changes: Any) -> SubscriptionRow:
    values: dict[str, Any] = {
        "id": 1, "version": 1, "persona_id": 1, "kind": "user", "uri": "sip:joe@cisco.com", "members": "",
        "watcher": "sip:ann@cisco.com", "event_id": "", "min_interval": 0.0,
        "accept": "application/pidf+xml, application/x-other+xml", "eventlist": False, "user_agent": "",
        "state": "active", "reason": "", "edge": "e", "dialog": "[]", "cseq": 1, "sent_digest": "",
        "created_at": NOON, "updated_at": NOON, "expires_at": NOON, **changes,
    }  # fmt: skip
    return SubscriptionRow(**values)


WANT = Want(1, JOE.aor, Aor("sip:5555@cm.cisco.com"), 7, False, Aor("sip:ann@cisco.com"), "application/pidf+xml")


def row(**changes: Any) -> BackendRow:
    return backend.begin(WANT, id=11, priority=5, edge="edge-1", now=NOON)._replace(**changes)


def test_each_mapping_is_a_subscription_in_the_watchers_name() -> None:
    """R-AOR-08, R-BCK-03, R-BCK-04, R-BCK-05, R-BCK-06, R-BCK-07, R-BCK-08, R-BCK-11, R-BCK-13, D-30: or in our own,
    with shared identity.
    """
    needed = backend.wants(front(), 1, JOE.aor, POLICY)
    assert [(want.foreign, want.watcher, want.accept, want.shared, priority) for want, _, priority in needed] == [
        ("sip:5555@cm.cisco.com", "sip:ann@cisco.com", "application/pidf+xml, application/x-other+xml", False, 5),
        ("sip:joe@partner.example", "sip:presence@cisco.com", "", True, 2),
    ]
    assert {want.local for want, _, _ in needed} == {JOE.aor}


def test_equal_needs_are_one_subscription() -> None:
    """D-30: one for a foreign presentity, an identity and accepted types."""
    mine = {want for want, _, _ in backend.wants(front(), 1, JOE.aor, POLICY)}
    again = {want for want, _, _ in backend.wants(front(id=2), 1, JOE.aor, POLICY)}
    other = {want for want, _, _ in backend.wants(front(watcher="sip:bob@cisco.com"), 1, JOE.aor, POLICY)}
    types = {want for want, _, _ in backend.wants(front(accept="application/pidf+xml"), 1, JOE.aor, POLICY)}
    assert mine == again and len(mine & other) == len(mine & types) == 1, "only the shared one is for both"


def test_a_whole_domain_needs_no_mapping() -> None:
    """D-02: the address is the foreign one; a server that is off covers nothing."""
    bob = Aor("sip:bob@partner.example")
    ((want, server, _),) = backend.wants(front(kind="foreign", persona_id=None, uri=bob), key_of(bob), bob, POLICY)
    assert (want.local, want.foreign, server) == (bob, bob, SHARED)
    off = Aor("sip:bob@off.example")
    assert backend.wants(front(kind="foreign", persona_id=None, uri=off), key_of(off), off, POLICY) == []


def test_types_that_only_lists_have_are_not_passed_on() -> None:
    """R-BCK-11."""
    accept = "multipart/related, application/rlmi+xml, application/pidf+xml;q=0.5, application/x-other+xml"
    (want, _, _), _ = backend.wants(front(kind="list", accept=accept), 1, JOE.aor, POLICY)
    assert want.accept == "application/pidf+xml;q=0.5, application/x-other+xml"


@pytest.mark.parametrize(("server", "seconds"), [(CM, 1800), (SHARED, 3600)])
def test_how_long_is_asked_for(server: ServerFacts, seconds: int) -> None:
    """R-BCK-09: the server's value, else the global default."""
    assert backend.asked_expires(server, POLICY) == seconds


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_grant_is_refreshed_in_good_time(chance: float) -> None:
    """D-32: at 80 %, up to 10 % earlier."""
    plan, after = backend.granted(row(failures=3), 1000, dialog="[]", chance=chance, now=NOON)
    assert after.refresh_at == NOON + timedelta(seconds=800 - 80 * chance)
    assert (after.expires_at, after.failures, after.version) == (NOON + timedelta(seconds=1000), 3, 2)
    assert plan.changes == (Put("backend", after, 1),) and plan.persona_id == 1


def test_delays_grow_up_to_a_limit() -> None:
    """D-32: doubled each time, varied by a quarter either way; what the server asks for goes before."""
    delays = [backend.retry_delay(failures, None, 0.5) for failures in range(40)]
    assert delays[:3] == [2, 4, 8] and delays[-1] == backend.LONGEST_RETRY and sorted(delays) == delays
    assert [backend.retry_delay(0, None, chance) for chance in (0, 1)] == [1.5, 2.5]
    assert backend.retry_delay(5, 30, 0.5) == 30.5
    assert backend.retry_delay(0, 10**9, 0.0) == backend.PATIENCE


@pytest.mark.parametrize(("status", "state"), [(404, "stopped"), (603, "stopped"), (503, "waiting"), (408, "waiting")])
def test_a_failure_waits_or_stops_and_the_state_stays(status: int, state: str) -> None:
    """D-32: the component keeps its last state until its expiry."""
    ends = NOON + timedelta(minutes=5)
    _, after = backend.failed(
        row(state="active", body=BODY, expires_at=ends), status, retry_after=None, chance=0.5, now=NOON
    )
    assert (after.state, after.reason, after.body, after.expires_at) == (state, str(status), BODY, ends)
    assert (after.refresh_at > NOON + timedelta(days=1000)) == (state == "stopped")


def notified(before: BackendRow, **changes: Any) -> backend.Notified:
    values: dict[str, Any] = {
        "state": "active", "expires": 600, "reason": "", "retry_after": None, "content_type": "application/pidf+xml",
        "body": BODY, "user_agent": "Cisco-CCM5.1", "dialog": "[]", "chance": 0.0, "now": NOON, **changes,
    }  # fmt: skip
    return backend.notified(before, **values)


def test_a_state_is_taken_in_like_a_publication() -> None:
    """R-FRN-01, R-FRN-02, R-FRN-03, R-FRN-04, R-FRN-05, R-FRN-13, D-23 rule 2: the first one is remembered with the
    user.
    """
    first = notified(row())
    assert (first.row.state, first.row.user_agent, first.row.body) == ("active", "Cisco-CCM5.1", BODY)
    assert first.row.refresh_at == NOON + timedelta(seconds=480) and first.document is not None
    assert first.plan.changes[1] == Mark(1)
    again = notified(first.row, now=NOON + timedelta(seconds=9))
    assert again.row.changed_at == NOON and len(again.plan.changes) == 1
    empty = notified(first.row, body=b"", content_type=None)
    assert empty.row.body == BODY and empty.document is None


@pytest.mark.parametrize(
    "kind", ["application/cpim-pidf+xml", "application/pdf+xml", "APPLICATION/PIDF+XML; charset=x"]
)
def test_presence_types_and_their_misprints_are_read(kind: str) -> None:
    """R-BCK-12, R-FRN-04, D-33, V-02."""
    assert notified(row(), content_type=kind).row.body == BODY


def test_a_bad_body_changes_nothing() -> None:
    """R-FRN-04, D-39."""
    with pytest.raises(UnsupportedMediaType):
        notified(row(), content_type="text/plain")
    with pytest.raises(MalformedDocument):
        notified(row(), body=b"<presence")


@pytest.mark.parametrize(
    ("reason", "retry_after", "failures", "state", "again"),
    [
        ("deactivated", None, 0, "trying", True),
        ("timeout", None, 0, "trying", True),
        ("deactivated", None, 1, "waiting", False),
        ("probation", 30, 0, "waiting", False),
        ("giveup", None, 2, "waiting", False),
        ("", None, 0, "waiting", False),
        ("noresource", None, 0, "stopped", False),
        ("rejected", None, 0, "stopped", False),
    ],
)
def test_an_end_says_what_comes_next(
    reason: str, retry_after: int | None, failures: int, state: str, again: bool
) -> None:
    """D-32, RFC 6665 section 4.1.3."""
    before = row(state="active", body=BODY, failures=failures, expires_at=NOON + timedelta(seconds=99))
    after = notified(before, state="terminated", reason=reason, retry_after=retry_after, expires=None, body=b"")
    assert (after.row.state, after.again) == (state, again)
    assert (after.row.body, after.row.expires_at, after.row.dialog) == (BODY, before.expires_at, "")
    if retry_after is not None:
        assert after.row.refresh_at == NOON + timedelta(seconds=retry_after)


def test_what_nobody_needs_is_removed() -> None:
    """F-5 (6)."""
    assert backend.removed(row(version=4)).changes == (Remove("backend", 11, 4),)
