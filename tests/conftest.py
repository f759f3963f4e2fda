"""Fixtures for all tests."""

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2000)  # --hypothesis-profile=deep, once a night
settings.load_profile("unhurried")  # a machine that is busy makes no test fail


@pytest.fixture(autouse=True)
def _plain_static_files(settings: pytest.FixtureRequest) -> None:
    """WhiteNoise looks through all static files for every client: seconds that tests do not need."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # type: ignore[attr-defined]
    settings.AXES_ENABLED = False  # type: ignore[attr-defined]
