"""A load at several edges, watchers everywhere, and what has to be true whatever became of the edges meanwhile."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from provisioning.uri import Aor
from tests.faults.edges import Edges, Roamer, contact_of
from tests.faults.load import PATIENCE, Load, Publisher, holds
from tests.phone import Watch, pidf
from tests.waiting import wait_until

PUBLISHERS: Final = 6

WATCHERS: Final = 2
"At each edge; each of them watches every publisher."

PAUSE: Final = 0.1
"Seconds between two changes of a publisher."

UNHEARD: Final = 2.0
"Seconds without an answer after which a publisher asks another edge."

OF: Final = 'persona_id = (SELECT id FROM provisioning_persona WHERE "user" = %s)'


class Scene:
    """Publishers that go on whatever happens, and watchers at every edge; on PostgreSQL."""

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        self.phones: list[Roamer] = []
        "The watchers."
        self.watches: list[Watch] = []
        self._database = psycopg.connect(edges.deployment.environment["DATABASE_URL"], autocommit=True)
        servers = [edges.address(number) for number in edges.ports]
        publishers = [
            Publisher(edges.roamer(f"u{one}", one % len(servers) + 1), servers=servers) for one in range(PUBLISHERS)
        ]
        self.load = Load(publishers, pause=PAUSE, patience=UNHEARD)

    def begin(self) -> None:
        """Everybody watches everybody."""
        self.load.goes_on(3)
        self.newcomers([number for number in self.edges.ports for _ in range(WATCHERS)])
        self.load.goes_on(3)

    def newcomers(self, numbers: Iterable[int]) -> list[Watch]:
        """A watcher more at each of these edges, of every publisher; what they were told first has come."""
        phones = [self.edges.roamer(f"u{100 + len(self.phones) + one}", number) for one, number in enumerate(numbers)]
        watches = [self._admitted(phone, one.phone.aor) for phone in phones for one in self.load.publishers]
        for watch in watches:
            watch.heard(1)
        self.phones += phones
        self.watches += watches
        return watches

    def _admitted(self, phone: Roamer, presentity: Aor) -> Watch:
        """Subscribe, as soon as the edge takes it."""

        def asked() -> Watch | None:
            try:
                watch = phone.subscribe(presentity, patience=2.0)
            except (AssertionError, OSError):
                return None
            return watch if watch.response.status == 200 else None

        found: Watch = wait_until(asked, f"a subscription of {phone.aor} at {phone.server}", PATIENCE, 0.1)
        return found

    def at(self, *numbers: int) -> list[Watch]:
        """Those who were told by these edges last."""
        homes = [self.edges.address(number) for number in numbers]
        return [watch for watch in self.watches if contact_of(watch) in homes]

    def nobody_at(self, *numbers: int) -> None:
        """Wait until all hear from other edges."""
        wait_until(lambda: not self.at(*numbers), f"nobody at edges {numbers}", PATIENCE, 0.05)

    def publications(self, user: str) -> int:
        """How many the database has of this user."""
        row: tuple[Any, ...] | None = self._database.execute(
            f"SELECT count(*) FROM presence_publication WHERE {OF}", [user]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def ran_out(self, user: str, number: int) -> None:
        """A user has published at this edge, and it is over since long: this is for the sweep."""
        phone = self.edges.roamer(user, number)
        assert phone.publish(pidf(phone.aor)).status == 200
        self._database.execute(
            f"UPDATE presence_publication SET expires_at = now() - interval '1 hour' WHERE {OF}", [user]
        )

    def swept(self, user: str) -> None:
        """Wait until a worker has seen that."""
        wait_until(lambda: self.publications(user) == 0, "a sweep", PATIENCE, 0.5)

    def end(self) -> None:
        """The load stops; what has to hold does, each NOTIFY came from one edge, and watchers can refresh."""
        self.load.stop()
        for one in self.load.publishers:
            one.succeeds()
        holds(
            self.edges.deployment,
            self.load.publishers,
            lambda one: [watch for watch in self.watches if watch.target == one.phone.aor],
            self.phones[-1],
        )
        for phone in self.phones:
            assert spoken_once(phone)
        for watch in self.watches:
            watch.phone.server = contact_of(watch)  # type: ignore[attr-defined]
            assert watch.refresh().status == 200

    def close(self) -> None:
        """However it ends."""
        self.load.stop()
        self._database.close()


@contextmanager
def scene(edges: Edges) -> Iterator[Scene]:
    """A load that ends in any case."""
    found = Scene(edges)
    try:
        yield found
    finally:
        found.close()


def spoken_once(phone: Roamer) -> bool:
    """Each NOTIFY has come from one edge only, however often it was repeated."""
    senders: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for said in phone.said:
        senders.setdefault((said.call_id, said.cseq), set()).add((said.host, said.port))
    return all(len(found) == 1 for found in senders.values())
