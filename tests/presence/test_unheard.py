"""Doing without the bus: how often a process looks by itself, and how far back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from presence import store
from presence.engine.errors import TryAgainLater
from presence.models import Publication
from presence.unheard import EVERYTHING, INTERVAL, OVERLAP, Looks
from provisioning.models import Domain, Persona

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class World:
    """A process that looks, and notes how."""

    def __init__(self) -> None:
        self.seen: list[datetime | None] = []
        "Since when; None for everything."
        self.away = False
        self.looks = Looks(self._changed, self._everything)

    async def _changed(self, since: datetime) -> None:
        if self.away:
            raise TryAgainLater(1)
        self.seen.append(since)

    async def _everything(self) -> None:
        self.seen.append(None)

    async def at(self, seconds: float, *, clock: float = 0.0) -> None:
        """So many seconds after noon; `clock`: by how many the time of day was set."""
        await self.looks.look(seconds, NOON + timedelta(seconds=seconds + clock))

    async def heard(self, seconds: float) -> None:
        """The bus is there again."""
        await self.looks.heard(NOON + timedelta(seconds=seconds))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds) - OVERLAP


@pytest.mark.asyncio
async def test_it_looks_at_once_and_then_now_and_then() -> None:
    world = World()
    await world.at(0)
    await world.at(INTERVAL / 2)
    await world.at(INTERVAL)
    assert world.seen == [after(0), after(0)], "from where it has looked before"
    await world.heard(3)
    await world.heard(4)
    assert world.seen[2:] == [after(INTERVAL)], "what was written until the bus was back"
    await world.at(100)
    await world.at(100 + EVERYTHING)
    assert world.seen[3:] == [after(100), None]


@pytest.mark.asyncio
async def test_what_was_said_and_could_not_be_looked_at_is_looked_for() -> None:
    """The database was away, the bus was not."""
    world = World()
    world.looks.missed(NOON)
    world.looks.missed(NOON + timedelta(seconds=60))
    world.away = True
    with pytest.raises(TryAgainLater):
        await world.heard(70)
    world.away = False
    await world.heard(80)
    assert world.seen == [after(0)]


@pytest.mark.asyncio
async def test_a_look_that_failed_is_made_again() -> None:
    """The next one goes as far back."""
    world = World()
    await world.at(0)
    world.away = True
    with pytest.raises(TryAgainLater):
        await world.at(5)
    world.away = False
    await world.at(6)
    assert world.seen == [after(0), after(0)]


@pytest.mark.asyncio
async def test_a_clock_that_is_set_back_hides_nothing() -> None:
    """What is written after that seems to be older."""
    world = World()
    await world.at(0)
    await world.at(5, clock=-3600)
    assert world.seen[1] == after(5 - 3600)


@pytest.mark.django_db
def test_what_was_written_since_then(persona_with_publication: tuple[int, datetime]) -> None:
    """R-PUB-29: also when it was taken back: its tombstone was written, too."""
    key, moment = persona_with_publication
    assert store.changed_since(moment) == {key}
    assert store.changed_since(moment + timedelta(seconds=1)) == set()


@pytest.fixture
def persona_with_publication() -> tuple[int, datetime]:
    persona = Persona(domain=Domain.objects.create(name="compb.cisco.com"), user="xten3")
    persona.save()
    now = timezone.now()
    Publication.objects.create(
        id=1, version=2, persona=persona, publisher="", user_agent="", content_type="", door="sip", body=b"",
        created_at=now, changed_at=now, updated_at=now, expires_at=now,
    )  # fmt: skip
    return persona.pk, now
