"""The examples of docs/rest.md do what they say."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import ROOT, Deployment, deployed

pytestmark = pytest.mark.system

SCRIPTS = [
    text
    for text in re.findall(r"```sh\n(.*?)```", (Path(ROOT) / "docs" / "rest.md").read_text(), re.DOTALL)
    if "pipx" not in text  # tests/api/test_client.py
]


PROVISIONED = """
domains: [example.org]
users: [{pattern: "xten{n}", first: 0, count: 600, domain: example.org}]
trusted_peers: [{address: 127.0.0.1}]
"""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Web:
    return integrator(deployment)


@pytest.fixture
def run(web: Web) -> Callable[[str], str]:
    """Runs the script that contains some words, after the two lines that all go on from."""
    first = SCRIPTS[0].replace("http://127.0.0.1:8000", web.address).replace("TOKEN=...", f"TOKEN={web._token}")

    def go(words: str) -> str:
        (script,) = [text for text in SCRIPTS if words in text and text != SCRIPTS[0]]
        number = web.ask("GET", "users/?aor=sip:xten7@example.org")[1]["results"][0]["id"]
        text = f"set -eu\n{first}\necho\nID={number}\n{script}"
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.partition("\n")[0])["count"] == 600, "the first example searches"
        return done.stdout.partition("\n")[2]

    return go


def test_all_examples_are_tried() -> None:
    assert len(SCRIPTS) == 7


def test_a_token_is_made(run: Callable[[str], str]) -> None:
    assert json.loads(run("$URL/tokens/"))["token"].startswith("cups_")


def test_everything_is_walked_through(run: Callable[[str], str]) -> None:
    assert len(set(run("cursor=").split())) >= 600


def test_a_row_is_changed_by_its_version(run: Callable[[str], str]) -> None:
    assert json.loads(run("If-Match"))["name"] == "Alice Adams"


def test_a_request_is_repeated(run: Callable[[str], str]) -> None:
    assert run("Idempotency-Key") == run("Idempotency-Key") != ""


def test_many_rows_are_written(run: Callable[[str], str]) -> None:
    changed = json.loads(run("-X DELETE"))
    assert [(one["user"], one["enabled"]) for one in changed] == [("bob", False), ("carol", False)]


def test_a_subscription_is_sent_again_and_ended(run: Callable[[str], str], deployment: Deployment) -> None:
    with deployment.peer("xten8@example.org") as watcher:
        watch = watcher.subscribe("sip:xten9@example.org")
        watch.heard(1)
        sent, ended, gone = run("/resend/").strip().splitlines()
        assert (sent, ended, json.loads(gone)["status"]) == ("204", "204", 404)
        states = [watch.heard(number).get("Subscription-State") or "" for number in (2, 3)]
        assert states[0].startswith("active") and states[1] == "terminated;reason=deactivated"
