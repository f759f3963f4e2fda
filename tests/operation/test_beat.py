"""What beat runs: again after its interval, whatever becomes of the clock."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cups_site.celery import SWEEP, Every, app


@pytest.mark.parametrize(
    ("ago", "due"), [(0, False), (SWEEP - 5, False), (SWEEP + 1, True), (-3600, True)],
    ids=["just now", "lately", "long ago", "in the future"],
)  # fmt: skip
def test_a_task_is_due(ago: float, due: bool) -> None:
    """After the clock was set back it has run in the future, and would not run again before it is as late."""
    found, wait = Every(SWEEP, app=app).is_due(timezone.now() - timedelta(seconds=ago))
    assert found is due and 0 < wait <= SWEEP


def test_what_waits_for_longer_than_its_interval_is_dropped() -> None:
    """A worker that was away runs each task once, not in a row."""
    assert all(one["options"]["expires"] == one["schedule"].seconds for one in app.conf.beat_schedule.values())
