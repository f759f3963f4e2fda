"""How long versions are kept."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from provisioning.history import keeping
from provisioning.models import Domain, EngineSettings, UriAcl
from provisioning.tasks import sweep_history

pytestmark = pytest.mark.django_db

DAYS = 30


@pytest.fixture
def now() -> datetime:
    EngineSettings.objects.update(history_days=DAYS)
    return timezone.now()


def test_old_versions_go_and_the_newest_of_what_is_there_stays(acl: UriAcl, now: datetime) -> None:
    for default in ("allow", "polite_block", "block"):
        acl.default = default
        acl.save()
    newest = UriAcl.history.latest("history_id").pk
    UriAcl.history.update(history_date=now - timedelta(days=DAYS + 1))
    assert keeping.sweep(now) == 4
    assert [one.pk for one in UriAcl.history.all()] == [newest]
    assert keeping.sweep(now) == 0, "it may run twice"


def test_what_is_gone_is_forgotten_with_its_last_version(compb: Domain, now: datetime) -> None:
    compb.delete()
    assert keeping.sweep(now) == 0
    Domain.history.update(history_date=now - timedelta(days=DAYS + 1))
    assert keeping.sweep(now) == 2
    assert not Domain.history.exists()


def test_a_change_whose_earlier_version_is_gone_says_so(acl: UriAcl, now: datetime) -> None:
    from provisioning.history import reading

    (entry, *_) = reading.entries(UriAcl, UriAcl.history.order_by("-history_id"))
    assert not entry.incomplete and entry.differences
    UriAcl.history.exclude(history_id=entry.version.pk).update(history_date=now - timedelta(days=DAYS + 1))
    sweep_history()
    (entry,) = reading.entries(UriAcl, UriAcl.history.all())
    assert entry.incomplete and entry.differences == []


def test_a_run_is_bounded(acl: UriAcl, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    for default in ("allow", "polite_block", "block"):
        acl.default = default
        acl.save()
    UriAcl.history.update(history_date=now - timedelta(days=DAYS + 1))
    monkeypatch.setattr(keeping, "MOST", 3)
    monkeypatch.setattr(keeping, "BATCH", 2)
    assert (keeping.sweep(now), keeping.sweep(now), UriAcl.history.count()) == (3, 1, 1)
