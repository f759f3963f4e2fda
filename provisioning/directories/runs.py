"""Synchronisations from start to end: one of a directory at a time, each kept as a row.

The server is read first, with no transaction open; then comparing and writing happen in one. So a run that is killed,
or whose server goes away, has changed nothing, and the next one begins anew. A row of a run whose process has gone away
is closed by the next.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from provisioning import bus
from provisioning.choices import RunState
from provisioning.directories import planning, records, writing
from provisioning.directories.planning import Plan
from provisioning.directories.records import BadEntry, Raw
from provisioning.history import recording
from provisioning.models import Directory, DirectoryRun, Domain
from provisioning.models.directories import UNDER_WAY

log = structlog.get_logger(__name__)

GONE = timedelta(minutes=10)
"Without a sign of life for so long a run has lost its process: none is silent for longer than an answer or a commit."

SIGN = 500
"Entries between two signs of life."

KEPT = 50
"Rows of past runs of each directory."

SHOWN = 1000
"Changes that a run keeps; its counts are of all."

SAMPLES = 5
"Entries that a test of the connection shows."


class Busy(Exception):
    """Another run of this directory is under way."""


class _Lost(Exception):
    """This run has been taken for dead, and its directory by another one."""


def begin(directory: Directory, *, started_by: str, dry: bool = False, confirmed: bool = False) -> DirectoryRun:
    """A row for a new run; raises Busy."""
    now = timezone.now()
    dead = directory.runs.filter(state__in=UNDER_WAY, alive_at__lt=now - GONE)
    dead.update(state=RunState.FAILED, ended_at=now, error="Its process has gone away; nothing was changed.")
    try:
        with transaction.atomic():
            return DirectoryRun.objects.create(
                directory=directory, dry=dry, confirmed=confirmed, started_by=started_by[:150]
            )
    except IntegrityError:
        raise Busy("A synchronisation of this directory is under way.") from None


def start(directory: Directory, *, started_by: str, dry: bool = False, confirmed: bool = False) -> DirectoryRun:
    """Have a worker do it, or do it here and now where there is none; raises Busy."""
    run = begin(directory, started_by=started_by, dry=dry, confirmed=confirmed)
    if bus.configured():
        try:
            current_app.send_task("provisioning.tasks.sync_directory", [run.pk])
        except (OperationalError, OSError) as error:
            log.warning("no worker can be told", error=type(error).__name__)
            _end(run, RunState.FAILED, error="The workers cannot be reached.")
    else:
        perform(run.pk)
        run.refresh_from_db()
    return run


def perform(run_id: int) -> None:
    """Do what a row says; a row that somebody else has taken is left alone."""
    now = timezone.now()
    waiting = DirectoryRun.objects.filter(pk=run_id, state=RunState.WAITING)
    if not waiting.update(state=RunState.RUNNING, alive_at=now):
        return
    run = DirectoryRun.objects.select_related("directory__domain").get(pk=run_id)
    try:
        _perform(run)
    except _Lost:
        return
    except Exception as error:  # whatever it is, the row says that the run has ended
        log.exception("a synchronisation has failed", directory=run.directory.name)
        _end(run, RunState.FAILED, error=f"It failed for a reason that is in the log ({type(error).__name__}).")
    finally:
        old = run.directory.runs.values_list("pk", flat=True)[KEPT:]
        DirectoryRun.objects.filter(pk__in=list(old)).delete()


def _perform(run: DirectoryRun) -> None:
    from provisioning.directories.ldap import DirectoryError

    try:
        entries = _read(run)
    except DirectoryError as error:
        _end(run, RunState.FAILED, error=str(error))
        return
    if entries and not any(run.directory.id_attribute.lower() in entry.values for entry in entries):
        _end(run, RunState.FAILED, error=f"No entry has the attribute {run.directory.id_attribute}.")
        return
    now = timezone.now()
    readings = planning.read(run.directory, entries)
    plan = planning.plan(run.directory, readings, now)
    if run.dry or not writing.needed(plan) or _problem(run, plan):
        _end(run, RunState.HELD if _problem(run, plan) else RunState.DONE, plan, error=_problem(run, plan))
        return
    _sign(run)
    try:
        with recording.together():  # SQLite has one writer: compared before, so that nobody waits where nothing is new
            plan = planning.plan(run.directory, readings, now)
            problem = _problem(run, plan)
            if not problem:
                _sign(run)
                writing.write(run.directory, plan, now)
            _end(run, RunState.HELD if problem else RunState.DONE, plan, error=problem)  # or neither is so
    except DatabaseError as error:
        log.warning("a synchronisation was not written", directory=run.directory.name, error=str(error))
        _end(
            run,
            RunState.FAILED,
            error="Users were changed by somebody else meanwhile; nothing was written. Run it again.",
        )


def _problem(run: DirectoryRun, plan: Plan) -> str:
    """Why it has to be confirmed first."""
    return "" if run.confirmed else plan.too_many(run.directory.most_vanish)


def _read(run: DirectoryRun) -> list[Raw]:
    from provisioning.directories import ldap

    found: list[Raw] = []
    with ldap.connected(run.directory) as connection:
        for entry in ldap.entries(connection, run.directory, most=run.directory.entries_limit):
            found.append(entry)
            if len(found) % SIGN == 0:
                _sign(run)
    return found


def _sign(run: DirectoryRun) -> None:
    """Say that this process lives; raises _Lost when it was taken for dead."""
    own = DirectoryRun.objects.filter(pk=run.pk, state=RunState.RUNNING)
    if not own.update(alive_at=timezone.now()):
        raise _Lost


def _end(run: DirectoryRun, state: str, plan: Plan | None = None, error: str = "") -> None:
    values: dict[str, Any] = {"state": state, "ended_at": timezone.now(), "error": error}
    if plan is not None:
        values["counts"] = plan.counts()
        values["changes"] = [change.shown() for change in plan.changes if change.what][:SHOWN]
    DirectoryRun.objects.filter(pk=run.pk, state__in=UNDER_WAY).update(**values)
    log.info("a directory was read", directory=run.directory.name, dry=run.dry, state=str(state), error=error)


def start_due(now: datetime) -> int:
    """Start all whose interval has passed; how many. Safe to run twice and to run late."""
    started = 0
    for directory in Directory.objects.filter(enabled=True, interval__gt=0):
        last = directory.runs.filter(dry=False).values_list("started_at", flat=True).first()
        if last is not None and last + timedelta(minutes=directory.interval) > now:
            continue
        try:
            start(directory, started_by="schedule")
        except Busy:
            continue
        started += 1
    return started


def test(directory: Directory) -> dict[str, Any]:
    """Log in and look at some entries: what they would become; raises DirectoryError."""
    from provisioning.directories import ldap

    domains = set(Domain.objects.values_list("name", flat=True))
    found: list[Raw] = []
    with ldap.connected(directory) as connection:
        for entry in ldap.entries(connection, directory, most=directory.entries_limit):
            found.append(entry)
            if len(found) == SAMPLES:
                break
    return {"encrypted": directory.encrypted, "samples": list(_samples(directory, found, domains))}


def _samples(directory: Directory, entries: Iterable[Raw], domains: set[str]) -> Iterable[dict[str, Any]]:
    for entry in entries:
        shown: dict[str, Any] = {"entry": records.printable(entry.dn)[: records.ENTRY_LIMIT]}
        try:
            person = records.person(entry, directory, domains)
        except BadEntry as error:
            yield {**shown, "problem": str(error)}
            continue
        yield {
            **shown, "user": str(person.aor), "name": person.name or "", "enabled": person.enabled is not False,
            "aliases": [str(uri) for uri in person.aliases],
        }  # fmt: skip
