"""One running edge for all flows; each test has users of its own."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.phone import Phone
from tests.system import Deployment, deployed


@pytest.fixture(scope="session")
def running() -> Iterator[Deployment]:
    """An edge with users u0 to u1499 and the guide's cast."""
    with deployed() as deployment:
        deployment.start_edge()
        yield deployment
        assert "Traceback" not in deployment.logs()


_numbers = count(700)
"Of users whom no test names."


@pytest.fixture
def phone(running: Deployment) -> Iterator[Callable[..., Phone]]:
    """Makes clients at the proxy, each of a user that no other test has."""
    made: list[Phone] = []

    def make(user: str = "", **options: str) -> Phone:
        made.append(running.phone(user or f"u{next(_numbers)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def peer(running: Deployment) -> Iterator[Callable[..., Phone]]:
    """Makes trusted peers at the engine, each asserting a user that no other test has."""
    made: list[Phone] = []

    def make(user: str = "", **options: str) -> Phone:
        made.append(running.peer(user or f"u{next(_numbers)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
