"""What people do with imports, by whatever door: bring a file, apply what was checked, stop, undo."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from provisioning.bulk.documents import MAX_FILE, BadDocument, format_of
from provisioning.models import Import, ImportFile, ImportRow
from provisioning.sealing import Seal

State, Undo = Import.State, ImportRow.Undo

SEAL = Seal(b"file of an import")
"Files wait in the database for their worker, and may hold passwords."

KEEP_FILE = timedelta(days=1)
"A file that was checked waits so long to be applied: it may hold passwords."

KEEP_UNDO = timedelta(days=30)
"So long an import can be undone; then the digests that undoing needs are deleted."

MAX_NAME = 200
"Characters of a file's name that are kept."

RIGHTS = ("provisioning.add_import", "provisioning.add_persona", "provisioning.change_persona")
"Bringing a file, applying and stopping: as for adding and changing users one by one."

UNDO_RIGHTS = (*RIGHTS[1:], "provisioning.change_import", "provisioning.delete_persona")
"Undoing takes users away."


class NotNow(Exception):
    """This cannot be done in the state in which things are; the message says why."""


def may(user: Any, rights: tuple[str, ...] = RIGHTS) -> bool:
    """Whether this account may."""
    return bool(user.has_perms(rights))


def bring(content: bytes, file_name: str, *, mode: str, dry_run: bool, user: Any, who: str) -> Import:
    """Take a file in; raises BadDocument for one that is none at all, and NotNow while another import is under way."""
    format_of(file_name)
    if not content:
        raise BadDocument("The file is empty.")
    if len(content) > MAX_FILE:
        raise BadDocument(f"The file is larger than {MAX_FILE >> 20} MiB.")
    state = State.CHECKING if dry_run else State.APPLYING
    with transaction.atomic():
        of = Import(
            user=user, who=who[:150], file_name=file_name[-MAX_NAME:], size=len(content), mode=mode, state=state
        )
        _take_slot(of)
        ImportFile.objects.create(of=of, content=SEAL.close(content))
    return of


def confirm(of: Import, mode: str | None = None) -> None:
    """Apply what was checked; raises NotNow."""
    with transaction.atomic():
        of.refresh_from_db()
        if of.state != State.CHECKED:
            raise NotNow("Only an import that was checked can be applied.")
        of.state, of.mode = State.APPLYING, mode or of.mode
        of.created = of.changed = of.unchanged = of.bad = of.position = 0  # the dry run's
        of.done, of.phase, of.message = 0, "", ""
        _take_slot(of)


def cancel(of: Import) -> None:
    """Stop it, or give up what was checked; raises NotNow. What partial mode has written stays, and can be undone."""
    now = timezone.now()
    row = Import.objects.filter(pk=of.pk)
    waits = Q(state=State.CHECKED) | Q(slot=1, runner="", state__in=[State.CHECKING, State.APPLYING])
    message = "Cancelled before it was applied."
    if row.filter(waits).update(state=State.CANCELLED, slot=None, ended_at=now, message=message):
        ImportFile.objects.filter(of=of).delete()
    elif not row.filter(slot=1).update(cancelled=True):
        raise NotNow("This import is not under way.")


def undo(of: Import, *, force: bool = False) -> None:
    """Put everything back as it was; `force`: what was changed since, too. Raises NotNow."""
    with transaction.atomic():
        of.refresh_from_db()
        if of.under_way or not of.can_be_undone:
            raise NotNow("There is nothing of this import that could be undone.")
        of.state, of.force, of.kept = State.UNDOING, force, 0
        of.done, of.phase, of.message = 0, "", ""
        _take_slot(of)


def _take_slot(of: Import) -> None:
    of.slot, of.runner, of.alive_at, of.cancelled, of.attempts, of.ended_at = 1, "", timezone.now(), False, 0, None
    try:
        with transaction.atomic():
            of.save()
    except IntegrityError:
        other = Import.objects.filter(slot=1).first()
        name = f"“{other.file_name}” by {other.who}" if other is not None else "another one"
        raise NotNow(f"One import at a time: {name} is under way. Wait until it has ended, or cancel it.") from None
