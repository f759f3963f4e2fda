"""The PostgreSQL under the benchmark: a fresh database for each run, copied from a template that is made once."""

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

KAMAILIO_SCHEMA = Path("/usr/share/kamailio/postgres")
"Where Debian's package keeps the tables that its modules expect."


class Cluster:
    """A PostgreSQL server in which databases may be created; `url` names one that exists."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._templates: dict[str, str] = {}
        self._made: list[str] = []
        self._marker = secrets.token_hex(3)

    def url_of(self, name: str) -> str:
        """The URL of another database of the same server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def pid(self) -> int | None:
        """The process id of the postmaster, when it runs on this machine."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            backend = row[0] if row else 0
            try:
                return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                return None

    def promises(self) -> str:
        """The settings that decide what a commit is worth."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), current_setting('fsync'),"
                " current_setting('synchronous_commit'), current_setting('full_page_writes')"
            ).fetchone()
        version, fsync, commit, pages = row or ("?",) * 4
        return f"PostgreSQL {version}, fsync {fsync}, synchronous_commit {commit}, full_page_writes {pages}"

    def fresh(self, kind: str, build: Callable[[str], None]) -> str:
        """The URL of a new database like every other of its kind; `build` fills the first one, by its URL."""
        if kind not in self._templates:
            template = self._create(f"bench_{self._marker}_{kind}_template")
            build(self.url_of(template))
            self._templates[kind] = template
        name = f"bench_{self._marker}_{kind}_{len(self._made)}"
        return self.url_of(self._create(name, self._templates[kind]))

    def drop(self, url: str) -> None:
        """Remove a database that `fresh` has made."""
        name = urlsplit(url).path.lstrip("/")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        if name in self._made:
            self._made.remove(name)

    def close(self) -> None:
        """Remove everything that was made."""
        for name in list(self._made):
            self.drop(self.url_of(name))

    def _create(self, name: str, template: str | None = None) -> str:
        copied = f' TEMPLATE "{template}"' if template else ""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"{copied}'.encode())
            connection.execute("CHECKPOINT")  # not in the middle of what is measured
        self._made.append(name)
        return name


def kamailio_tables(url: str) -> None:
    """Fill a database with the tables of the modules in use."""
    with psycopg.connect(url) as connection:
        for part in ("standard", "presence", "usrloc"):
            connection.execute((KAMAILIO_SCHEMA / f"{part}-create.sql").read_bytes())
