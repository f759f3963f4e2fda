"""What all browser tests share; each module has a `site` of its own."""

import pytest

from tests.system import Deployment


@pytest.fixture(scope="module")
def web(site: Deployment) -> str:
    """The address of the site's web process."""
    return site.start_web()
