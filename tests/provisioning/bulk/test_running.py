"""One import at a time; runs that die are taken up, or have clearly failed; it can be stopped."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from provisioning import tasks
from provisioning.bulk import applying, imports, running
from provisioning.bulk.people import Users
from provisioning.models import Domain, Import, ImportFile, Persona
from tests.provisioning.bulk.trials import carried, undone

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

COUNT = 450
FILE = "address,name\n" + "".join(f"u{number}@example.org,U {number}\n" for number in range(COUNT))


class Killed(BaseException):
    """As if the process were gone: nothing of ours may catch it."""


def brought(mode: str = "partial", **options: Any) -> Import:
    return imports.bring(FILE.encode(), "u.csv", mode=mode, user=None, who="test", **{"dry_run": False, **options})


def silent(of: Import) -> None:
    """Long ago was its last sign of life."""
    Import.objects.filter(pk=of.pk).update(alive_at=timezone.now() - running.STALE - timedelta(seconds=1))


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The worker is killed in the middle of writing some rows."""

    def at(chunk: int) -> None:
        written = iter(range(1000))
        write = Users.write

        def dies(self: Users, *words: Any) -> None:
            write(self, *words)
            if next(written) >= chunk:
                raise Killed

        monkeypatch.setattr(Users, "write", dies)

    return at


def test_a_killed_worker_leaves_whole_transactions_and_another_goes_on(
    domain: Domain, killed: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = brought()
    killed(2)
    with pytest.raises(Killed):
        running.run(of.pk)
    of.refresh_from_db()
    assert (of.position, of.created, Persona.objects.count()) == (2 * applying.CHUNK,) * 3
    assert running.run(of.pk) == Import.State.APPLYING, "nobody else takes it while it may be alive"
    assert running.forsaken() == []
    silent(of)
    assert running.forsaken() == [of.pk]
    monkeypatch.undo()
    monkeypatch.setattr(applying, "PAUSE", 0.0)
    running.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.created, of.bad, of.attempts) == (Import.State.DONE, COUNT, 0, 0), of.message
    assert of.rows.count() == Persona.objects.count() == COUNT
    assert undone(of).undone == COUNT and not Persona.objects.exists()


def test_all_or_nothing_is_nothing_when_the_worker_is_killed(
    domain: Domain, killed: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = brought("all")
    killed(0)
    for _ in range(running.MOST_ATTEMPTS):
        with pytest.raises(Killed):
            running.run(of.pk)
        assert not Persona.objects.exists()
        silent(of)
    assert running.forsaken() == []
    of.refresh_from_db()
    assert of.state == Import.State.FAILED and "Nothing is written" in of.message and of.slot is None
    assert not of.rows.exists() and not of.can_be_undone
    assert not ImportFile.objects.exists()


def test_a_database_that_is_away_is_waited_for(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    of = brought()

    def away(*_: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(Users, "write", away)
        running.run(of.pk)
    silent(of)
    assert running.run(of.pk) == Import.State.DONE and Persona.objects.count() == COUNT


def test_a_mistake_of_ours_is_told_in_one_sentence_and_not_with_rows(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of = brought()
    monkeypatch.setattr(Users, "write", lambda *_: {}["a secret"])
    running.run(of.pk)
    of.refresh_from_db()
    assert of.state == Import.State.FAILED and "its log says more" in of.message and of.slot is None


def test_one_import_at_a_time(domain: Domain) -> None:
    first = brought(dry_run=True)
    with pytest.raises(imports.NotNow, match=r"“u\.csv” by test is under way"):
        brought()
    assert Import.objects.count() == ImportFile.objects.count() == 1
    running.run(first.pk)
    second = brought()
    with pytest.raises(imports.NotNow, match="under way"):
        imports.confirm(Import.objects.get(pk=first.pk))
    running.run(second.pk)
    imports.confirm(Import.objects.get(pk=first.pk))


def test_the_task_twice_is_the_task_once(domain: Domain) -> None:
    of = brought()
    assert tasks.run_import(of.pk) == Import.State.DONE
    assert tasks.run_import(of.pk) == Import.State.DONE and tasks.run_import(987654) == ""
    assert Persona.objects.count() == COUNT and of.rows.count() == COUNT


def test_it_can_be_stopped_between_two_transactions(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    of = brought()
    write = Users.write

    def and_stop(self: Users, *words: Any) -> None:
        write(self, *words)
        if Persona.objects.count() == 200:
            imports.cancel(of)

    monkeypatch.setattr(Users, "write", and_stop)
    running.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.position, Persona.objects.count()) == (Import.State.CANCELLED, 200, 200)
    assert undone(of).undone == 200 and not Persona.objects.exists()
    with pytest.raises(imports.NotNow):
        imports.cancel(of)


def test_what_no_worker_has_begun_is_stopped_at_once(domain: Domain) -> None:
    of = brought()
    imports.cancel(of)
    of.refresh_from_db()
    assert of.state == Import.State.CANCELLED and running.run(of.pk) == Import.State.CANCELLED
    assert not ImportFile.objects.exists() and not Persona.objects.exists()


def test_rows_that_others_change_meanwhile_are_compared_anew(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or nothing: between comparing and writing somebody has made one of the users."""
    of = brought("all")
    prepare, made = Users.prepare, iter([True])

    def slow(self: Users, *words: Any) -> None:
        prepare(self, *words)
        if next(made, False):
            Persona(domain=domain, user="u7", name="By hand").save()

    monkeypatch.setattr(Users, "prepare", slow)
    running.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.created, of.changed) == (Import.State.DONE, COUNT - 1, 1), of.message
    assert of.rows.count() == COUNT and undone(of).undone == COUNT
    assert Persona.objects.get().name == "By hand"


def test_all_or_nothing_can_be_stopped_before_it_writes(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    of = brought("all")
    prepare = Users.prepare

    def and_stop(self: Users, *words: Any) -> None:
        prepare(self, *words)
        imports.cancel(of)

    monkeypatch.setattr(Users, "prepare", and_stop)
    running.run(of.pk)
    of.refresh_from_db()
    assert of.state == Import.State.CANCELLED and of.message == "Cancelled; nothing was changed."
    assert not Persona.objects.exists() and not of.rows.exists()


def test_a_run_that_has_lost_its_import_writes_nothing(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    of = brought()
    plan = Users.plan

    def slow(self: Users, *words: Any) -> None:
        plan(self, *words)
        Import.objects.update(runner="another")

    monkeypatch.setattr(Users, "plan", slow)
    running.run(of.pk)
    assert not Persona.objects.exists()


def test_a_file_that_nobody_applies_is_deleted(domain: Domain) -> None:
    of = carried(FILE, dry_run=True)
    assert b"u1@" not in bytes(ImportFile.objects.get().content), "it is kept encrypted"
    Import.objects.update(alive_at=timezone.now() - imports.KEEP_FILE - timedelta(seconds=1))
    running.forget()
    of.refresh_from_db()
    assert of.state == Import.State.CANCELLED and not ImportFile.objects.exists()
