"""The examples of docs/integrators.md do what they say."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.integrators import account
from tests.phone import DOMAIN, pidf
from tests.programs import needs_program
from tests.receiver import EXAMPLES
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Deployment, Web, str]]:
    """A deployment, and the token of u1's calendar."""
    with valkey() as bus, deployed(bus=bus) as deployment:
        deployment.start_edge()
        web = integrator(deployment)
        yield deployment, web, account(deployment, "calendar", persona=f"sip:u1@{DOMAIN}", publish_own=True)
        assert "Traceback" not in deployment.logs()


@pytest.mark.parametrize("words", [(sys.executable, "watch.py"), ("node", "--experimental-websocket", "watch.mjs")])
def test_a_program_watches(running: tuple[Deployment, Web, str], words: tuple[str, ...]) -> None:
    """In Python, and in JavaScript as a browser would."""
    deployment, web, token = running
    program = needs_program(words[0]) if words[0] == "node" else words[0]
    user = f"u{2 + len(words)}"
    output = deployment.folder / f"output-{user}"
    address = web.address.replace("http", "ws", 1)
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program, *words[1:], address, f"{user}@{DOMAIN}", f"no.such.user@{DOMAIN}"],
            cwd=EXAMPLES, env={**deployment.environment, "TOKEN": token}, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: "not to be seen" in output.read_text(), "the first lines")
        with deployment.phone(user) as phone:
            phone.publish(pidf(phone.aor, activity="busy"))
            wait_until(lambda: f"sip:{user}@{DOMAIN} Busy" in output.read_text(), "what has changed")
    finally:
        process.terminate()
        process.wait(10)


def test_a_calendar_publishes(running: tuple[Deployment, Web, str]) -> None:
    """By curl: published, refreshed, read, removed."""
    _, web, token = running
    needs_program("curl")
    done = subprocess.run(
        ["sh", "calendar.sh", web.address, f"u1@{DOMAIN}"],
        cwd=EXAMPLES, env={"PATH": "/usr/bin:/bin", "TOKEN": token}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert '"activities":["meeting"]' in done.stdout and "Back at 3" in done.stdout
    found = web.ask("GET", f"presence/u1@{DOMAIN}/?as=u9@{DOMAIN}")[1]
    assert found["state"] == "unavailable" and not found["activities"]
