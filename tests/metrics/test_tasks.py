"""Tasks are counted by name and outcome, with their time and their wait."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Retry
from prometheus_client import CollectorRegistry

from cups_site.metrics import exposition, tasks
from tests.metrics.catalogue import Numbers, key, numbers

app = Celery("tests", set_as_current=False)


@app.task(name="tests.works")
def works() -> None:
    pass


@app.task(name="tests.breaks")
def breaks() -> None:
    raise ValueError("broken")


@app.task(name="tests.again", bind=True)
def again(self: Any) -> None:
    raise Retry("later")


def now() -> Numbers:
    return numbers(exposition.text(tasks.REGISTRY).decode())


@pytest.mark.parametrize(("task", "outcome"), [(works, "success"), (breaks, "failure"), (again, "retry")])
def test_a_task_is_counted_by_its_outcome(task: Any, outcome: str) -> None:
    ended = key("cups_tasks_total", task=task.name, outcome=outcome)
    timed = key("cups_task_duration_seconds_count", task=task.name)
    before = now()
    task.apply()
    after = now()
    assert after[ended] - before.get(ended, 0) == after[timed] - before.get(timed, 0) == 1
    assert not tasks._began


@pytest.mark.parametrize(
    ("sent_at", "noted", "seconds"), [(900.0, 1, 100.0), (1100.0, 1, 0.0), (None, 0, 0.0), ("x", 0, 0)]
)
def test_the_wait_is_from_sending_to_start(
    monkeypatch: pytest.MonkeyPatch, sent_at: object, noted: int, seconds: float
) -> None:
    """Clocks of two machines may differ, and somebody else's message may say nothing."""
    monkeypatch.setattr(tasks.time, "time", lambda: 1000.0)
    count, total = key("cups_task_wait_seconds_count"), key("cups_task_wait_seconds_sum")
    before = now()
    tasks._note_start("1", SimpleNamespace(name="tests.waits", request={tasks.SENT_AT: sent_at}))
    after = now()
    tasks._began.clear()
    assert (after[count] - before[count], after[total] - before[total]) == (noted, seconds)


def test_a_message_says_when_it_was_sent() -> None:
    headers: dict[str, Any] = {}
    tasks._note_sending(headers)
    assert isinstance(headers[tasks.SENT_AT], float)


def test_processes_that_share_a_folder_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has written there is told, whatever this one has counted."""
    script = "from prometheus_client import Counter; Counter('cups_shared', 'Shared.').inc(2)"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    monkeypatch.setenv(exposition.SHARED, str(tmp_path))
    assert numbers(exposition.exposition(CollectorRegistry()).decode()) == {key("cups_shared_total"): 4}
