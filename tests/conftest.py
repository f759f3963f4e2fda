"""Fixtures for all tests."""

import pytest
from django.db import connections
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")  # a machine that is busy makes no test fail


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """A connection lives as long as the test's transaction does; its age would end both."""
    for alias in connections:
        connections[alias].settings_dict["CONN_MAX_AGE"] = None


@pytest.fixture(autouse=True)
def _plain_static_files(settings: pytest.FixtureRequest) -> None:
    """WhiteNoise looks through all static files for every client: seconds that tests do not need."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # type: ignore[attr-defined]
    settings.AXES_ENABLED = False  # type: ignore[attr-defined]
