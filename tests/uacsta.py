"""A desktop program whose CSTA travels in a SIP dialog (ECMA TR/87)."""

from typing import Any

from cti.csta import messages as m
from cti.csta.codec import decode, encode
from cti.csta.messages import Message
from sipedge.sip.message import Request, Response
from tests.phone import Phone
from tests.waiting import wait_until

HEADERS = [("Content-Type", "application/csta+xml"), ("Content-Disposition", "signal;handling=required")]


class DesktopProgram(Phone):
    """Opens a session with the gateway, answers its INFOs and keeps what was in them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.told: list[Message] = []
        self.byes = 0
        self.answers_events = True
        super().__init__(*args, **options)

    def _take(self, message: Request | Response) -> None:
        if isinstance(message, Request) and message.method in ("INFO", "BYE"):
            if message.method == "INFO":
                assert message.get("Content-Type") == "application/csta+xml"
                self.told.append(decode(message.body).message)
            else:
                self.byes += 1
            if message.method == "BYE" or self.answers_events:
                self.send(message.respond(200).encode())
        else:
            super()._take(message)

    def open(self, gateway: str, request: Message | None = None, **changes: Any) -> Response:
        """INVITE with a RequestSystemStatus, and ACK; the answer."""
        body = encode(request or m.RequestSystemStatus())
        call_id = changes.pop("Call_ID", f"csta-{self.aor.user}-{self._cseq}")
        self.identity = {"Call_ID": call_id, "From": f"<{self.aor}>;tag={self.aor.user}"}
        response = self.ask("INVITE", gateway, HEADERS, body, **self.identity, **changes)
        if response.status == 200:
            self.target = response.contacts[0].uri_text  # type: ignore[union-attr]
            self.identity["To"] = response.get("To") or ""
            ack = self.build("ACK", self.target, **self.identity, CSeq=f"{response.cseq.number} ACK")
            self.send(ack.encode())
        return response

    def within(self, method: str, body: bytes = b"", **changes: Any) -> Response:
        """A request in the dialog."""
        headers = HEADERS if body else []
        return self.ask(method, self.target, headers, body, **{**self.identity, **changes})

    def request(self, message: Message) -> Message:
        """A CSTA request; the answer is in the 200."""
        response = self.within("INFO", encode(message))
        assert response.status == 200 and response.get("Content-Type") == "application/csta+xml"
        return decode(response.body).message

    def hears(self, *names: str) -> list[Message]:
        """The next events, which have to have these names."""
        wait_until(lambda: len(self.told) >= len(names), f"{names} at {self.aor}, not {self.told}")
        found, self.told = self.told[: len(names)], self.told[len(names) :]
        assert [type(one).__name__.removesuffix("Event") for one in found] == list(names)
        return found
