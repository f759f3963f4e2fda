"""sipp plays publisher and watcher from scenarios of ours: an independent program checks every step."""

from pathlib import Path

import pytest

from tests.interop.sipp_run import Sipp
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_publication_reaches_its_watcher(tmp_path: Path, transport: str) -> None:
    """R-FLW-02, R-TRN-01, R-NTF-01: flow F-4 over UDP and TCP."""
    with deployed() as deployment:
        deployment.start_edge()
        watcher = Sipp(tmp_path, deployment.engine, "subscribe", service="xten3", transport=transport)
        wait_until(
            lambda: "1" in deployment.manage(
                "shell", "-v0", "-c", "from presence.models import Subscription; print(Subscription.objects.count())"
            ),
            "the subscription",
        )  # fmt: skip
        publisher = Sipp(tmp_path, deployment.engine, "publish", service="xten3", transport=transport)
        publisher.ends()
        watcher.ends()
