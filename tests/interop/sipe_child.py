"""The process that a `tests.interop.sipe.Sipe` runs: libpurple with one pidgin-sipe account and no user interface.

Arguments as of `tests.interop.purple_child`; the port of the proxy is that of the home server. Commands on standard
input: `login`, `logout`, `contact NAME NUMBER`, `call`: choose the number in the menu of that contact. Prints
`account online|offline`, `line available|unavailable` whenever the menu begins or ceases to offer it, `error TEXT`.
"""

import ctypes
import sys
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_size_t, c_uint, c_ulong, c_void_p

from tests.interop import purple_child

Menu = CFUNCTYPE(c_void_p, c_void_p)
Chosen = CFUNCTYPE(None, c_void_p, c_char_p)


class ProtocolInfo(ctypes.Structure):
    """PurplePluginProtocolInfo, as far as it is needed."""

    _fields_ = [
        ("options", c_int),
        ("lists", c_void_p * 2),
        ("icon_format", c_char_p),
        ("icon_size", c_int * 4),
        ("icon_limit", c_size_t),
        ("icon_scale", c_int),
        ("functions", c_void_p * 5),
        ("blist_node_menu", Menu),
    ]


class PluginInfo(ctypes.Structure):
    """PurplePluginInfo, as far as it is needed."""

    _fields_ = [
        ("versions", c_uint * 3),
        ("type", c_int),
        ("ui_requirement", c_char_p),
        ("flags", c_ulong),
        ("dependencies", c_void_p),
        ("priority", c_int),
        ("texts", c_char_p * 7),
        ("functions", c_void_p * 3),
        ("ui_info", c_void_p),
        ("extra_info", POINTER(ProtocolInfo)),
    ]


class Plugin(ctypes.Structure):
    """PurplePlugin, as far as it is needed."""

    _fields_ = [
        ("native_plugin", c_int),
        ("loaded", c_int),
        ("handle", c_void_p),
        ("path", c_char_p),
        ("info", POINTER(PluginInfo)),
    ]


class MenuAction(ctypes.Structure):
    """PurpleMenuAction."""

    _fields_ = [("label", c_char_p), ("callback", c_void_p), ("data", c_void_p), ("children", c_void_p)]


class List(ctypes.Structure):
    """GList."""

    _fields_ = [("data", c_void_p), ("next", c_void_p), ("previous", c_void_p)]


class Client(purple_child.Client):
    """libpurple with pidgin-sipe, and one contact who has a telephone."""

    protocol = "prpl-sipe"

    def __init__(self, library: str, folder: str, port: int) -> None:
        super().__init__(library, folder, port)
        self.purple.purple_find_prpl.restype = POINTER(Plugin)
        plugin = self.purple.purple_find_prpl(self.protocol.encode())
        if not plugin:
            sys.exit("libpurple does not find pidgin-sipe")
        self._menu = plugin.contents.info.contents.extra_info.contents.blist_node_menu
        self._name = self._number = ""
        let_it_read(plugin.contents.path.decode())

    def choose(self, proxy: int, transport: str) -> None:
        """Fill in the account's form."""
        for name, text in (("server", f"127.0.0.1:{proxy}"), ("transport", transport)):
            self.purple.purple_account_set_string(self._account, name.encode(), text.encode())

    def obey(self, command: str, *words: str) -> None:
        """One line of the input."""
        if command == "contact":
            self._name, self._number = words
            self.purple.purple_blist_node_set_string(self._list(self._name), b"phone", self._number.encode())
        elif command == "call":
            for label, callback in self._offered():
                if label == self._label:  # pidgin-sipe has freed the number that it has put into the menu
                    Chosen(callback)(self._buddy(self._name), self._number.encode())
        else:
            if command == "logout":
                self.turn()  # it does not wait: what it has not read resets its connection, and its farewell is lost
            super().obey(command, *words)

    def turn(self) -> None:
        """Let libpurple work; say what has changed."""
        super().turn()
        if self._name and self.purple.purple_account_is_connected(self._account):
            offered = any(label == self._label for label, _ in self._offered())
            self._show("line", "available" if offered else "unavailable")

    @property
    def _label(self) -> str:
        return f"Work {self._number}"

    def _offered(self) -> Iterator[tuple[str, int]]:
        """The contact's menu: what is written there, and what it does."""
        first = self._menu(self._buddy(self._name))
        at = first
        while at:
            entry = List.from_address(at)
            action = MenuAction.from_address(entry.data)
            yield action.label.decode(), action.callback
            self.purple.purple_menu_action_free(c_void_p(entry.data))
            at = entry.next
        self.glib.g_list_free(c_void_p(first))


SAX2 = 0xDEEDBEAF
"What libxml2 calls XML_SAX2_MAGIC."


def let_it_read(library: str) -> None:
    """Say in pidgin-sipe's table of SAX functions that they are those of SAX 1, as they are.

    It says SAX 2, and Debian 12's libxml2 (2.9.14+dfsg-1.3~deb12u5, deb12u6) believes that: it calls none of them, and
    pidgin-sipe finds every document empty.
    """
    with open("/proc/self/maps") as lines:
        spans = [line.split()[0] for line in lines if line.rstrip().endswith(library) and " rw" in line]
    for span in spans:
        start, end = (int(number, 16) for number in span.split("-"))
        for at in range(start, end, ctypes.sizeof(c_void_p)):
            word = c_uint.from_address(at)
            if word.value == SAX2:
                word.value = 1


if __name__ == "__main__":
    purple_child.main(Client, *sys.argv[1:])
