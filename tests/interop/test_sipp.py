"""sipp plays publisher and watcher from scenarios of ours: an independent program checks every step."""

import subprocess
from pathlib import Path

import pytest

from tests.programs import needs_program
from tests.services import free_port
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SCENARIOS = Path(__file__).with_name("sipp")


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_publication_reaches_its_watcher(tmp_path: Path, transport: str) -> None:
    """R-FLW-02, R-TRN-01, R-NTF-01: flow F-4 over UDP and TCP."""
    program = needs_program("sipp")
    with deployed() as deployment:
        deployment.start_edge()

        def sipp(scenario: str) -> "subprocess.Popen[bytes]":
            with (tmp_path / f"{scenario}.log").open("wb") as log:
                return subprocess.Popen(
                    [program, f"127.0.0.1:{deployment.engine}", "-sf", str(SCENARIOS / f"{scenario}.xml"),
                     "-s", "xten3", "-m", "1", "-t", transport, "-i", "127.0.0.1", "-p", str(free_port()),
                     "-timeout", "40", "-nostdin", "-trace_err", "-error_file", str(tmp_path / f"{scenario}.err")],
                    stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path,
                )  # fmt: skip

        watcher = sipp("subscribe")
        wait_until(
            lambda: "1" in deployment.manage(
                "shell", "-v0", "-c", "from presence.models import Subscription; print(Subscription.objects.count())"
            ),
            "the subscription",
        )  # fmt: skip
        publisher = sipp("publish")
        assert publisher.wait(60) == 0, _told(tmp_path, "publish")
        assert watcher.wait(60) == 0, _told(tmp_path, "subscribe")


def _told(folder: Path, scenario: str) -> str:
    errors = folder / f"{scenario}.err"
    return (errors.read_text(errors="replace") if errors.exists() else "") + (folder / f"{scenario}.log").read_text(
        errors="replace"
    )[-2000:]
