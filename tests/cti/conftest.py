"""Fixtures for the CTI gateway."""

import pytest

from tests.cti.office import Office


@pytest.fixture
def office() -> Office:
    return Office()
