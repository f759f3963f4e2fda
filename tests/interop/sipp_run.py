"""sipp with a scenario of ours, which checks every step."""

import subprocess
from pathlib import Path

from tests.programs import needs_program
from tests.services import free_port

SCENARIOS = Path(__file__).with_name("sipp")


class Sipp:
    """One run, in the background."""

    def __init__(self, folder: Path, port: int, scenario: str, *, service: str, transport: str = "u1") -> None:
        """`port`: of the server on 127.0.0.1; `service`: who is published or watched; `transport`: as `-t` has it."""
        self._files = [folder / f"{scenario}.{kind}" for kind in ("err", "log")]
        errors, log = self._files
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [needs_program("sipp"), f"127.0.0.1:{port}", "-sf", str(SCENARIOS / f"{scenario}.xml"),
                 "-s", service, "-m", "1", "-t", transport, "-i", "127.0.0.1", "-p", str(free_port()),
                 "-timeout", "80", "-nostdin", "-trace_err", "-error_file", str(errors)],
                stdout=output, stderr=subprocess.STDOUT, cwd=folder,
            )  # fmt: skip

    def ends(self) -> None:
        """Wait until it is through; each step was as the scenario has it."""
        status = self._process.wait(90)
        assert status == 0, "\n".join(one.read_text(errors="replace")[-2000:] for one in self._files if one.exists())
