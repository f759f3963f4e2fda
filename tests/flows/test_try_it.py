"""`manage.py try_it`: what a newcomer sees, and what it leaves behind."""

import pytest

from tests.phone import DOMAIN, PASSWORD
from tests.system import Deployment

pytestmark = pytest.mark.system


def test_a_publication_is_seen_and_nothing_is_left(running: Deployment) -> None:
    """R-ARC-01: the NOTIFY is printed; subscription and binding are ended, so that no NOTIFY goes to a closed port."""
    accounts = ["--publisher", f"u690@{DOMAIN}:{PASSWORD}", "--watcher", f"u691@{DOMAIN}:{PASSWORD}"]
    said = running.manage("try_it", "--proxy", f"127.0.0.1:{running.proxy}", *accounts)
    assert "<rpid:busy/>" in said and f"sip:u691@{DOMAIN} was told that sip:u690@{DOMAIN} is busy" in said
    assert said.index("NOTIFY, active") < said.index("NOTIFY, terminated")
    assert said.count("u691 -> REGISTER") == 4, "with and without credentials, at the beginning and at the end"


def test_who_cannot_log_in_is_told_what_to_do(running: Deployment) -> None:
    """The demonstration's users are not everywhere."""
    words = ["try_it", "--proxy", f"127.0.0.1:{running.proxy}", "--watcher", f"u691@{DOMAIN}:wrong"]
    said, status = running.attempt(*words)
    expected = "CommandError: REGISTER was answered 401 Unauthorized (--proxy, --publisher and --watcher name others)\n"
    assert status == 1 and said.endswith(expected) and "Traceback" not in said
