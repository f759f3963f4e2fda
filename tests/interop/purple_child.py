"""The process that a `tests.interop.purple.Purple` runs: libpurple with one SIMPLE account and no user interface.

Arguments: a folder for its files, the seconds it may live, the library, the account, its password, the port of the
proxy on 127.0.0.1, the transport, a port of its own. Commands on standard input: `buddy URI`, `login`, `logout`.
Prints `account online|offline`, `URI online|offline` whenever libpurple's answer changes, `error TEXT`.
"""

import ctypes
import sys
from ctypes import CFUNCTYPE, byref, c_char_p, c_int, c_uint, c_void_p

from tests.interop.commands import limit, serve

TURN = 0.01
"Seconds between two looks at the input and the buddies."

READ, WRITE = 1, 2  # PurpleInputCondition
IN, OUT, FAILED = 1, 4, 8 | 16 | 32  # GIOCondition; the last: error, hung up, not open
AVAILABLE = 2  # PurpleStatusPrimitive

Invoke = CFUNCTYPE(c_int, c_void_p, c_uint, c_void_p)
InputAdd = CFUNCTYPE(c_uint, c_int, c_int, c_void_p, c_void_p)
Handle = CFUNCTYPE(None, c_void_p, c_int, c_int)
Disconnected = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class EventLoopOps(ctypes.Structure):
    """PurpleEventLoopUiOps."""

    _fields_ = [
        ("timeout_add", c_void_p),
        ("timeout_remove", c_void_p),
        ("input_add", InputAdd),
        ("input_remove", c_void_p),
        ("input_get_error", c_void_p),
        ("timeout_add_seconds", c_void_p),
        ("reserved", c_void_p * 3),
    ]


class ConnectionOps(ctypes.Structure):
    """PurpleConnectionUiOps."""

    _fields_ = [("unused", c_void_p * 7), ("report_disconnect_reason", Disconnected), ("reserved", c_void_p * 3)]


def main(
    kind: "type[Client]",
    folder: str,
    lifetime: str,
    library: str,
    aor: str,
    password: str,
    proxy: str,
    transport: str,
    port: str,
) -> None:
    """Run until the input ends."""
    limit(lifetime)
    client = kind(library, folder, int(port))
    client.set_up(aor, password, int(proxy), transport)
    serve(client, pause=TURN)


class Client:
    """libpurple, set up."""

    protocol = "prpl-simple"

    def __init__(self, library: str, folder: str, port: int) -> None:
        self.purple = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        self.glib = ctypes.CDLL("libglib-2.0.so.0")
        for name in (
            "purple_account_new",
            "purple_buddy_new",
            "purple_find_buddy",
            "purple_buddy_get_presence",
            "purple_savedstatus_new",
            "purple_blist_new",
        ):
            getattr(self.purple, name).restype = c_void_p
        self.glib.g_io_channel_unix_new.restype = c_void_p
        self._watching: dict[int, object] = {}
        self._buddies: list[str] = []
        self._shown: dict[str, str] = {}
        self._account = c_void_p()

        self._loop = EventLoopOps(
            ctypes.cast(self.glib.g_timeout_add, c_void_p),
            ctypes.cast(self.glib.g_source_remove, c_void_p),
            InputAdd(self._add_input),
            ctypes.cast(self.glib.g_source_remove, c_void_p),
            None,
            ctypes.cast(self.glib.g_timeout_add_seconds, c_void_p),
        )
        self._connection = ConnectionOps(report_disconnect_reason=Disconnected(self._disconnected))
        purple = self.purple
        purple.purple_util_set_user_dir(folder.encode())
        purple.purple_debug_set_enabled(0)
        purple.purple_eventloop_set_ui_ops(byref(self._loop))
        purple.purple_connections_set_ui_ops(byref(self._connection))
        if not purple.purple_core_init(b"cups-test"):
            sys.exit("libpurple does not start")
        purple.purple_set_blist(c_void_p(purple.purple_blist_new()))
        purple.purple_prefs_load()
        for name, value in (("auto_ip", False), ("map_ports", False), ("ports_range_use", True)):
            purple.purple_prefs_set_bool(f"/purple/network/{name}".encode(), value)
        purple.purple_prefs_set_string(b"/purple/network/public_ip", b"127.0.0.1")
        for name in ("start", "end"):  # else all clients of one machine share port 5060
            purple.purple_prefs_set_int(f"/purple/network/ports_range_{name}".encode(), port)

    def set_up(self, aor: str, password: str, proxy: int, transport: str) -> None:
        """Make the account; libpurple connects it when it is enabled, because the status is available."""
        purple = self.purple
        account = self._account = c_void_p(purple.purple_account_new(aor.encode(), self.protocol.encode()))
        purple.purple_account_set_password(account, password.encode())
        purple.purple_account_set_remember_password(account, 1)  # else it is forgotten at logout
        self.choose(proxy, transport)
        purple.purple_accounts_add(account)
        purple.purple_savedstatus_activate(c_void_p(purple.purple_savedstatus_new(None, AVAILABLE)))

    def choose(self, proxy: int, transport: str) -> None:
        """Fill in the account's form."""
        for name, yes in (("useproxy", True), ("udp", transport == "udp"), ("dopublish", True)):
            self.purple.purple_account_set_bool(self._account, name.encode(), yes)
        self.purple.purple_account_set_string(self._account, b"proxy", b"127.0.0.1")
        self.purple.purple_account_set_int(self._account, b"port", proxy)

    def obey(self, command: str, *words: str) -> None:
        """One line of the input."""
        if command == "buddy":
            self.purple.purple_account_add_buddy(self._account, self._list(words[0]))
            self._buddies.append(words[0])
        elif command in ("logout", "login"):
            self.purple.purple_account_set_enabled(self._account, b"cups-test", command == "login")

    def turn(self) -> None:
        """Let libpurple work; say what has changed."""
        while self.glib.g_main_context_iteration(None, 0):
            pass
        self._show("account", _line(self.purple.purple_account_is_connected(self._account)))
        for name in self._buddies:
            presence = c_void_p(self.purple.purple_buddy_get_presence(self._buddy(name)))
            self._show(name, _line(self.purple.purple_presence_is_online(presence)))

    def end(self) -> None:
        """Log out and stop."""
        self.purple.purple_core_quit()

    def _list(self, name: str) -> c_void_p:
        """Put somebody on the buddy list."""
        buddy = c_void_p(self.purple.purple_buddy_new(self._account, name.encode(), None))
        self.purple.purple_blist_add_buddy(buddy, None, None, None)
        return buddy

    def _buddy(self, name: str) -> c_void_p:
        return c_void_p(self.purple.purple_find_buddy(self._account, name.encode()))

    def _show(self, subject: str, word: str) -> None:
        if self._shown.get(subject) != word:
            self._shown[subject] = word
            print(subject, word)

    def _disconnected(self, connection: int, reason: int, text: bytes) -> None:
        print("error", text.decode(errors="replace"))

    def _add_input(self, number: int, condition: int, function: int, data: int) -> int:
        call = Handle(function)

        @Invoke
        def ready(source: int, found: int, _: int) -> int:
            what = (READ if found & (IN | FAILED) else 0) | (WRITE if found & (OUT | FAILED) else 0)
            call(data, number, what)
            return 1

        wanted = FAILED | (IN if condition & READ else 0) | (OUT if condition & WRITE else 0)
        channel = c_void_p(self.glib.g_io_channel_unix_new(number))
        handle = int(self.glib.g_io_add_watch_full(channel, 0, wanted, ready, None, None))
        self.glib.g_io_channel_unref(channel)
        self._watching[handle] = ready
        return handle


def _line(connected: int) -> str:
    return "online" if connected else "offline"


if __name__ == "__main__":
    main(Client, *sys.argv[1:])
