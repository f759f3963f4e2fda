"""The message log at a running edge: what passes is written down, and deliveries do not wait for it (section 9)."""

from collections.abc import Iterator

import pytest

from tests.phone import DOMAIN
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import *; EngineSettings.objects.update(message_log=True);"
            "Persona.objects.filter(user='u3').update(offline_messages=True)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def logged(site: Deployment, sender: str) -> list[str]:
    """Recipient, status and text of what the log has of a sender, oldest first."""
    rows = site.manage(
        "shell", "-v0", "-c",
        f"from sipedge.models import LoggedMessage as L; rows = L.objects.filter(sender='{sender}')\n"
        "for row in rows.order_by('created_at'): print(row.recipient, row.persona, row.status, row.text)",
    )  # fmt: skip
    return rows.splitlines()


def test_what_passes_is_written_down(site: Deployment) -> None:
    """R-MSG-01, D-08, D-34: relayed, refused by its recipient, kept; not what we refuse, and no typing notices."""
    with site.phone("u1") as sender, site.phone("u2") as recipient:
        recipient.register()
        alias = f"sip:u2@{DOMAIN.upper()}:5060;transport=tcp"
        assert sender.message(alias, "relayed").status == 200
        recipient.answer_with = 488
        assert sender.message("u2", "refused").status == 488
        recipient.answer_with = 200
        assert sender.message("u3", "kept").status == 202
        assert sender.message("u4", "nobody there").status == 480
        assert sender.message("u2", "x" * 8001).status == 413
        assert sender.message("u2", "<x/>", kind="application/im-iscomposing+xml").status == 200
        assert sender.message("u2", "last").status == 200
        wait_until(lambda: len(logged(site, sender.aor)) == 4, "four rows")
        found = logged(site, sender.aor)
    assert found == [
        f"sip:u2@{DOMAIN} sip:u2@{DOMAIN} 200 relayed",
        f"sip:u2@{DOMAIN} sip:u2@{DOMAIN} 488 refused",
        f"sip:u3@{DOMAIN} sip:u3@{DOMAIN} 202 kept",
        f"sip:u2@{DOMAIN} sip:u2@{DOMAIN} 200 last",
    ]


def test_a_message_is_delivered_while_the_database_cannot_be_written(site: Deployment) -> None:
    """D-34: the 200 does not wait, and the row is there when the database is back."""
    if "DATABASE_URL" in site.environment:
        pytest.skip("the database of SQLite is a file that can be locked")
    import sqlite3

    with site.phone("u5") as sender, site.phone("u6") as recipient:
        recipient.register()
        lock = sqlite3.connect(site.folder / "cups.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        try:
            assert sender.message("u6", "meanwhile", patience=1.0).status == 200
            recipient.reads("meanwhile")
            assert logged(site, sender.aor) == []
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        wait_until(lambda: len(logged(site, sender.aor)) == 1, "the row")
