"""A worker is killed in the middle of an import: its successor goes on, and nothing is half written."""

import signal

import pytest

from tests.phone import DOMAIN
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

COUNT = 4_000

BRING = """
from pathlib import Path
from provisioning import tasks
from provisioning.bulk import imports
content = Path({file!r}).read_bytes()
tasks.start_import(imports.bring(content, "users.csv", mode={mode!r}, dry_run=False, user=None, who="test").pk)
"""

LOOK = """
from provisioning.models import Alias, Import, Persona
of = Import.objects.get()
users = Persona.objects.filter(user__startswith="new").count()
aliases = Alias.objects.filter(uri__startswith="sip:new").count()
print(of.state, of.position, of.created, of.rows.count(), users, aliases)
"""

SILENT = """
from datetime import timedelta
from django.utils import timezone
from provisioning.models import Import
Import.objects.update(alive_at=timezone.now() - timedelta(hours=1))
"""
"As if the time had passed after which a run counts as dead."


def look(deployment: Deployment) -> tuple[str, int, int, int, int, int]:
    """State, position, what it says it has made, rows of its report, users and aliases that are there."""
    state, *counts = deployment.manage("shell", "-v0", "-c", LOOK).split()
    return state, *map(int, counts)  # type: ignore[return-value]


def test_kill_9_of_the_worker() -> None:
    """All or nothing is killed in tests/provisioning/bulk/test_running.py, where the moment can be chosen."""
    with deployed() as deployment:
        deployment.start_worker()
        file = deployment.folder / "users.csv"
        lines = ["address,aliases", *(f"new{n}@{DOMAIN},new.{n}@{DOMAIN}" for n in range(COUNT))]
        file.write_text("\n".join(lines))
        deployment.manage("shell", "-v0", "-c", BRING.format(file=str(file), mode="partial"))
        wait_until(lambda: look(deployment)[1] > 0, "rows", 60)
        worker = deployment._processes[-1]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        _, position, created, rows, users, aliases = look(deployment)
        assert position == created == rows == users and aliases == 2 * users, "whole transactions"
        assert users > 0
        deployment.manage("shell", "-v0", "-c", SILENT)
        deployment.start_worker()
        wait_until(lambda: look(deployment)[0] == "done", "the end of the import", 120)
        assert look(deployment) == ("done", COUNT, COUNT, COUNT, COUNT, 2 * COUNT)
        assert "Traceback" not in deployment.logs()
