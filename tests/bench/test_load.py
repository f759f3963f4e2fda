"""The load generator against a server of a few lines: what it counts is what has happened."""

import re
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.bench import messages
from tests.bench.load import Load, Pressure
from tests.bench.subjects import Publisher, Sender
from tests.waiting import wait_until


class Toy:
    """Answers every request; notifies a subscriber at once and all of them after a PUBLISH."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.contacts: list[tuple[str, int]] = []
        self.accepted = 0
        self.cseq = 0
        self.refuse = b""
        "A method that is answered 412."
        self.lose = 0
        "Requests that are not answered, from now on."
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"stop", self.socket.getsockname())
        self._thread.join()
        self.socket.close()

    def _serve(self) -> None:
        while (received := self.socket.recvfrom(65535))[0] != b"stop":
            data, source = received
            if data.startswith(b"SIP/2.0 200"):
                self.accepted += 1
                continue
            if self.lose:
                self.lose -= 1
                continue
            if data.startswith(b"MESSAGE"):  # everybody is registered where it comes from
                self.socket.sendto(data, source)
            status = b"412 No" if self.refuse and data.startswith(self.refuse) else b"200 OK"
            answer = (
                messages.accept(data).replace(b"200 OK", status, 1).replace(b"\r\n\r\n", b"\r\nSIP-ETag: e\r\n\r\n")
            )
            self.socket.sendto(re.sub(rb"(\r\nTo: <[^>]*>)\r", rb"\1;tag=toy\r", answer), source)
            if found := re.search(rb"Contact: <(sip:w\d+)@([^:]+):(\d+)>", data):
                self.contacts.append((found[1].decode(), int(found[3])))
                self._notify(*self.contacts[-1], b"")
            elif data.startswith(b"PUBLISH"):
                for contact in self.contacts:
                    self._notify(*contact, data.partition(b"\r\n\r\n")[2])

    def _notify(self, uri: str, port: int, body: bytes) -> None:
        self.cseq += 1
        request = f"NOTIFY {uri}@127.0.0.1:{port} SIP/2.0\r\nCSeq: {self.cseq} NOTIFY\r\n\r\n".encode() + body
        for _ in range(2):  # the second one is a retransmission, and must not count
            self.socket.sendto(request, ("127.0.0.1", port))


@pytest.fixture
def toy() -> Iterator[Toy]:
    """A server."""
    server = Toy()
    yield server
    server.close()


@pytest.fixture
def load(toy: Toy) -> Iterator[Load]:
    """A generator that talks to it."""
    made = Load(toy.socket.getsockname())
    yield made
    made.close()


def test_a_publication_is_complete_when_its_watchers_have_seen_it(toy: Toy, load: Load) -> None:
    """One publisher, three watchers: each operation counts once, each NOTIFY once."""
    publisher = Publisher(0, load.via(0))
    publisher.watchers = [load.new_watcher(messages.user(n), messages.user(0)) for n in range(3)]
    assert load.once(publisher.watchers, window=2).operations == 3
    for _ in range(2):
        result = load.once([publisher], window=1)
        assert (result.operations, result.notifies, dict(result.failures)) == (1, 3, {})
        assert result.answer.count == result.complete.count == 1
    assert publisher.etag == b"e"


def test_a_message_is_accepted_where_it_arrives(toy: Toy, load: Load) -> None:
    """Recipients are registered at the address that senders speak from."""
    result = load.once([Sender(n, n + 1, load.via(n)) for n in range(5)], window=1)
    assert (result.operations, dict(result.failures)) == (5, {})
    wait_until(lambda: toy.accepted == 5, "the recipients' answers")


def test_a_refusal_is_a_failure_and_not_an_operation(toy: Toy, load: Load) -> None:
    """Only what was done counts."""
    toy.refuse = b"PUBLISH"
    result = load.once([Publisher(n, load.via(n)) for n in range(5)], window=2)
    assert (result.operations, dict(result.failures)) == (0, {"412": 5})


def test_a_lost_request_is_repeated(toy: Toy, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """UDP loses datagrams; the client repeats them (RFC 3261 17.1.2.2)."""
    monkeypatch.setattr("tests.bench.load.T1", 0.01)
    monkeypatch.setattr("tests.bench.load.SCAN_INTERVAL", 0.01)
    toy.lose = 1
    result = load.once([Publisher(0, load.via(0))], window=1)
    assert (result.operations, dict(result.failures)) == (1, {})
    assert result.retransmissions > 0


def test_load_for_a_time_counts_between_begin_and_end(toy: Toy, load: Load) -> None:
    """Both readings are taken once, and operations were counted between them."""
    seen: list[str] = []
    result = load.timed(
        [Publisher(n, load.via(n)) for n in range(3)],
        Pressure(window=2, seconds=0.05, warm_up=0.01),
        again=True,
        begins=lambda: seen.append("begin"),
        ends=lambda: seen.append("end"),
    )
    assert seen == ["begin", "end"]
    assert result.operations == result.complete.count > 0
    assert result.rate > 0
