"""Programs for tests: accounts that act as somebody, and what they hear over WebSocket."""

import contextlib
import json
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.rest import Web
from tests.system import Deployment
from tests.waiting import wait_until


def account(deployment: Deployment, name: str, **binding: Any) -> str:
    """Make an account that is bound to an identity (`persona` or `watcher`, addresses); its token."""
    code = (
        "from django.contrib.auth import get_user_model as users; from rest_framework.authtoken.models import Token\n"
        "from provisioning.models import *; from provisioning.announce import announce\n"
        f"user = users().objects.create_user({name!r})\n"
        f"binding = {binding!r}\n"
        "persona = binding.pop('persona', None)\n"
        "for_whom = binding.pop('publish_for', [])\n"
        "row = Integrator(user=user, persona=Persona.objects.get(aor=persona) if persona else None, **binding)\n"
        "row.save(); row.publish_for.set(Persona.objects.filter(aor__in=for_whom)); announce(Integrator)\n"
        "print(Token.objects.create(user=user).key)"
    )
    return deployment.manage("shell", "-v0", "-c", code).strip()


class Listener:
    """A WebSocket of a program: it keeps what it is told."""

    def __init__(self, web: Web, token: str = "", query: str = "", cookie: str = "", **options: Any) -> None:
        headers = {"Authorization": f"Token {token}"} if token else {}
        if cookie:
            headers["Cookie"] = cookie
        address = web.address.replace("http", "ws", 1) + "/ws/presence/" + query
        self._open = contextlib.ExitStack()
        self.socket = self._open.enter_context(connect(address, additional_headers=headers, **options))
        self.heard: list[dict[str, Any]] = []
        "Messages in the order of their arrival."
        self.code = 0
        "Why it was closed."
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps({"type": kind, **fields}))

    def asks(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a message; its answer."""
        id = f"m{len(self.heard)}-{kind}"
        self.say(kind, id=id, **fields)
        found: dict[str, Any] = wait_until(
            lambda: next((one for one in self.heard if one.get("id") == id), None), f"the answer to {kind}"
        )
        return found

    def is_told(self, kind: str) -> dict[str, Any]:
        """The first message of this type, once it is there."""
        found: dict[str, Any] = wait_until(
            lambda: next((one for one in self.heard if one["type"] == kind), None), f"“{kind}”"
        )
        return found

    def documents(self, aor: str) -> list[dict[str, Any]]:
        """What it was told about an address."""
        return [
            document
            for one in list(self.heard)
            if one["type"] == "presence"
            for document in one["documents"]
            if document["aor"] == aor
        ]

    def sees(self, aor: str, state: str) -> dict[str, Any]:
        """The last document about an address, once it says so."""

        def last() -> dict[str, Any] | None:
            found = self.documents(aor)
            return found[-1] if found and found[-1].get("state", found[-1]["subscription"]) == state else None

        found: dict[str, Any] = wait_until(last, f"“{state}” of {aor}")
        return found

    @property
    def cursor(self) -> str:
        """Where it is."""
        return next((one["cursor"] for one in reversed(self.heard) if "cursor" in one), "")

    def is_closed(self) -> int:
        """Why, once it is."""
        code: int = wait_until(lambda: self.code, "the end of the connection")
        return code

    def close(self) -> None:
        """Hang up."""
        self._open.close()

    def _read(self) -> None:
        try:
            for text in self.socket:
                self.heard.append(json.loads(text))
        except ConnectionClosed:
            pass
        self.code = self.socket.close_code or 1006

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
