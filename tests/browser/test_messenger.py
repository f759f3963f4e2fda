"""The messenger in real browsers, against a real web process and a real edge."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.messenger_page import Person, people, picture
from tests.interop.baresip import Baresip
from tests.phone import DOMAIN, PASSWORD, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TEAM = [("u1", "Ada Marlow"), ("u2", "Ben Okafor"), ("u3", "Clara Voss"), ("u4", "Diego Ruiz"), ("u5", "Emi Tanaka")]
FRIENDS = [("u6", "Farid Nouri"), ("u7", "Greta Lind"), ("u8", "Hugo Prati")]

Make = Callable[..., Person]


def _list(owner: str, name: str, members: list[str]) -> str:
    uris = ", ".join(f'"{member}@{DOMAIN}"' for member in members)
    return f'  - {{uri: "{owner}.{name}@{DOMAIN}", owner: "{owner}@{DOMAIN}", members: [{uris}]}}\n'


LISTS = "".join(
    [
        _list("u1", "team", ["u2", "u3", "u4", "u5"]),
        _list("u1", "friends", ["u6", "u7", "u8"]),
        _list("u2", "team", ["u1", "u3"]),
        _list("u21", "team", ["u22"]),
        _list("u22", "team", ["u21"]),
    ]
)


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    names = {f"sip:{user}@{DOMAIN}": name for user, name in TEAM + FRIENDS}
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED + "lists:\n" + LISTS) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import Persona as P, MessengerSettings as M;"
            f"[P.objects.filter(aor=aor).update(name=name) for aor, name in {names!r}.items()];"
            "M.objects.update(grace=6)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def web(site: Deployment) -> str:
    return site.start_web()


@pytest.fixture
def make(web: str) -> Iterator[Make]:
    with people(web) as found:
        yield found


def test_pictures(site: Deployment, make: Make) -> None:
    """R-IM-01, R-IM-05: every state has its own look; wide and narrow, light and dark."""
    ada = make("u1").sign_in().is_in()
    busy = [
        site.phone(user) for user in ("u2", "u3", "u4", "u5", "u6", "u7")
    ]
    for phone, activity in zip(busy, ("busy", "meeting", "dnd", "away", "vacation", "on-the-phone"), strict=True):
        phone.register()
        phone.publish(pidf(phone.aor, activity=activity))
    ada.sees_state("u2", "busy")
    ada.sees("u7", "Busy")
    ada.open("u2")
    for text in ("Morning! Do you have five minutes for the release notes?", "They are nearly done."):
        ada.write(text)
        ada.delivered(text)
    busy[0].message(ada.uri, "Sure. Call me at ten, then we go through them together.")
    busy[2].message(ada.uri, "Lunch?")
    ada.reads("Call me at ten")
    ada.choose("available", "In the office today")
    picture(ada.page, "messenger-light")
    ada.page.click("#open-options")
    ada.page.check("input[name=theme][value=dark]")
    ada.page.wait_for_selector("html[data-theme=dark]")
    ada.page.click("#options .strong")
    picture(ada.page, "messenger-dark")
    ada.page.set_viewport_size({"width": 390, "height": 760})
    picture(ada.page, "messenger-phone-talk")
    ada.page.click("#back")
    picture(ada.page, "messenger-phone-list")
    ada.page.set_viewport_size({"width": 320, "height": 600})
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 320
    ada.log_out()
    picture(ada.page, "messenger-sign-in")
    for phone in busy:
        phone.close()
