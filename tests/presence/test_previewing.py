"""What a change would do to live subscriptions, found out before it is made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from presence import previewing
from presence.impact import ALLOWED, BLOCKED_POLITELY, CHANGED, ENDED, WAITS, Impact
from presence.models import Publication, Subscription
from provisioning import bus
from provisioning.announce import announce
from provisioning.models import (
    DeviceType,
    EngineSettings,
    Persona,
    PrivacyList,
    ReachabilityRule,
    ResourceList,
    ResourceListMember,
    SourcePriority,
    UriAcl,
    UriAclEntry,
    UserAgentCapability,
    WatcherFilter,
)
from provisioning.trial import running, trial
from tests.presence import preview_cast as cast
from tests.presence.engine.documents import device, person, presence
from tests.presence.preview_cast import ANN, BOB, JOE, watch

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def people() -> dict[str, Persona]:
    found = cast.people()
    watch(1, ANN)
    watch(2, BOB)
    return found


def preview(row: Any, **children: Any) -> Impact:
    """Save a row, with rows that lead back to it."""

    def change() -> list[Any]:
        row.save()
        for name, values in children.items():
            getattr(row, name).create(**values)
        return [row.pk]

    found = previewing.preview(type(row), [row.pk] if row.pk else [], change, timezone.now())
    assert found is not None
    return found


def delete(row: Any) -> Impact:
    return previewing.who_is_affected(type(row), [row.pk], row.delete, timezone.now())


def said(found: Impact) -> list[tuple[str, str]]:
    return [(one.outcome, one.watcher) for one in found.affected]


def test_an_access_list_ends_subscriptions(people: dict[str, Persona]) -> None:
    """R-SUB-09, D-13, D-15: and who is named stays; nothing of it is there afterwards."""
    found = preview(UriAcl(presentity=people["joe"], default="block"), entries={"value": ANN, "effect": "allow"})
    assert said(found) == [(ENDED, BOB)] and found.unchanged == 1 and found.complete
    assert found.affected[0].text == f"{BOB} stops seeing {JOE} (rejected)."
    assert found.affected[0].before == "Interruptible But Busy" and found.affected[0].after == ""
    assert not UriAcl.objects.exists() and not UriAclEntry.objects.exists()


def test_blocked_politely_and_let_in_again(people: dict[str, Persona]) -> None:
    acl = UriAcl(presentity=people["joe"], default="allow")
    found = preview(acl, entries={"value": BOB, "effect": "polite_block"})
    assert said(found) == [(BLOCKED_POLITELY, BOB)]
    assert found.affected[0].text == f"{BOB} is blocked politely: it only sees {JOE} as Unavailable."
    acl = UriAcl.objects.create(presentity=people["joe"], default="allow")
    UriAclEntry.objects.create(acl=acl, value=BOB, effect="polite_block")
    found = delete(acl)
    assert said(found) == [(ALLOWED, BOB)] and "now, as Interruptible But Busy" in found.affected[0].text
    assert UriAclEntry.objects.count() == 1


def test_an_access_list_that_gets_another_user_touches_both(people: dict[str, Persona]) -> None:
    """Those of before are let in, those of now are refused."""
    watch(3, JOE, ANN)
    acl = UriAcl.objects.create(presentity=people["joe"], default="polite_block")
    acl.presentity, acl.default = people["ann"], "block"
    assert said(preview(acl)) == [(ENDED, JOE), (ALLOWED, ANN), (ALLOWED, BOB)]


def test_a_privacy_list_hides_devices_from_its_members(people: dict[str, Persona]) -> None:
    """D-16: the parts of the document that differ, in words."""
    row = PrivacyList(owner=people["joe"], kind="custom", name="Team", hidden_devices=["phone"])
    found = preview(row, members={"value": ANN})
    assert said(found) == [(CHANGED, ANN)]
    assert "device desk is not shown any more" in found.affected[0].differences
    assert found.affected[0].text.startswith(f"{ANN} sees {JOE} differently: ")


def test_a_block_of_a_domain_in_a_privacy_list(people: dict[str, Persona]) -> None:
    found = preview(PrivacyList(owner=people["joe"], kind="blocked"), members={"kind": "domain", "value": "cisco.com"})
    assert said(found) == [(BLOCKED_POLITELY, ANN), (BLOCKED_POLITELY, BOB)]


@pytest.mark.parametrize(
    "values", [{"kind": "person_only", "domain": "cisco.com"}, {"kind": "im_only", "client_type": "MeetingPlace"}]
)
def test_a_watcher_filter_concerns_its_watchers_only(values: dict[str, str]) -> None:
    """D-18: by domain and by client; others are not even looked at."""
    Subscription.objects.filter(pk=2).update(watcher="sip:bob@elsewhere.example", user_agent="eyeBeam")
    found = preview(WatcherFilter(**values))
    assert said(found) == [(CHANGED, ANN)] and (found.live, found.unchanged) == (1, 0)
    assert "device desk is not shown any more" in found.affected[0].differences


def test_a_source_that_becomes_a_manual_override() -> None:
    """R-AOR-08, D-20."""
    cast.publish(9, presence(device("cal", source="Calendar"), person("rpid:vacation")), "cal")
    found = preview(SourcePriority(value="Calendar", priority=9, manual_override=True))
    assert said(found) == [(CHANGED, ANN), (CHANGED, BOB)]
    assert found.affected[0].differences[0] == "state Interruptible But Busy → On Vacation"


def test_a_rule_that_is_another_one() -> None:
    """D-23."""
    for rule in ReachabilityRule.objects.filter(condition="busy_and_other_text"):
        rule.state = "dnd"
        found = preview(rule)
        assert found.affected[0].differences[0].startswith("state Interruptible But Busy → Do Not Disturb")
        return
    raise AssertionError("the rule is there from the start")


def test_what_a_kind_of_client_can_do() -> None:
    """R-PUB-30: taken from the table where a document does not say it."""
    row = UserAgentCapability.objects.get(client_type="Cisco-CCM", client_version="")
    row.video = True
    found = preview(row)
    assert said(found) == [(CHANGED, ANN), (CHANGED, BOB)]
    assert any("device desk: audio → audio, video" in one for one in found.affected[0].differences)


def test_a_type_of_device_that_somebody_hides(people: dict[str, Persona]) -> None:
    PrivacyList.objects.create(owner=people["joe"], kind="default", hidden_devices=["phone"])
    row = DeviceType.objects.get(match="client_type", value="eyeBeam")
    row.kind = "phone"
    found = preview(row)
    assert said(found) == [(CHANGED, ANN), (CHANGED, BOB)]


def test_a_user_that_is_disabled_or_deleted(people: dict[str, Persona]) -> None:
    """D-02, D-13: noresource, also through lists; those who are watched by the user see no difference."""
    team = ResourceList.objects.create(uri="sip:team@cisco.com")
    outer = ResourceList.objects.create(uri="sip:all@cisco.com")
    ResourceListMember.objects.create(list=team, uri=JOE)
    ResourceListMember.objects.create(list=team, uri=BOB)
    ResourceListMember.objects.create(list=outer, uri=team.uri)
    watch(3, ANN, outer.uri, kind="list")
    watch(4, BOB, "sip:mine@cisco.com", kind="list", members=JOE)
    watch(5, JOE, ANN)
    people["joe"].enabled = False
    for found in (preview(people["joe"]), delete(Persona.objects.get(aor=JOE))):
        assert said(found) == [(ENDED, ANN), (ENDED, ANN), (ENDED, BOB), (ENDED, BOB)]
        assert {one.reason for one in found.affected} == {"noresource"} and (found.live, found.unchanged) == (5, 2)
        assert {one.through for one in found.affected} == {"", outer.uri, "sip:mine@cisco.com"}
    assert (
        Persona.objects.get(aor=JOE).enabled and Publication.objects.count() == 2 and Subscription.objects.count() == 5
    )


def test_a_list_that_goes_with_its_owner(people: dict[str, Persona]) -> None:
    mine = ResourceList.objects.create(uri="sip:mine@cisco.com", owner=people["ann"])
    ResourceListMember.objects.create(list=mine, uri=JOE)
    watch(3, ANN, mine.uri, kind="list")
    found = delete(people["ann"])
    assert [(one.outcome, one.presentity, one.through) for one in found.affected] == [(ENDED, mine.uri, "")]
    assert found.affected[0].text == f"{ANN} stops seeing {mine.uri} (noresource)."


def test_a_user_who_wants_to_be_asked(people: dict[str, Persona]) -> None:
    """D-15: pending, and shown as Unknown."""
    people["joe"].confirm_watchers = True
    found = preview(people["joe"])
    assert said(found) == [(WAITS, ANN), (WAITS, BOB)] and "only sees Unknown" in found.affected[0].text


def test_nobody_is_allowed_by_default() -> None:
    settings = EngineSettings.objects.get()
    settings.allow_by_default = False
    watch(3, JOE)
    assert said(preview(settings)) == [(ENDED, ANN), (ENDED, BOB)]


def test_who_does_not_watch_now_is_not_affected(people: dict[str, Persona]) -> None:
    Subscription.objects.filter(pk=1).update(state="terminated")
    Subscription.objects.filter(pk=2).update(expires_at=timezone.now() - timedelta(seconds=1))
    found = preview(UriAcl(presentity=people["joe"], default="block"))
    assert (found.affected, found.live, found.complete) == ((), 0, True)


def test_it_says_when_not_all_were_looked_at(people: dict[str, Persona], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "SUBSCRIPTIONS", 1)
    found = preview(UriAcl(presentity=people["joe"], default="block"))
    assert (len(found.affected), found.looked_at, found.live, found.complete) == (1, 1, 2, False)


def test_long_lists_count_with_all_their_members(people: dict[str, Persona], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "PAIRS", 3)
    for number in (3, 4):
        watch(number, ANN, f"sip:mine{number}@cisco.com", kind="list", members=f"{JOE}\n{BOB}")
    found = preview(UriAcl(presentity=people["joe"], default="block"))
    assert (found.looked_at, found.live, found.complete) == (2, 4, False)


def test_nothing_is_announced_and_nothing_stays(
    people: dict[str, Persona], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """What waits for the commit is dropped, and the bus is silent even for what does not wait."""
    sent: list[Any] = []

    class Client:
        def publish(self, *words: Any) -> None:
            sent.append(words)

    monkeypatch.setattr(bus, "_client", Client)
    monkeypatch.setattr(bus, "configured", lambda: True)

    def change() -> list[Any]:
        assert running()
        announce(UriAcl)
        bus.announce_state([people["joe"].pk])
        transaction.on_commit(lambda: sent.append("a hook"))
        return [UriAcl.objects.create(presentity=people["joe"], default="block").pk]

    with django_capture_on_commit_callbacks(execute=True) as hooks:
        found = previewing.preview(UriAcl, [], change, timezone.now())
    assert found is not None and len(found.affected) == 2
    assert not running() and hooks == [] and sent == [] and not UriAcl.objects.exists()
    bus.announce_state([people["joe"].pk])
    assert len(sent) == 1


def test_a_trial_that_fails_is_over(people: dict[str, Persona]) -> None:
    with pytest.raises(RuntimeError), trial():
        UriAcl.objects.create(presentity=people["joe"])
        raise RuntimeError
    assert not running() and not UriAcl.objects.exists()


@pytest.mark.parametrize("watchers", [2, 60])
def test_queries_do_not_grow_with_watchers(
    people: dict[str, Persona], watchers: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(watchers):
        watch(100 + number, f"sip:w{number}@cisco.com")
    watch(99, ANN, "sip:mine@cisco.com", kind="list", members=f"{JOE}\n{BOB}")
    with django_assert_max_num_queries(100):
        found = preview(UriAcl(presentity=people["joe"], default="block"))
    assert found.counts()[ENDED] == watchers + 3
