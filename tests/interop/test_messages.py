"""baresip, Linphone and a web page write to each other, each over its own transport, as each of them shows it."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.browser.sip_page import browsing
from tests.interop.baresip import Baresip
from tests.interop.linphone import Linphone
from tests.phone import DOMAIN, PASSWORD
from tests.programs import needs_file
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

BARESIP, TCP, TLS, PAGE = (f"u{number}@{DOMAIN}" for number in range(1, 5))
"The users: of baresip over TLS, of Linphone over TCP and over TLS, of a page over secure WebSocket."

GRAMMAR = "/usr/share/belr/grammars/identity_grammar"
"Of the package linphone-common: without it liblinphone works, and aborts at the first message."

TEXTS = (
    "Hello",
    "„Grüße“ aus Köln, ζ, 你好, 🙂",
    "'one' \"two\" `three` \\four\\",
    "<b>five</b> &amp; %0D%0A {six} $7 ; 8, 9",
    "first\nsecond\n\nfourth",
    "first\r\nsecond\r\n\r\nfourth",
)


class Client(Protocol):
    """What the four have in common."""

    def message(self, to: str, text: str) -> object:
        """Send a message."""

    def reads(self, sender: str, text: str) -> None:
        """Wait until this message from this sender is shown."""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    """All of them, registered at one deployment."""
    needs_file(GRAMMAR)
    folder = tmp_path_factory.mktemp("clients")
    with deployed(tls=True) as site, contextlib.ExitStack() as stack:
        site.start_edge()
        yield {
            BARESIP: baresip(site, folder, stack),
            TCP: linphone(site, folder, stack, TCP, "tcp"),
            TLS: linphone(site, folder, stack, TLS, "tls"),
            PAGE: page(site, stack),
        }
        assert "Traceback" not in site.logs()


def baresip(site: Deployment, folder: Path, stack: contextlib.ExitStack) -> Baresip:
    port, authority = site.door("tls")
    client = Baresip(folder / "baresip", BARESIP, PASSWORD, port, "tls", TCP, authority, (TLS, PAGE))
    stack.callback(client.close)
    client.registered()
    return client


def linphone(site: Deployment, folder: Path, stack: contextlib.ExitStack, user: str, transport: str) -> Linphone:
    port, authority = site.door(transport)
    client = stack.enter_context(
        contextlib.closing(Linphone(folder / transport, user, PASSWORD, port, transport, authority))
    )
    client.log_in()
    return client


def page(site: Deployment, stack: contextlib.ExitStack) -> Client:
    client = stack.enter_context(browsing(site.folder / "tls" / "development-ca.crt")).page()
    client.start(f"wss://127.0.0.1:{site.proxy_wss}/", PAGE.partition("@")[0])
    client.is_now("registered")
    return client


@pytest.mark.parametrize(("sender", "recipient"), [*itertools.permutations((BARESIP, TCP, TLS, PAGE), 2)])
def test_what_one_writes_the_other_reads(clients: dict[str, Client], sender: str, recipient: str) -> None:
    """R-ARC-04, R-TRN-01, R-FLW-05, R-REG-01, R-MSG-01, R-MSG-02, R-MSG-04, D-46: to the letter."""
    for text in TEXTS:
        clients[sender].message(recipient, text)
        clients[recipient].reads(sender, text)
