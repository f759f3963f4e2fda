"""How an import is carried through by a worker that may be killed at any time.

A run claims the import with a word of its own and gives signs of life. Who is silent for too long has lost it: another
run begins where the last transaction ended. Every transaction of a run looks whether it still has the import, so two
of them never write both.
"""

import contextlib
import secrets
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from provisioning.announce import announce
from provisioning.bulk.documents import BadDocument
from provisioning.bulk.imports import KEEP_FILE, KEEP_UNDO
from provisioning.history.doors import Door, acting
from provisioning.models import Import, ImportFile, ImportRow

log = structlog.get_logger(__name__)

State = Import.State

STALE = timedelta(seconds=90)
"Without a sign of life for so long a run counts as dead: the longest step between two of them takes some seconds."

MOST_ATTEMPTS = 4
"Runs that end without getting on: then it is not the machine, and the import has failed."

SIGN = 1.0
"Seconds between two signs of life: each is a transaction."

ANNOUNCE = 30.0
"Seconds between two announcements: edges read all users again after each."


class Lost(Exception):
    """Another run has the import."""


class Stopped(Exception):
    """Somebody has cancelled it."""


class Run:
    """One run of one import."""

    def __init__(self, of: Import, said: Callable[[Import], None] | None = None) -> None:
        self.of = of
        self._said = said
        self._signed = self._announced = time.monotonic()
        self._unheard: set[type[models.Model]] = set()

    def update(self, **values: Any) -> None:
        """Write to the import's row; raises Lost."""
        values["alive_at"] = timezone.now()
        if not Import.objects.filter(pk=self.of.pk, slot=1, runner=self.of.runner).update(**values):
            raise Lost
        for name, value in values.items():
            setattr(self.of, name, value)
        if self._said is not None:
            self._said(self.of)

    def hold(self) -> None:
        """The first thing in a transaction: nobody else takes the import until its end; raises Lost."""
        found = Import.objects.select_for_update().filter(pk=self.of.pk, slot=1, runner=self.of.runner)
        if not found.exists():
            raise Lost

    def phase(self, name: str, total: int) -> None:
        """Something new begins."""
        self.update(phase=name, total=total, done=0)

    def step(self, done: int) -> None:
        """So many rows are dealt with; raises Stopped and Lost."""
        if time.monotonic() - self._signed >= SIGN or done >= self.of.total:
            self._signed = time.monotonic()
            self.update(done=done)
            self.look()

    def pulse(self) -> None:
        """Something takes long, and cannot be counted; raises Stopped and Lost."""
        if time.monotonic() - self._signed >= SIGN:
            self._signed = time.monotonic()
            self.update()
            self.look()

    def look(self) -> None:
        """Raises Stopped when somebody wants it to stop."""
        if Import.objects.filter(pk=self.of.pk, cancelled=True).exists():
            raise Stopped

    def changed(self, tables: tuple[type[models.Model], ...]) -> None:
        """Rows of these were committed; edges hear of it now and then."""
        self._unheard.update(tables)
        if time.monotonic() - self._announced >= ANNOUNCE:
            self.announce()

    def announce(self) -> None:
        """Edges hear of what they have not heard of."""
        if self._unheard:
            announce(*self._unheard)
        self._unheard.clear()
        self._announced = time.monotonic()

    def end(self, state: str, message: str = "", **values: Any) -> None:
        """It is over; the file goes."""
        self.update(state=state, message=message, slot=None, ended_at=timezone.now(), phase="", **values)
        if state != State.CHECKED:
            ImportFile.objects.filter(of=self.of).delete()
        if state in (State.FAILED, State.CANCELLED):
            drop_plans(self.of)

    def fail(self, message: str) -> None:
        """It has failed, unless another run has it."""
        with contextlib.suppress(Lost):
            self.end(State.FAILED, message)


def drop_plans(of: Import) -> None:
    """All or nothing has written nothing: what it was going to write, with what undoing would need, goes."""
    if not of.position:
        of.rows.filter(undo=ImportRow.Undo.NO).exclude(outcome=ImportRow.Outcome.BAD).delete()


def run(pk: int, said: Callable[[Import], None] | None = None) -> str:
    """Carry an import through, if no other run has it; its state then. Safe to call twice, and late."""
    from provisioning.bulk import applying, undoing

    jobs = {State.CHECKING: applying.check, State.APPLYING: applying.apply, State.UNDOING: undoing.undo}
    now, word = timezone.now(), secrets.token_hex(16)
    free = Q(runner="") | Q(alive_at__lt=now - STALE)
    claimed = Import.objects.filter(free, pk=pk, slot=1).update(
        runner=word, alive_at=now, attempts=F("attempts") + 1, started_at=Coalesce("started_at", now)
    )
    of = Import.objects.filter(pk=pk).first()
    if not claimed or of is None:
        return of.state if of is not None else ""
    this, began = Run(of, said), of.state
    try:
        with acting(Door.IMPORT, name=f"{of.who}, {of.file_name}"):
            jobs[State(began)](this)
    except Lost:
        log.warning("an import was taken over by another run", id=pk)
    except Stopped:
        _stopped(this, began)
    except BadDocument as error:
        this.fail(str(error))
    except (OperationalError, InterfaceError) as error:
        log.warning("the database was away during an import; it is taken up again", id=pk, error=type(error).__name__)
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))  # not the message: there may be rows in it
        log.error("an import broke off", id=pk, error=type(error).__name__, where=where)
        this.fail("This server has made a mistake; its log says more. What is written stands in the report.")
    this.announce()
    return str(this.of.state)


def _stopped(this: Run, began: str) -> None:
    if began == State.UNDOING:
        this.end(State.DONE, f"Undoing was stopped after {this.of.undone} rows.")
    elif this.of.position:
        this.end(State.CANCELLED, f"Cancelled after {this.of.position} rows; what they have changed stays.")
    else:
        this.end(State.CANCELLED, "Cancelled; nothing was changed.")


def forsaken() -> list[int]:
    """Imports that no run has, though one should; those with too many attempts end as failed."""
    silent = Q(runner="") | Q(alive_at__lt=timezone.now() - STALE)
    found = []
    for of in Import.objects.filter(silent, slot=1):
        if of.attempts < MOST_ATTEMPTS:
            found.append(of.pk)
            continue
        written = f"{of.position} rows are written." if of.position else "Nothing is written."
        message = f"Given up after {of.attempts} attempts that broke off. {written}"
        again = Import.objects.filter(silent, pk=of.pk, slot=1)
        if again.update(state=State.FAILED, slot=None, ended_at=timezone.now(), message=message, phase=""):
            ImportFile.objects.filter(of=of).delete()
            drop_plans(of)
            log.error("an import has failed", id=of.pk, attempts=of.attempts)
    return found


def forget() -> None:
    """Delete what is kept for a time only: files that nobody applied, and what undoing would need."""
    now = timezone.now()
    late = Import.objects.filter(state=State.CHECKED, slot=None, alive_at__lt=now - KEEP_FILE)
    for pk in list(late.values_list("pk", flat=True)):
        message = "Nobody has applied it within a day; the file was deleted."
        if late.filter(pk=pk).update(state=State.CANCELLED, ended_at=now, message=message):
            ImportFile.objects.filter(of_id=pk).delete()
    old = ImportRow.objects.filter(of__slot=None, of__ended_at__lt=now - KEEP_UNDO)
    old.exclude(undo__in=[ImportRow.Undo.NO, ImportRow.Undo.DONE]).update(undo=ImportRow.Undo.NO)
    old.filter(secrets_before__isnull=False).update(secrets_before=None)
    old.exclude(secrets_after="").update(secrets_after="")
