"""Undoing: what an import has made goes, what it has changed is put back, the last row first.

A row that is not as the import left it was changed since. It stays as it is and is reported, unless it was asked for by
force. What was provisioned for a new user since is nobody's to take away: that user stays in any case.
"""

import time

from provisioning.bulk.applying import CHUNK, PAUSE, fingerprint
from provisioning.bulk.kinds import KINDS, Kind, Known, Row
from provisioning.bulk.running import Run, State
from provisioning.history import recording
from provisioning.models import ImportRow

Undo = ImportRow.Undo

SINCE = "Changed since."
GONE = "Removed since."


def undo(run: Run) -> None:
    """Some rows at a time; a run that was killed is taken up where it was."""
    left = run.of.rows.filter(undo=Undo.POSSIBLE)
    if run.of.force and not run.of.done:
        run.of.rows.filter(undo=Undo.KEPT).update(undo=Undo.POSSIBLE, reason="")
    run.phase("Undoing", left.count())
    done, total = 0, run.of.total
    while last := left.order_by("-id").first():
        kind = KINDS[last.kind]
        rows = list(left.filter(kind=last.kind).order_by("-id")[:CHUNK])
        with recording.together():
            run.hold()
            _undo(kind, rows, run.of.force)
            ImportRow.objects.bulk_update(rows, ["undo", "reason"])
            done += len(rows)
            back = sum(row.undo == Undo.DONE for row in rows)
            run.update(done=done, undone=run.of.undone + back, attempts=0)
        run.changed(kind.models)
        if done < total:
            run.look()
        time.sleep(PAUSE)
    kept = run.of.rows.filter(undo=Undo.KEPT).count()
    left_over = f" {kept} rows were left as they are; the report says why." if kept else ""
    run.end(State.UNDONE, f"{run.of.undone} rows were put back.{left_over}", kept=kept)


def _undo(kind: Kind, rows: list[ImportRow], force: bool) -> None:
    keys = {row.pk: tuple(row.key) for row in rows}
    states, secrets = kind.states([*keys.values()]), kind.secrets_of([*keys.values()])
    removed, restored = [], []
    for row in rows:
        row.undo, row.reason = Undo.DONE, ""
        state, after = states.get(keys[row.pk]), row.after or {}
        if state is None:
            if row.before is not None:
                row.undo, row.reason = Undo.KEPT, GONE
            continue
        same = all(state.get(name) == value for name, value in after.items())
        if not force and not (same and fingerprint(secrets.get(keys[row.pk], {})) == row.secrets_after):
            row.undo, row.reason = Undo.KEPT, SINCE
        else:
            (removed if row.before is None else restored).append(row)
    if restored:
        _restore(kind, restored)
    stay = kind.remove([keys[row.pk] for row in removed]) if removed else {}
    for row in removed:
        if keys[row.pk] in stay:
            row.undo, row.reason = Undo.KEPT, stay[keys[row.pk]]


def _restore(kind: Kind, rows: list[ImportRow]) -> None:
    known = Known()
    wanted = [Row(row.number, {}, given=dict(row.before or {}), key=tuple(row.key)) for row in rows]
    kind.plan(wanted, known)
    for row, want in zip(rows, wanted, strict=True):
        want.secrets = dict(row.secrets_before or {})
    kind.write([want for want in wanted if not want.errors], known)
    for row, want in zip(rows, wanted, strict=True):
        if want.errors:
            row.undo, row.reason = Undo.KEPT, " ".join(text for _, text in want.errors)[:300]
