"""pidgin-sipe, libpurple's plugin for Office Communications Server, as a desktop program that places calls by CSTA."""

from pathlib import Path

from tests.interop.purple import Purple

PLUGIN = "/usr/lib/purple-2/libsipe.so"


class Sipe(Purple):
    """One running client, with one contact."""

    script = "tests.interop.sipe_child"

    def __init__(self, folder: Path, account: str, password: str, home: int) -> None:
        """`home`: the port of its home server."""
        super().__init__(folder, account, password, home, "tcp")

    def contact(self, name: str, number: str) -> None:
        """Put somebody who has a telephone on the buddy list."""
        self.tell("contact", f"sip:{name}", number)

    def call(self) -> None:
        """Choose the contact's number in the menu, once it is offered: as long as the line is not in a call."""
        self.is_now("line", "available")
        self.tell("call")
