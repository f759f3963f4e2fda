"""The process that a `tests.interop.linphone.Linphone` runs: liblinphone with one account and no user interface.

Arguments: a folder for its files and its configuration `linphonerc`, the seconds it may live, the library. Commands on
standard input: `login` and `logout` (once each), `presence online|busy|dnd|offline`, `friend URI`,
`list RLS-URI URI...`. Prints `account none|progress|online|offline|failed` and `URI online|busy|dnd|offline|unknown`
whenever liblinphone's answer changes.
"""

import ctypes
import sys
import time
from ctypes import c_void_p

from tests.interop.commands import limit, serve

TURN = 0.02
"Seconds between two looks at the input and the friends; liblinphone wants to be called about that often."
PAUSE = 0.5
"Seconds before a change of the own state: one made while a PUBLISH is unanswered comes late, or never: going offline."

REGISTRATION = ("none", "progress", "online", "offline", "failed")  # LinphoneRegistrationState
PRESENCE = ("online", "busy", "dnd", "offline")  # LinphoneConsolidatedPresence
DENY = 1  # LinphoneSubscribePolicy
ERROR = 1 << 4  # LinphoneLogLevel


def main(folder: str, lifetime: str, library: str) -> None:
    """Run until the input ends."""
    limit(lifetime)
    client = Client(library, folder)
    serve(client, pause=TURN)


class Client:
    """liblinphone, set up."""

    def __init__(self, library: str, folder: str) -> None:
        self.library = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        self._call("logging_service_set_log_level", c_void_p(self._new("logging_service_get")), ERROR)
        factory = c_void_p(self._new("factory_get"))
        for kind in ("config", "data", "download"):
            self._call(f"factory_set_{kind}_dir", factory, f"{folder}/".encode())
        self._core = c_void_p(self._new("factory_create_core_3", factory, f"{folder}/linphonerc".encode(), None, None))
        version = ctypes.string_at(self._new("core_get_version") or 0)
        self._call("core_set_user_agent", self._core, b"Linphonec", version)
        self._friends: dict[str, c_void_p] = {}
        self._shown: dict[str, str] = {}
        self._running = False

    def obey(self, command: str, *words: str) -> None:
        """One line of the input."""
        if command == "login":
            self._call("core_start", self._core)
            self._call("core_set_network_reachable", self._core, 1)  # a machine with nothing but loopback will do
            self._running = True
        elif command == "logout":
            self.end()
        elif command == "presence":
            self._pause()
            self._call("core_set_consolidated_presence", self._core, PRESENCE.index(words[0]))
        elif command == "friend":
            friend = self._friend(words[0])
            self._call("friend_enable_subscribes", friend, 1)
            self._call("core_add_friend", self._core, friend)
        elif command == "list":
            friends = c_void_p(self._new("core_create_friend_list", self._core))
            self._call("friend_list_set_rls_uri", friends, words[0].encode())
            for uri in words[1:]:
                self._call("friend_list_add_friend", friends, self._friend(uri))
            self._call("core_add_friend_list", self._core, friends)
            self._call("friend_list_enable_subscriptions", friends, 1)
            self._call("friend_list_update_subscriptions", friends)

    def turn(self) -> None:
        """Let liblinphone work; say what has changed."""
        if self._running:
            self._call("core_iterate", self._core)
        account = c_void_p(self._new("core_get_default_account", self._core))
        if account:
            self._show("account", REGISTRATION[self._call("account_get_state", account)])
        for uri, friend in self._friends.items():
            known = self._call("friend_is_presence_received", friend) & 0xFF
            presence = self._call("friend_get_consolidated_presence", friend)
            self._show(uri, PRESENCE[presence] if known else "unknown")

    def end(self) -> None:
        """Log out and stop; returns when the server has answered, or after some seconds."""
        if self._running:
            self._pause()
            self._running = False
            self._call("core_stop", self._core)
            self._friends.clear()
            self._show("account", "offline")

    def _pause(self) -> None:
        limit = time.monotonic() + PAUSE
        while time.monotonic() < limit:
            self.turn()
            time.sleep(TURN)

    def _friend(self, uri: str) -> c_void_p:
        friend = c_void_p(self._new("core_create_friend_with_address", self._core, uri.encode()))
        self._call("friend_set_inc_subscribe_policy", friend, DENY)  # who watches us asks the server
        self._friends[uri] = friend
        return friend

    def _show(self, subject: str, word: str) -> None:
        if self._shown.get(subject) != word:
            self._shown[subject] = word
            print(subject, word)

    def _call(self, name: str, *arguments: c_void_p | bytes | int | None) -> int:
        return int(getattr(self.library, f"linphone_{name}")(*arguments))

    def _new(self, name: str, *arguments: c_void_p | bytes | int | None) -> int | None:
        function = getattr(self.library, f"linphone_{name}")
        function.restype = c_void_p
        found: int | None = function(*arguments)
        return found


if __name__ == "__main__":
    main(*sys.argv[1:])
