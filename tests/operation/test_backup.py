"""Backups are of one moment, whole, and can be restored into either database."""

import json
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sipedge.backup.file import MANIFEST, BadBackup, Manifest, Reader, Writer
from sipedge.backup.tables import SOFT
from tests.phone import pidf
from tests.services import PostgreSQL
from tests.system import ROOT, Deployment, deployed, new_database
from tests.waiting import wait_until

pytestmark = pytest.mark.system

PUBLISHERS = 4


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL for all databases of this module."""
    with PostgreSQL() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request: pytest.FixtureRequest, server: PostgreSQL) -> Iterator[Deployment]:
    """A deployment on each database."""
    with deployed(server=server.url if request.param == "postgresql" else None) as found:
        yield found


class Place:
    """Somewhere to restore into: a data directory and a database of its own, both empty."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self.environment = {**os.environ, "CUPS_DATA_DIR": str(folder), "VALKEY_URL": "", "REDIS_URL": ""}
        self.environment.pop("DATABASE_URL", None)
        if database is not None:
            self.environment["DATABASE_URL"] = database

    def manage(self, *words: str) -> tuple[str, int]:
        """What a command says, and its exit status."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr, done.returncode


@pytest.fixture
def place(tmp_path: Path, server: PostgreSQL) -> Callable[[str], Place]:
    """Makes such a place of a kind of database."""

    def make(kind: str) -> Place:
        folder = tmp_path / f"place-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Place(folder, new_database(server.url) if kind == "postgresql" else None)

    return make


def content(path: Path, leave_out: frozenset[str] = frozenset()) -> dict[str, list[dict[str, Any]]]:
    """Every table of a backup, row by row, without what a restored dialog goes on from."""
    found = {}
    with Reader(path) as reader:
        reader.check()
        for label in reader.tables:
            if label in leave_out:
                continue
            columns, *rows = reader.table(label)
            changed = {"cseq", "sent_digest"} if label == "presence.subscription" else set()
            found[label] = [
                {name: value for name, value in zip(columns, row, strict=True) if name not in changed} for row in rows
            ]
    return found


def test_a_backup_under_load_is_restored_into_either_database(
    deployment: Deployment, place: Callable[[str], Place], tmp_path: Path
) -> None:
    """While clients publish; what is restored is what was saved, row by row."""
    deployment.start_edge()
    stop = threading.Event()
    done = [0] * PUBLISHERS
    first, last = tmp_path / "first.zip", tmp_path / "last.zip"

    def publish(number: int) -> None:
        with deployment.peer(f"u{number}") as phone:
            tag = None
            while not stop.is_set():
                document = pidf(phone.aor, activity="busy" if done[number] % 2 else "away")
                answer = phone.publish(document, tag=tag)
                assert answer.status == 200, "writers go on"
                tag = answer.get("SIP-ETag")
                done[number] += 1

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(PUBLISHERS)]
    with deployment.peer("ippm4") as watcher:
        watcher.subscribe("sip:u0@" + watcher.aor.host).heard(1)
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: min(done) > 3, "a publishing load")
            said = deployment.manage("backup", str(first))
            before = list(done)
            wait_until(lambda: all(now > then for now, then in zip(done, before, strict=True)), "a load that goes on")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert f"{first}: " in said and " rows of " in said
        assert stat.S_IMODE(first.stat().st_mode) == 0o600
        assert len(content(first)["presence.publication"]) == PUBLISHERS
        deployment.edge.terminate()
        assert deployment.edge.wait(20) == 0
        deployment.manage("backup", str(last), "--keys")
    for path, kinds in ((first, ("sqlite",)), (last, ("sqlite", "postgresql"))):
        for kind in kinds:
            there, again = place(kind), tmp_path / f"{path.stem}-{kind}.zip"
            said, status = there.manage("restore", str(path))
            assert status == 0, said
            assert there.manage("backup", str(again))[1] == 0
            assert content(again) == content(path)
            with Reader(path) as old, Reader(again) as new:
                (ahead,) = _rows(new, "presence.subscription")
                (behind,) = _rows(old, "presence.subscription")
                assert ahead["cseq"] > behind["cseq"] and ahead["sent_digest"] == ""
            assert there.manage("shell", "-v0", "-c", NEW_ROW)[1] == 0, "keys are counted on from the restored ones"


NEW_ROW = "from provisioning.models import Domain; Domain.objects.create(name='after.example')"


def _rows(reader: Reader, label: str) -> Iterator[dict[str, Any]]:
    columns, *rows = reader.table(label)
    return (dict(zip(columns, row, strict=True)) for row in rows)


def test_an_edge_goes_on_with_what_was_restored(deployment: Deployment, tmp_path: Path) -> None:
    """The watcher is told again, with a number that it has not seen; the publication's tag is as it was."""
    deployment.start_edge()
    with deployment.peer("u1") as phone, deployment.peer("u2") as watcher:
        tag = phone.publish(pidf(phone.aor, activity="busy")).get("SIP-ETag")
        watch = watcher.subscribe(phone.aor)
        watch.sees("<rpid:busy/>")
        deployment.manage("backup", str(tmp_path / "backup"))
        phone.publish(pidf(phone.aor, activity="away"))
        watch.sees("<rpid:away/>")
        said, status = deployment.attempt("restore", str(tmp_path / "backup"))
        assert status == 1 and "edge-1 works on this database: stop it first" in said
        deployment.edge.terminate()
        assert deployment.edge.wait(20) == 0
        said, status = deployment.attempt("restore", str(tmp_path / "backup"))
        assert status == 1 and "the database is not empty (provisioning_domain has rows)" in said
        deployment.manage("restore", str(tmp_path / "backup"), "--force")
        heard = len(watch.notifies)
        deployment.start_edge()
        assert b"<rpid:busy/>" in watch.heard(heard + 1).body
        numbers = [notify.cseq.number for notify in watch.notifies]
        assert numbers == sorted(set(numbers))
        assert phone.publish(tag=tag).status == 200


def test_soft_state_and_keys_are_by_choice(place: Callable[[str], Place], tmp_path: Path) -> None:
    with deployed(tls=True) as deployment:
        plain, keys = tmp_path / "plain", tmp_path / "keys"
        deployment.manage("backup", str(plain), "--without-soft-state")
        with Reader(plain) as reader:
            assert not SOFT & set(reader.tables) and "provisioning.persona" in reader.tables
            assert reader.keys == [] and reader.manifest.soft_state is False
        there = place("sqlite")
        assert "holds no keys" in there.manage("restore", str(plain), "--keys")[0]
        said, status = deployment.attempt("backup", str(plain))
        assert status == 1 and "it is there already; --force replaces it" in said
        deployment.manage("backup", str(keys), "--keys")
        assert there.manage("restore", str(keys))[0].endswith(
            "keys in the file were left there; --keys restores them too\n"
        )
        said = there.manage("restore", str(keys), "--force", "--keys")[0]
        for path in sorted((deployment.folder / "tls").iterdir()):
            again = there.folder / "tls" / path.name
            assert again.read_bytes() == path.read_bytes() and stat.S_IMODE(again.stat().st_mode) == 0o600, said


def edited(path: Path, to: Path, **changes: Any) -> Path:
    """A copy with another manifest."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps(json.loads(data) | changes) if name == MANIFEST else data)
    return to


def test_another_version_says_so(place: Callable[[str], Place], tmp_path: Path) -> None:
    """A newer one is refused, an older one is taken when that is wanted, and then brought up to date."""
    there = place("sqlite")
    with deployed() as deployment:
        deployment.manage("backup", str(tmp_path / "backup"))
    with Reader(tmp_path / "backup") as reader:
        migrations = reader.manifest.migrations
    newer = edited(
        tmp_path / "backup", tmp_path / "newer", version="9", migrations=[*migrations, "presence.9999_later"]
    )
    said, status = there.manage("restore", str(newer))
    assert status == 1 and "made by version 9, which is newer than this one: presence.9999_later is not known" in said
    last = max(name for name in migrations if name.startswith("presence."))
    older = edited(
        tmp_path / "backup", tmp_path / "older", version="0", migrations=[m for m in migrations if m != last]
    )
    said, status = there.manage("restore", str(older))
    assert status == 1 and f"older than this one: {last} is missing; --migrate restores it" in said
    said, status = there.manage("restore", str(older), "--migrate")
    assert status == 0, said
    assert "[ ]" not in there.manage("showmigrations")[0]
    again = tmp_path / "again"
    there.manage("backup", str(again))
    assert (
        content(again, frozenset({"contenttypes.contenttype", "auth.permission"}))["provisioning.persona"]
        == (content(tmp_path / "backup")["provisioning.persona"])
    )
    said, status = there.manage("restore", str(older), "--migrate", "--force")
    assert status == 1 and f"the database is newer than the backup: it has {last}" in said


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_broken_file_changes_nothing(kind: str, place: Callable[[str], Place], tmp_path: Path) -> None:
    there, whole, broken = place(kind), tmp_path / "whole", tmp_path / "broken"
    with deployed() as deployment:
        deployment.manage("backup", str(whole))
    assert there.manage("restore", str(whole))[1] == 0
    data = whole.read_bytes()
    for wrong in (b"", b"PK", data[: len(data) // 2], b"x" * 1000):
        broken.write_bytes(wrong)
        said, status = there.manage("restore", str(broken), "--force")
        assert status == 1 and "is no backup, or is damaged" in said
    assert "No such file" in there.manage("restore", str(tmp_path / "none"))[0]
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"xten3", b"xten9"))
    said, status = there.manage("restore", str(broken), "--force")
    assert status == 1 and "the checksum of" in said
    with Reader(whole) as reader:
        members = {name: value for name, value in reader.manifest.members.items() if "persona" not in name}
    said, status = there.manage("restore", str(edited(whole, broken, members=members)), "--force")
    assert status == 1 and "nothing was restored: " in said, "rows that others point to are missing"
    again = tmp_path / "again"
    there.manage("backup", str(again))
    assert content(again) == content(whole)


# The file itself


def manifest() -> Manifest:
    return Manifest("1", "2026-01-01T00:00:00+00:00", "sqlite", [], True)


def test_a_file_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "backup", manifest())
    writer.table("a.b", ["id"], [[1]])
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_replaced_by_chance(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    writer = Writer(tmp_path / "backup", manifest())
    with pytest.raises(FileExistsError):
        writer.finish(replace=False)
    writer.discard()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["../x", "tls/../../x", "tls/.hidden", "secret_key/x", "tls/a/b", "tls/", "var"])
def test_keys_stay_within_the_data_directory(name: str, tmp_path: Path) -> None:
    writer = Writer(tmp_path / "backup", manifest())
    writer.key(name, b"x")
    writer.finish(replace=False)
    with Reader(tmp_path / "backup") as reader, pytest.raises(BadBackup, match="not allowed"):
        _ = reader.keys
