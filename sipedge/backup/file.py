"""The backup file: a ZIP of one member for each table, keys if they were wanted, and a manifest with checksums.

Members of tables are lines of JSON: the columns, then one list of values for each row. Nothing in them depends on
the database, so that a file from SQLite can be restored into PostgreSQL, and the other way round.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

FORMAT: Final = 1
"Raised when an older version of this module could not read the file."

MANIFEST: Final = "manifest.json"

MOST_MANIFEST: Final = 1 << 20
"Octets of a manifest: some hundred tables and migrations are some 40 kB."

PIECE: Final = 1 << 20
"Octets read at a time."

KEY_NAME: Final = re.compile(r"keys/(secret_key|tls/[A-Za-z0-9_*][A-Za-z0-9._*-]{0,200})", re.ASCII)
"Members that are files of the data directory."


class BadBackup(Exception):
    """The file is no backup, is damaged, or does not fit; one sentence."""


@dataclass
class Manifest:
    """What a file says about itself."""

    version: str
    "Of the product that made it."
    made_at: str
    database: str
    "sqlite or postgresql."
    migrations: list[str]
    "All that the database had, `app.name`."
    soft_state: bool
    members: dict[str, str] = field(default_factory=dict)
    "Name of each member and the SHA-256 of its content."
    rows: dict[str, int] = field(default_factory=dict)
    "Label of each table, and the number of its rows."
    format: int = FORMAT


class Writer:
    """Makes a file; nothing is at its place before `finish`."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Raises OSError."""
        self._path = path
        self._manifest = manifest
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # readable for its owner only
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)

    def table(self, label: str, columns: list[str], rows: Iterable[list[Any]]) -> int:
        """Add a table; the number of its rows."""
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            yield _line(columns)
            for row in rows:
                count += 1
                yield _line(row)

        self._add(f"tables/{label}", lines())
        self._manifest.rows[label] = count
        return count

    def key(self, name: str, content: bytes) -> None:
        """Add a file of the data directory, by its name there."""
        self._add(f"keys/{name}", [content])

    def _add(self, name: str, pieces: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        with self._zip.open(name, "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
        self._manifest.members[name] = digest.hexdigest()

    def finish(self, *, replace: bool) -> None:
        """Put the file in its place, for good; raises FileExistsError where one is there and not to be replaced."""
        self._zip.writestr(MANIFEST, json.dumps(asdict(self._manifest), indent=1))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if replace:
            self._temporary.replace(self._path)
        else:
            os.link(self._temporary, self._path)
            self._temporary.unlink()

    def discard(self) -> None:
        """Leave nothing behind; after `finish` there is nothing to do."""
        with contextlib.suppress(ValueError, OSError):  # a full disk takes no directory either
            self._zip.close()
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class Reader:
    """Reads a file; raises BadBackup wherever it is not what it should be."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            with self._zip.open(MANIFEST) as member:
                fields = json.loads(member.read(MOST_MANIFEST))
        except OSError as error:
            raise BadBackup(f"{path}: {error.strerror or error}") from None
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError):
            raise BadBackup(f"{path} is no backup, or is damaged") from None
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise BadBackup(f"{path} has another format than this version reads")
        try:
            self.manifest = Manifest(**fields)
        except TypeError:
            raise BadBackup(f"{path} is damaged: its manifest cannot be read") from None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def check(self) -> None:
        """All members are there and as they were written."""
        for name, expected in self.manifest.members.items():
            digest = hashlib.sha256()
            with self._open(name) as member:
                while piece := member.read(PIECE):
                    digest.update(piece)
            if digest.hexdigest() != expected:
                raise BadBackup(f"the backup is damaged: the checksum of {name!r} is wrong")

    @property
    def keys(self) -> list[str]:
        """Files of the data directory, by their names there."""
        found = [name for name in self.manifest.members if name.startswith("keys/")]
        for name in found:
            if not KEY_NAME.fullmatch(name):
                raise BadBackup(f"the backup holds a file with a name that is not allowed: {name!r}")
        return [name.removeprefix("keys/") for name in found]

    def key(self, name: str) -> bytes:
        """The content of one of them."""
        with self._open(f"keys/{name}") as member:
            return member.read()

    @property
    def tables(self) -> list[str]:
        """Labels of the tables."""
        return [name.removeprefix("tables/") for name in self.manifest.members if name.startswith("tables/")]

    def table(self, label: str) -> Iterator[list[Any]]:
        """The columns of a table, then its rows."""
        with self._open(f"tables/{label}") as member:
            for line in member:
                yield json.loads(line)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) as member:
                yield member
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError, OSError):
            raise BadBackup(f"the backup is damaged: {name!r} cannot be read") from None


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
