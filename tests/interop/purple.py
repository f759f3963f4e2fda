"""libpurple, the library of Pidgin and Finch, as a SIP user: its SIMPLE protocol in a process of its own."""

from pathlib import Path

from tests.interop.child import Child
from tests.programs import needs_library
from tests.services import free_port


class Purple(Child):
    """One running client."""

    script = "tests.interop.purple_child"

    def __init__(self, folder: Path, account: str, password: str, proxy: int, transport: str) -> None:
        super().__init__(folder, needs_library("purple"), account, password, str(proxy), transport, str(free_port()))

    def watch(self, buddy: str) -> None:
        """Put somebody on the buddy list: subscribed to at login, or within ten seconds afterwards."""
        self.tell("buddy", f"sip:{buddy}")

    def log_in(self) -> None:
        """Log in and wait until libpurple says so."""
        self.tell("login")
        self.is_now("account", "online")

    def log_out(self) -> None:
        """Log out and wait until libpurple says so."""
        self.tell("logout")
        self.is_now("account", "offline")

    def sees(self, buddy: str, status: str) -> None:
        """Wait until libpurple itself says that the buddy is online or offline."""
        self.is_now(f"sip:{buddy}", status)
