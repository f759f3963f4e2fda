"""Tables whose rows are written one by one, by what applies the entries of the provisioning file."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet

from provisioning.bulk.kinds import Key, Kind, Known, Row, State
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import ApplyEntry
from provisioning.importing.tables import Report, Tables

CHUNK = 200
"Rows of one query: their keys have several columns."


class SingleKind(Kind):
    """Users are named by any of their addresses; each row is then an entry of the provisioning file."""

    users: tuple[str, ...] = ()
    "Columns that name users of ours."
    apply: ApplyEntry

    @abstractmethod
    def entry(self, state: State) -> dict[str, Any]:
        """The keys and values of the provisioning file that say the same."""

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """All rows of the database, in order, with what belongs to them."""

    @abstractmethod
    def where(self, key: Key) -> Q:
        """Which row a key means."""

    @abstractmethod
    def state(self, row: Any) -> State:
        """Of a row of the database."""

    def check(self, row: Row, known: Known) -> None:
        """What else has to be right, beside the cells."""

    def states(self, keys: list[Key]) -> dict[Key, State]:
        """By key."""
        return {self._key(state): state for row in self._found(keys) if (state := self.state(row))}

    def everything(self) -> Iterator[State]:
        """In the order of the model."""
        return (self.state(row) for row in self.rows().iterator(chunk_size=1000))

    def plan(self, rows: list[Row], known: Known) -> None:
        """Find out whom the rows mean, and what they change."""
        rows = [row for row in rows if not row.errors]
        owners = known.owners(row.given[name] for row in rows for name in self.users if row.given.get(name))
        for row in rows:
            for name in self.users:
                if address := row.given.get(name):
                    if address in owners:
                        row.given[name] = owners[address]
                    else:
                        row.wrong(name, f"There is no user {address}.")
            if not row.errors:
                row.key = tuple(str(row.given[name]) for name in self.key)
                known.once(self, row)
        rows = [row for row in rows if not row.errors]
        states = self.states([row.key for row in rows])
        for row in rows:
            row.before = states.get(row.key)
            plain = {column.name: column.empty for column in self.columns}
            row.after = {**plain, **(row.before or {}), **row.given}
            try:
                self.check(row, known)
            except ValidationError as error:
                row.wrong(next(iter(getattr(error, "error_dict", {})), self.key[0]), error)

    def write(self, rows: list[Row], known: Known) -> None:
        """Entry by entry; what one of them breaks is taken back alone."""
        tables = Tables(Report())
        for row in rows:
            try:
                with transaction.atomic():
                    type(self).apply(Entry(self.entry(row.after), row.number), tables)
            except BadFile as error:
                row.wrong(self.key[0], str(error).partition(": ")[2])
            except IntegrityError:
                row.wrong(self.key[0], "The database refuses this row: something of it is there already.")

    def remove(self, keys: list[Key]) -> dict[Key, str]:
        """With what belongs to them."""
        for row in self._found(keys):
            row.delete()
        return {}

    def _found(self, keys: list[Key]) -> Iterable[Model]:
        for start in range(0, len(keys), CHUNK):
            wanted = Q(pk__in=[])
            for key in keys[start : start + CHUNK]:
                wanted |= self.where(key)
            yield from self.rows().filter(wanted)

    def _key(self, state: State) -> Key:
        return tuple(str(state[name]) for name in self.key)
