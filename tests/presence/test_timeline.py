"""Time lines of users: what is kept and for how long, the state at a time, and who may read it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence import publishing, timeline
from presence.engine.writing import Statement
from presence.identity import Identity
from presence.models import Publication, TimelineEntry
from presence.store import DatabaseAway
from presence.tasks import sweep_expired, sweep_timeline
from presence.timeline import CHANGED, ENDED, MADE, TOLD, Entry
from provisioning.models import Alias, EngineSettings, Persona
from provisioning.uri import Aor
from tests.presence import preview_cast as cast
from tests.presence.preview_cast import ANN, BOB, JOE

pytestmark = pytest.mark.django_db

API, PAGE = "/api/v1/timeline/", "/admin/presence/timelineentry/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def people() -> dict[str, Persona]:
    found = cast.people()
    Alias.objects.create(uri="sip:joseph@cisco.com", persona=found["joe"])
    return found


@pytest.fixture
def day(people: dict[str, Persona]) -> int:
    """Joe's: available at noon, busy at one, gone at two; Ann and Bob were told at once, of the last one nobody."""
    key = people["joe"].pk
    hour = timedelta(hours=1)
    second = timedelta(seconds=1)
    timeline.write(
        [
            Entry(1, NOON, key, JOE, "edge-1", MADE, "eyeBeam", "Unavailable", "Available"),
            Entry(2, NOON + second, key, JOE, "edge-1", TOLD, "", count=2, watchers=f"{ANN}\n{BOB}"),
            Entry(3, NOON + hour, key, JOE, "edge-1", CHANGED, "eyeBeam", "Available", "Busy"),
            Entry(4, NOON + hour + second, key, JOE, "edge-1", TOLD, "", count=1, watchers=ANN),
            Entry(5, NOON + 2 * hour, key, JOE, "sweep", ENDED, "ran out"),
            Entry(6, NOON, people["ann"].pk, ANN, "edge-1", MADE, "other", "", "Away"),
        ]
    )
    return key


def client(*rights: str) -> APIClient:
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return found


def browser(*rights: str) -> Client:
    client(*rights)
    found = Client()
    found.force_login(User.objects.get(username="kim"))
    return found


@pytest.mark.parametrize(
    ("minutes", "state", "cause", "told"),
    [(-1, "", None, None), (0, "Available", 1, 2), (59, "Available", 1, 2), (60, "Busy", 3, 4), (600, "Busy", 3, 4)],
)
def test_the_state_at_a_time(day: int, minutes: int, state: str, cause: int | None, told: int | None) -> None:
    """What made it so, and who was told; an entry that knows no state does not change it."""
    found = timeline.state_at(day, NOON + timedelta(minutes=minutes))
    assert found.state == state
    assert (found.cause.pk if found.cause else None, found.told.pk if found.told else None) == (cause, told)


def test_those_who_are_told_of_the_next_state_are_not_told_of_this_one(day: int) -> None:
    TimelineEntry.objects.filter(pk=2).delete()
    TimelineEntry.objects.filter(pk=3).update(at=NOON + timedelta(seconds=5))
    TimelineEntry.objects.filter(pk=4).update(at=NOON + timedelta(seconds=6))
    assert timeline.state_at(day, NOON + timedelta(seconds=1)).told is None


def test_what_two_edges_see_is_written_once(day: int) -> None:
    entry = Entry(1, NOON, day, JOE, "edge-2", MADE, "eyeBeam", "", "Away")
    timeline.write([entry, entry._replace(id=99)])
    assert TimelineEntry.objects.get(pk=1).edge == "edge-1" and TimelineEntry.objects.filter(pk=99).exists()


def test_old_entries_go(day: int) -> None:
    """After the days that the operator has set; twice is as good as once."""
    EngineSettings.objects.update(timeline_days=7)
    now = timezone.now()
    TimelineEntry.objects.exclude(pk=3).update(at=now - timedelta(days=6))
    TimelineEntry.objects.filter(pk=3).update(at=now - timedelta(days=7, seconds=1))
    assert (sweep_timeline(), sweep_timeline()) == (1, 0)
    assert TimelineEntry.objects.count() == 5


def test_a_program_that_publishes(people: dict[str, Persona]) -> None:
    """By REST: with the state before and after; only where it is wanted."""
    Publication.objects.all().delete()
    said = Statement(state="busy")
    identity = Identity(Aor(JOE), frozenset({people["joe"].pk}), False)
    tag = publishing.publish(identity, Aor(JOE), said, expires=600, entity_tag=None, user_agent="Desk/1").entity_tag
    assert not TimelineEntry.objects.exists(), "nobody wants it"
    Persona.objects.filter(aor=JOE).update(timeline=True)
    tag = publishing.publish(identity, Aor(JOE), None, expires=600, entity_tag=tag).entity_tag
    assert not TimelineEntry.objects.exists(), "a refresh is no news"
    publishing.publish(identity, Aor(JOE), None, expires=0, entity_tag=tag)
    entry = TimelineEntry.objects.get()
    assert (entry.what, entry.before, entry.after, entry.edge) == (ENDED, "Busy", "Unavailable", "web")
    assert "by rest" in entry.detail and "Desk/1" in entry.detail


def test_a_program_is_answered_also_when_its_entry_is_lost(
    people: dict[str, Persona], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is durable already."""
    EngineSettings.objects.update(timeline=True)

    def away(entries: Any) -> None:
        raise DatabaseAway("connection refused")

    monkeypatch.setattr(timeline, "write", away)
    identity = Identity(Aor(JOE), frozenset({people["joe"].pk}), False)
    done = publishing.publish(identity, Aor(JOE), Statement(state="busy"), expires=600, entity_tag=None)
    assert done.created and Publication.objects.filter(door="rest").exists()


@pytest.mark.parametrize("everybody", [True, False])
def test_what_runs_out_unnoticed_is_written_by_the_sweep(everybody: bool) -> None:
    """At the time when it ran out; not what was withdrawn, and nothing where it is not wanted."""
    ended = timezone.now() - timedelta(minutes=5)
    Publication.objects.filter(pk=7).update(expires_at=ended)
    Publication.objects.filter(pk=8).update(expires_at=ended, body=b"")
    if everybody:
        EngineSettings.objects.update(timeline=True)
    assert sweep_expired() == 2
    found = list(TimelineEntry.objects.all())
    assert len(found) == everybody
    if everybody:
        assert (found[0].at, found[0].what, found[0].edge, found[0].after) == (ended, ENDED, "sweep", "")
        assert "ran out: Cisco-CCM5.1" in found[0].detail


def test_a_broken_document_is_described_as_far_as_it_goes() -> None:
    """D-39: and what a client calls itself stays one line of text."""
    from presence.rows import PublicationRow

    row = PublicationRow(1, 1, 1, "", "a\nb\udcff", "", "sip", b"<", NOON, NOON, NOON, NOON)
    assert timeline.described(row, None) == "a?b? of nobody known by sip"


def test_rest_tells_the_moment_and_what_happened(day: int) -> None:
    found = client("view_timelineentry").get(API, {"persona": "joseph@cisco.com", "at": "2026-03-01T13:30:00Z"}).json()
    assert (found["persona"], found["moment"]["state"], found["more"]) == (JOE, "Busy", False)
    assert found["moment"]["since"] == "2026-03-01T13:00:00Z" and found["moment"]["told"]["watchers"] == [ANN]
    assert [one["what"] for one in found["entries"]] == ["ended", "told", "changed", "told", "made"]


def test_rest_tells_of_a_part_of_the_time(day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kim = client("view_timelineentry")
    asked = {"persona": JOE, "from": "2026-03-01T12:00:01Z", "to": "2026-03-01T13:00:00Z"}
    assert [one["what"] for one in kim.get(API, asked).json()["entries"]] == ["changed", "told"]
    monkeypatch.setattr(timeline, "SHOWN", 2)
    found = kim.get(API, {"persona": JOE}).json()
    assert len(found["entries"]) == 2 and found["more"] and found["moment"]["state"] == "Busy"


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, {"persona"}),
        ({"persona": "no address"}, {"persona"}),
        ({"persona": JOE, "at": "yesterday", "from": "x", "to": "y"}, {"at", "from", "to"}),
        ({"persona": JOE, "from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, {"to"}),
    ],
)
def test_rest_says_what_is_wrong(query: dict[str, str], wrong: set[str]) -> None:
    answer = client("view_timelineentry").get(API, query)
    assert answer.status_code == 400 and set(answer.json()["errors"]) == wrong


def test_rest_is_private() -> None:
    kim = client("view_subscription", "view_persona", "view_livestate")
    assert kim.get(API, {"persona": JOE}).status_code == 403
    assert APIClient().get(API, {"persona": JOE}).status_code in (401, 403)


def test_rest_knows_no_others_and_is_described() -> None:
    kim = client("view_timelineentry")
    assert kim.get(API, {"persona": "sip:nobody@cisco.com"}).status_code == 404
    found = kim.get("/api/v1/schema/", {"format": "json"}).json()["paths"][API]["get"]
    assert {one["name"] for one in found["parameters"]} == {"persona", "at", "from", "to"}


def test_the_page_shows_the_state_at_a_time(day: int) -> None:
    kim = browser("view_timelineentry")
    assert 'id="state"' not in kim.get(PAGE).content.decode(), "nothing was asked yet"
    text = kim.get(PAGE, {"persona": "joseph@cisco.com", "at": "2026-03-01T13:30:00"}).content.decode()
    assert '<p class="state" id="state">Busy</p>' in text and f"First told of it: {ANN}." in text
    assert "Available → Busy" in text and 'aria-current="true"' in text and "2 notifications" in text
    assert "No time line is kept" in text
    TimelineEntry.objects.filter(pk=3).update(at=NOON + timedelta(hours=1, milliseconds=600))
    text = kim.get(PAGE, {"persona": JOE, "at": "2026-03-01T13:00:00"}).content.decode()
    assert '<p class="state" id="state">Busy</p>' in text, "a second is meant to its end"
    assert "Not known" in kim.get(PAGE, {"persona": JOE, "at": "2025-01-01T00:00:00"}).content.decode()
    EngineSettings.objects.update(timeline=True)
    assert "No time line is kept" not in kim.get(PAGE, {"persona": JOE}).content.decode()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"persona": "no address"}, "This is no SIP address"),
        ({"persona": "sip:nobody@cisco.com"}, "No user has the address"),
        ({"persona": JOE, "at": "tomorrow"}, "Enter a valid date/time"),
        ({"persona": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
def test_the_page_says_what_is_wrong(query: dict[str, str], said: str) -> None:
    text = browser("view_timelineentry").get(PAGE, query).content.decode()
    assert said in text and "<script>alert" not in text and 'id="state"' not in text


def test_ways_to_the_page_are_for_who_may_read_it(people: dict[str, Persona]) -> None:
    joe = people["joe"].pk
    ways = [
        f"/admin/provisioning/persona/{joe}/change/",
        f"/admin/presence/livestate/{joe}/live/",
        f"/admin/presence/explain/?watcher={ANN}&presentity={JOE}",
    ]
    kim = browser("view_persona", "view_livestate")
    assert all(PAGE not in kim.get(way).content.decode() for way in ways)
    assert kim.get(PAGE).status_code == 403
    user = User.objects.get(username="kim")
    user.user_permissions.add(Permission.objects.get(codename="view_timelineentry"))
    assert all(f'href="{PAGE}?persona=' in kim.get(way).content.decode() for way in ways)
