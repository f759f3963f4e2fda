"""Fixtures for the CTI gateway."""

import pytest

from tests.cti.desk import Site
from tests.cti.office import Office


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def site() -> Site:
    return Site()
