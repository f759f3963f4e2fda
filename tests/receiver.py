"""A web server for tests that webhooks are sent to: it keeps what it is told, and answers as it should."""

import json
import runpy
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

SECRET = "a secret of the test"

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"

IS_GENUINE = runpy.run_path(str(EXAMPLES / "verify.py"))["is_genuine"]
"As integrators are shown."


class Receiver:
    """Listens on loopback while it is open."""

    def __init__(self) -> None:
        self.answer_with = 200
        self.location = ""
        self.delay = 0.0
        "Seconds before the answer."
        self.heard: list[dict[str, Any]] = []
        "Bodies of deliveries, in the order of their arrival."
        self.signed: list[bool] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            """One delivery."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.signed.append(IS_GENUINE(SECRET, self.headers["X-Presence-Signature"], body))
                outer.heard.append(json.loads(body))
                time.sleep(outer.delay)
                self.send_response(outer.answer_with)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/presence"

    def documents(self, aor: str) -> list[dict[str, Any]]:
        """What it was told about an address."""
        return [one["document"] for one in self.heard if one["document"]["aor"] == aor]

    def sees(self, aor: str, state: str) -> dict[str, Any]:
        """The last document about an address, once it says so."""

        def last() -> dict[str, Any] | None:
            found = self.documents(aor)
            return found[-1] if found and found[-1].get("state", found[-1]["subscription"]) == state else None

        found: dict[str, Any] = wait_until(last, f"“{state}” of {aor} at the webhook")
        return found

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
