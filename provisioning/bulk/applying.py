"""From a file to the tables: the dry run, all or nothing, and row by row.

Everything slow (reading, hashing PINs, comparing) is done outside of transactions. *Partial* writes some rows at a time
and lets others write in between. *All or nothing* is one transaction of plain writing; SQLite has one writer, so others
wait as long as it lasts (docs/performance.md).
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import Any

from django.db import IntegrityError, transaction

from provisioning.bulk.documents import BadDocument
from provisioning.bulk.imports import SEAL
from provisioning.bulk.kinds import Kind, Known, Row
from provisioning.bulk.reading import read
from provisioning.bulk.running import Run, State
from provisioning.history import recording
from provisioning.inserting import insert
from provisioning.models import Import, ImportFile, ImportRow
from provisioning.sealing import CannotOpen

CHUNK = 50
"Rows of one transaction in partial mode: some dozens of milliseconds, and a few seconds of hashing before it."

AT_ONCE = 500
"Rows of one statement in the only transaction of all or nothing."

PAUSE = 0.05
"Seconds between two transactions: SQLite's other writers look for their chance several times in it."

SHOWN_KEY = 320
"Characters that the report shows of a key that cannot be read."

RACES = 3
"Attempts to write rows while others make the same ones."

Rows = list[tuple[Kind, Row]]


class _Moved(Exception):
    """Rows are not as they were when they were compared."""


class _Refused(Exception):
    """Rows are wrong, and it was to be all or nothing."""


def check(run: Run) -> None:
    """The dry run: what would happen to each row."""
    rows = _read(run)
    run.of.rows.all().delete()
    run.phase("Checking", len(rows))
    known, counts, done = Known(), Counter[str](), 0
    for kind, chunk in _chunks(rows):
        kind.secure(chunk, hashing=False)
        kind.plan(chunk, known)
        with transaction.atomic():
            run.hold()
            journal(run.of, kind, chunk, written=False)
        counts.update(row.outcome for row in chunk)
        done += len(chunk)
        run.step(done)
    run.end(State.CHECKED, **_counts(counts))


def apply(run: Run) -> None:
    """In the mode that was asked for."""
    rows = _read(run)
    if run.of.position == 0:
        run.of.rows.all().delete()  # of the dry run
    if run.of.mode == Import.Mode.PARTIAL:
        _partial(run, rows)
    else:
        _all(run, rows)


def _partial(run: Run, rows: Rows) -> None:
    known, start = Known(), run.of.position
    for kind, chunk in _chunks(rows[:start]):  # of a run that was killed: only what rows there were
        kind.plan(chunk, known)
    run.phase("Applying", len(rows))
    run.update(done=start)
    counts = Counter({name: getattr(run.of, name) for name in ("created", "changed", "unchanged", "bad")})
    for kind, chunk in _chunks(rows[start:]):
        run.look()
        kind.secure(chunk, hashing=True)
        written = _write(run, kind, chunk, known, counts)
        if any(row.outcome in ("created", "changed") for row in written):
            run.changed(kind.models)
        time.sleep(PAUSE)
    bad = f" {counts['bad']} rows are wrong and were left out." if counts["bad"] else ""
    run.end(State.DONE, f"{counts['created']} created, {counts['changed']} changed.{bad}")


def _write(run: Run, kind: Kind, chunk: list[Row], known: Known, counts: Counter[str]) -> list[Row]:
    """One transaction: rows, what undoing needs, and how far it is."""
    for attempt in range(1, RACES + 1):
        rows = [again(row) for row in chunk]
        try:
            with recording.together():
                run.hold()
                _bring(kind, rows, known)
                journal(run.of, kind, rows, written=True)
                found = counts + Counter(row.outcome for row in rows)
                done = run.of.position + len(rows)
                run.update(position=done, done=done, attempts=0, **_counts(found))
        except IntegrityError:  # somebody else has just made one of them: look again
            run.of.refresh_from_db()
            if attempt == RACES:
                raise
        else:
            break
    counts.update(row.outcome for row in rows)
    return rows


def _all(run: Run, rows: Rows) -> None:
    run.phase("Hashing", len(rows))
    done = 0
    for kind, chunk in _chunks(rows):
        kind.secure(chunk, hashing=True)
        done += len(chunk)
        run.step(done)
    for _ in range(RACES):
        planned = _planned(run, rows)
        if any(row.errors for _, trial in planned for row in trial):
            _refuse(run, planned)
            return
        try:
            _at_once(run, planned)
        except (_Moved, IntegrityError):  # somebody else has changed one of the rows meanwhile: compare anew
            run.of.refresh_from_db()
        except _Refused:
            run.of.refresh_from_db()
            _refuse(run, planned)
            return
        else:
            touched = [kind for kind, chunk in planned if any(row.outcome != "unchanged" for row in chunk)]
            run.changed(tuple({table for kind in touched for table in kind.models}))
            return
    raise BadDocument("Others changed the same rows again and again; nothing was changed. Try again.")


def _planned(run: Run, rows: Rows) -> list[tuple[Kind, list[Row]]]:
    """What becomes of every row, while others may write."""
    run.phase("Checking", len(rows))
    known, done, planned = Known(), 0, []
    for kind, chunk in _chunks(rows, AT_ONCE):
        trial = [again(row) for row in chunk]
        kind.plan(trial, known)
        planned.append((kind, trial))
        done += len(chunk)
        run.step(done)
    return planned


def _at_once(run: Run, planned: list[tuple[Kind, list[Row]]]) -> None:
    """Plain writing, in one transaction; raises _Moved, _Refused and IntegrityError, and then nothing is written.

    The report is there before, as one of what would happen; in the transaction it becomes what undoing goes by.
    """
    total = sum(len(chunk) for _, chunk in planned)
    run.of.rows.all().delete()
    run.phase("Preparing", total)
    known, counts, done = Known(), Counter[str](), 0
    for kind, chunk in planned:
        kind.prepare([row for row in chunk if row.outcome != "unchanged"], known)
        for start in range(0, len(chunk), CHUNK):
            with transaction.atomic():
                run.hold()
                journal(run.of, kind, chunk[start : start + CHUNK], written=True, undo=ImportRow.Undo.NO)
            done += len(chunk[start : start + CHUNK])
            run.step(done)
        counts.update(row.outcome for row in chunk)
    run.phase("Writing all rows at once; this cannot be stopped", total)
    with recording.together():
        run.hold()
        for kind, chunk in planned:
            touched = [row for row in chunk if row.outcome != "unchanged"]
            if not kind.still(chunk):
                raise _Moved
            kind.write(touched, known)
            if any(row.errors for row in touched):
                raise _Refused
        run.of.rows.update(undo=ImportRow.Undo.POSSIBLE)
        said = f"{counts['created']} created, {counts['changed']} changed."
        run.end(State.DONE, said, done=total, position=total, **_counts(counts))


def _refuse(run: Run, tried: Iterable[tuple[Kind, list[Row]]]) -> None:
    counts: Counter[str] = Counter()
    run.of.rows.all().delete()
    for kind, chunk in tried:
        counts.update(row.outcome for row in chunk)
        with transaction.atomic():
            journal(run.of, kind, [row for row in chunk if row.errors], written=False)
    said = f"{counts['bad']} rows are wrong, and it was to be all or nothing: nothing was changed."
    run.end(State.REFUSED, said, bad=counts["bad"], created=0, changed=0, unchanged=0)


def _bring(kind: Kind, rows: list[Row], known: Known) -> None:
    """Compare with the database as it is now, and write."""
    known.planned.clear()  # what came before is in the database
    known.planned_lists.clear()
    kind.plan(rows, known)
    kind.write([row for row in rows if row.outcome in ("created", "changed")], known)


def journal(of: Import, kind: Kind, rows: list[Row], *, written: bool, undo: str = ImportRow.Undo.POSSIBLE) -> None:
    """Keep what became of rows, and, where they were (or are going to be) written, what undoing needs."""
    insert([_journalled(of, kind, row, written, undo) for row in rows if row.outcome != "unchanged"])


def _journalled(of: Import, kind: Kind, row: Row, written: bool, undo: str) -> ImportRow:
    key = row.key or [str(row.cells.get(name, ""))[:SHOWN_KEY] for name in kind.key]
    found = ImportRow(of=of, kind=kind.name, number=row.number, outcome=row.outcome, key=list(key))
    if row.errors:
        secret = {column.name for column in kind.columns if column.secret}
        found.errors = row.errors
        found.cells = {name: cell for name, cell in row.cells.items() if name not in secret}
        return found
    found.before, found.after, found.secret_columns = row.before, row.after, row.secret_columns
    if written:
        found.undo = undo
        found.secrets_before = row.secrets_before if row.secret_columns and row.before is not None else None
        found.secrets_after = fingerprint({**row.secrets_before, **row.secrets})
    return found


def fingerprint(secrets: dict[str, str]) -> str:
    """Tells whether digests are still the same; says nothing of them."""
    told = "\n".join(f"{name}={value}" for name, value in sorted(secrets.items()) if value)
    return sha256(told.encode()).hexdigest()


def again(row: Row) -> Row:
    """The row as it was read, to be compared anew."""
    return dataclasses.replace(row, errors=[*row.errors], given=dict(row.given), secrets=dict(row.secrets))


def _read(run: Run) -> Rows:
    run.phase("Reading", 0)
    file = ImportFile.objects.filter(of=run.of).first()
    if file is None:
        raise BadDocument("The file is not kept any more.")
    try:
        content = SEAL.open(file.content)
    except CannotOpen as error:
        raise BadDocument(f"{error}: bring the file again.") from None
    document = read(content, run.of.file_name, run.pulse)
    for name, table in document.items():
        label = table.kind.models[0]._meta
        rights = [f"{label.app_label}.{right}_{label.model_name}" for right in ("add", "change")]
        if run.of.user is not None and not run.of.user.has_perms(rights):
            raise BadDocument(f"{run.of.who} may not add and change {name}.")
    return [(table.kind, row) for table in document.values() for row in table.rows]


def _chunks(rows: Rows, size: int = 0) -> Iterator[tuple[Kind, list[Row]]]:
    size = size or CHUNK
    for kind, group in groupby(rows, key=lambda one: one[0]):
        found = [row for _, row in group]
        for start in range(0, len(found), size):
            yield kind, found[start : start + size]


def _counts(counts: Counter[str]) -> dict[str, Any]:
    return {name: counts[name] for name in ("created", "changed", "unchanged", "bad")}
