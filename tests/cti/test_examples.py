"""The conversation of docs/cti.md, document by document (R-CTI-01, R-STD-11)."""

from pathlib import Path

import pytest

from cti.associations import Identity
from cti.csta import messages as m
from cti.csta.codec import decode
from cti.csta.errors import Fault
from cti.gateway import FILTER_NAMES
from tests.cti.desk import Site

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted((DOCS / "examples" / "csta").iterdir())


def test_the_conversation_is_what_happens(site: Site) -> None:
    """What the client's files ask, and what is done at phones, brings exactly the gateway's files, in their order."""
    desk = site.desk(known=False)
    waiting: list[m.Message] = []
    for path in FILES:
        _, who, _ = path.stem.split("-", 2)
        if who == "gateway":
            assert decode(path.read_bytes()).message == waiting.pop(0), path.name
            continue
        assert not waiting, f"before {path.name}"
        if who == "phone":
            site.press(*path.read_text().strip().split(" ", 1))
        else:
            desk.send(path.read_bytes())
            for login in site.gateway.logins:
                assert (login.name, login.password) == ("desk", "secret")
                site.gateway.decide(login, Identity("desk", all_devices=True), site.now)
            site.gateway.logins.clear()
            site.deliver()
        waiting = [message for message, _ in desk.received]
        desk.received.clear()
    assert not waiting


@pytest.mark.parametrize("name", [fault.value for fault in Fault] + [kind.__name__ for kind in FILTER_NAMES])
def test_the_page_names_every_error_and_event(name: str) -> None:
    """T-CTI-1, T-CTI-5: by the guide's names and the wire's."""
    assert name in (DOCS / "cti.md").read_text()
