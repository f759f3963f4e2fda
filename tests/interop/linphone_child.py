"""The process that a `tests.interop.linphone.Linphone` runs: liblinphone with one account and no user interface.

Arguments: a folder for its files and its configuration `linphonerc`, the seconds it may live, the library. Commands on
standard input: `login` and `logout` (once each), `presence online|busy|dnd|offline`, `friend URI`,
`list RLS-URI URI...`, `message URI TEXT` with the text as in a URI. Prints `account
none|progress|online|offline|failed` and `URI online|busy|dnd|offline|unknown` whenever liblinphone's answer changes,
and `message URI TEXT` for what comes.
"""

import ctypes
import sys
import time
import urllib.parse
from ctypes import c_void_p
from typing import Any

from tests.interop.commands import limit, serve

TURN = 0.02
"Seconds between two looks at the input and the friends; liblinphone wants to be called about that often."
PAUSE = 0.5
"Seconds before a change of the own state: one made while a PUBLISH is unanswered comes late, or never: going offline."

REGISTRATION = ("none", "progress", "online", "offline", "failed")  # LinphoneRegistrationState
PRESENCE = ("online", "busy", "dnd", "offline")  # LinphoneConsolidatedPresence
DENY = 1  # LinphoneSubscribePolicy
ERROR = 1 << 4  # LinphoneLogLevel
MESSAGE_RECEIVED = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)  # LinphoneCoreCbsMessageReceivedCb


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
        self._received = MESSAGE_RECEIVED(self._print_message)  # liblinphone does not keep it alive
        callbacks = c_void_p(self._new("factory_create_core_cbs", factory))
        self._call("core_cbs_set_message_received", callbacks, self._received)
        self._call("core_add_callbacks", self._core, callbacks)
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

        elif command == "message":
            address = c_void_p(self._new("core_create_address", self._core, words[0].encode()))
            room = c_void_p(self._new("core_get_chat_room", self._core, address))
            text = urllib.parse.unquote(words[1]).encode()
            self._call("chat_message_send", c_void_p(self._new("chat_room_create_message_from_utf8", room, text)))

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

    def _print_message(self, core: int, room: int, message: int) -> None:
        """Called by liblinphone when a message has come."""
        sender = c_void_p(self._new("chat_message_get_from_address", c_void_p(message)))
        uri = ctypes.string_at(self._new("address_as_string_uri_only", sender) or 0).decode()
        text = ctypes.string_at(self._new("chat_message_get_utf8_text", c_void_p(message)) or 0)
        print("message", uri, urllib.parse.quote(text))

    def _show(self, subject: str, word: str) -> None:
        if self._shown.get(subject) != word:
            self._shown[subject] = word
            print(subject, word)

    def _call(self, name: str, *arguments: Any) -> int:
        return int(getattr(self.library, f"linphone_{name}")(*arguments))

    def _new(self, name: str, *arguments: Any) -> int | None:
        function = getattr(self.library, f"linphone_{name}")
        function.restype = c_void_p
        found: int | None = function(*arguments)
        return found


if __name__ == "__main__":
    main(*sys.argv[1:])
