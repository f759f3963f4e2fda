"""Bytes that mean harm, at a running edge: honest clients do not notice, and nothing ends in a traceback (D-39)."""

import contextlib
import glob
import os
import random
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipedge.sip.message import Response, parse
from sipedge.transport.tcp import LINGER
from tests.builders import hostile
from tests.hostile import BINARY, CONTINUED, TEXT, answers, connection, frame, status_of, unframed, unnoticed
from tests.phone import DOMAIN, Phone
from tests.programs import reference
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

MACHINE = PROVISIONED.replace("{address: 127.0.0.1}", "{address: 127.0.0.0/8}")
"The whole of this machine is trusted at the engine: some messages want their answers at another of its addresses."

BODY = b"a body\r\n\r\nOPTIONS sip:x SIP/2.0\r\nContent-Length: 7\r\n\r\n\r\n\r\n"
"Whoever loses count of octets takes this for messages and keep-alives."


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, tls=True, provisioned=MACHINE) as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs(), found.logs()[-5000:]


def options(client: Phone) -> bytes:
    """A request that the proxy challenges, with a body that looks like more."""
    return client.build("OPTIONS", f"sip:{DOMAIN}", [("Content-Type", "text/plain")], BODY).encode()


def all_answered(client: Phone, number: int) -> None:
    """Each of so many requests has one answer, a challenge, in the order in which they were sent."""
    wait_until(lambda: len(client.responses) >= number, f"{number} answers")
    assert [one.status for one in client.responses] == [407] * number
    assert [one.cseq.number for one in client.responses] == list(range(1, number + 1))


@pytest.mark.parametrize(("transport", "step"), [("TCP", 1), ("TLS", 7)])
def test_a_message_cut_in_two_is_one_message(site: Deployment, transport: str, step: int) -> None:
    """R-TRN-01: at every octet; over TLS each part is a record of its own."""
    with unnoticed(site), site.client("u1", transport) as client:
        cuts = range(1, len(options(client)), step)
        client._cseq = 0
        for cut in cuts:
            data = options(client)
            client.send(data[:cut])
            time.sleep(0.001)
            client.send(data[cut:])
        all_answered(client, len(cuts))


def test_a_websocket_frame_in_pieces_is_one_message(site: Deployment) -> None:
    """RFC 6455 section 5.4, RFC 7118: cut on its way, or sent as several frames, as text and as binary."""
    with unnoticed(site), site.client("u1", "WS") as builder, connection(site, "WS") as raw:
        data = options(builder)
        for cut in range(1, len(data), 19):
            whole = frame(data, BINARY)
            for parts in (
                [whole[:cut], whole[cut:]],
                [frame(data[:cut], TEXT, last=False), frame(b"", CONTINUED, last=False), frame(data[cut:], CONTINUED)],
            ):
                for part in parts:
                    raw.sendall(part)
                    time.sleep(0.001)
                answer = parse(unframed(raw))
                assert isinstance(answer, Response) and answer.status == 407


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS"])
def test_a_hundred_messages_in_one_write(site: Deployment, transport: str) -> None:
    """R-TRN-01: each is answered, in their order."""
    with unnoticed(site), site.client("u2", "TCP" if transport == "WS" else transport) as client:
        requests = [options(client) for _ in range(100)]
        if transport != "WS":
            client.send(b"".join(requests))
            all_answered(client, 100)
            return
        with connection(site, "WS") as raw:
            raw.sendall(b"".join(frame(one) for one in requests))
            found = [parse(unframed(raw)) for _ in requests]
        assert [one.cseq.number for one in found] == list(range(1, 101))


def test_a_message_an_octet_at_a_time(site: Deployment) -> None:
    """R-TRN-01."""
    with unnoticed(site), site.client("u3", "TCP") as client:
        for octet in options(client):
            client.send(bytes([octet]))
            time.sleep(0.0005)
        all_answered(client, 1)


def test_five_hundred_connections_that_say_nothing(site: Deployment) -> None:
    """Section 11 of the design: nothing at all, or half a message; others are served meanwhile, and afterwards."""
    with contextlib.ExitStack() as idle, unnoticed(site):
        for number in range(500):
            one = idle.enter_context(socket.create_connection(site.address("TCP")))
            if number % 2:
                one.sendall(b"OPTIONS sip:x SIP/2.0\r\nVia: ")
        with site.client("u4", "TCP") as client:
            assert client.register().status == 200


LENGTHS = [
    (["-5"], 400), (["99999999999999999999"], 513), (["5", "5"], 400), (["5", "50"], 400), (["five"], 400),
    (["+5"], 400), (["0x5"], 400), (["5, 5"], 400), ([""], 400), (["\u0665"], 400), (["4294967301"], 513),
]  # fmt: skip
"Values of Content-Length that cannot be believed, and what their sender is told."


def test_a_length_that_cannot_be_believed_ends_the_connection(site: Deployment) -> None:
    """V-17, RFC 3261 section 18.3: it is answered, what came before too, and what follows is not looked at."""
    with site.client("u5", "TCP") as builder, contextlib.ExitStack() as open_ones:
        connections = [open_ones.enter_context(connection(site, "TCP")) for _ in LENGTHS]
        for raw, (lengths, _) in zip(connections, LENGTHS, strict=True):
            first, bad, after = (options(builder) for _ in range(3))
            head = bad.partition(b"Content-Length")[0]
            lines = b"".join(f"l: {length}\r\n".encode() for length in lengths)
            raw.sendall(first + head + lines + b"\r\nhello" + after)
        for raw, (lengths, status) in zip(connections, LENGTHS, strict=True):
            found, ended = answers(raw, LINGER + 5)
            assert (sorted(found), ended) == (sorted([407, status]), True), lengths


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_a_flood_of_keepalives(site: Deployment, transport: str) -> None:
    """RFC 5626 section 4.4.1: answered, and the next message as well."""
    with unnoticed(site), site.client("u6", transport) as client:
        for _ in range(40):
            client.send(b"\r\n" * 25_000)
        client.send(options(client))
        all_answered(client, 1)


def test_a_head_that_never_ends(site: Deployment) -> None:
    """Section 11 of the design: after 32 KiB the connection is closed, whatever there is too much of."""
    with unnoticed(site), contextlib.ExitStack() as open_ones:
        endless = []
        for start, more in (
            (b"OPTIONS sip:x SIP/2.0\r\nSubject: ", b"x" * 1200), (b"OPTIONS sip:x SIP/2.0\r\n", b"X: y\r\n" * 200),
            (b"", b"x" * 1200), (b"SIP/2.0 200 ", b"x" * 1200), (b"OPTIONS sip:x SIP/2.0\r\nX: y", b"\r\n y" * 300),
        ):  # fmt: skip
            raw = open_ones.enter_context(connection(site, "TCP"))
            endless.append(raw)
            with contextlib.suppress(OSError):
                raw.sendall(start)
                for _ in range(40):
                    raw.sendall(more)
        assert all(answers(raw, LINGER + 5)[1] for raw in endless)


@pytest.mark.parametrize(
    ("transport", "role"),
    [
        ("UDP", "proxy"), ("TCP", "proxy"), ("TLS", "proxy"), ("WS", "proxy"), ("UDP", "engine"), ("TCP", "engine"),
    ],
)  # fmt: skip
def test_junk(site: Deployment, transport: str, role: str) -> None:
    """D-39: random octets, our own collection, and that collection with errors in it; at the engine it is believed."""
    chance = random.Random(4475)
    collection = list(hostile().values())
    junk = [chance.randbytes(chance.randrange(1, 3000)) for _ in range(40)] + collection
    for data in collection:
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        junk.append(bytes(damaged))
    if transport == "TLS":  # a handshake each
        junk = junk[::3]
    port = site.engine if role == "engine" else None
    with unnoticed(site), connection(site, "UDP", port=port) as datagrams:
        for data in junk:
            if transport == "UDP":
                datagrams.sendall(data)
                time.sleep(0.001)
                continue
            with contextlib.suppress(OSError), connection(site, transport, port=port) as raw:
                raw.sendall(frame(data, chance.choice([TEXT, BINARY])) if transport == "WS" else data)


@pytest.mark.parametrize("transport", ["TLS", "WS", "WSS"])
def test_what_is_no_handshake(site: Deployment, transport: str) -> None:
    """D-39: where TLS or HTTP should begin, or in the middle of it, and connections that end at once."""
    chance = random.Random(5118)
    junk = [*hostile().values(), b"", b"\r\n" * 5000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000]
    junk += [chance.randbytes(500) for _ in range(20)]
    with unnoticed(site):
        for data in junk:
            with contextlib.suppress(OSError), socket.create_connection(site.address(transport)) as raw:
                raw.sendall(data)
        with site.client("u7", transport) as client:
            assert client.register().status == 200


def corpus(folder: str) -> dict[str, bytes]:
    """The messages of an RFC, by name."""
    paths = sorted(glob.glob(os.path.join(reference("sip-corpora"), folder, "*.dat")))
    assert len(paths) >= 12
    return {Path(path).stem: Path(path).read_bytes() for path in paths}


@pytest.mark.parametrize("role", ["proxy", "engine"])
@pytest.mark.parametrize("folder", ["rfc4475", "rfc5118"])
def test_the_messages_of_the_rfcs_over_datagrams(site: Deployment, folder: str, role: str) -> None:
    """R-STD-01: each is answered cleanly or dropped, at either role."""
    source = f"127.{os.getpid() % 200 + 20}.0.77"  # where most of them want their answers: at port 5060
    with unnoticed(site), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((source, 5060))
        raw.settimeout(0.05)
        heard = 0
        for name, data in corpus(folder).items():
            raw.sendto(data, ("127.0.0.1", getattr(site, role)))
            with contextlib.suppress(TimeoutError):
                assert 200 <= status_of(raw.recv(65_535)) < 700, name
                heard += 1
        assert heard >= 5, "some are answered"


@pytest.mark.parametrize("role", ["proxy", "engine"])
@pytest.mark.parametrize("folder", ["rfc4475", "rfc5118"])
def test_the_messages_of_the_rfcs_over_a_stream(site: Deployment, folder: str, role: str) -> None:
    """R-STD-01: each over a connection of its own, with an honest request behind it: what can be answered is."""
    with unnoticed(site), site.client("u8", "TCP") as builder:
        heard = 0
        for name, data in corpus(folder).items():
            with connection(site, "TCP", port=getattr(site, role)) as raw:
                raw.sendall(data + options(builder))
                found, _ = answers(raw, 0.1)
            assert all(200 <= status < 700 for status in found), name
            heard += bool(found)
        assert heard >= 5, "some are answered"


def test_thousands_of_hostile_invites(site: Deployment) -> None:
    """D-39: every seventh case of the PROTOS suite, as a datagram and as a stream, at the engine."""
    path = os.path.join(reference("sip-corpora"), "protos-c07-sip", "testcases.zip")
    with zipfile.ZipFile(path) as suite:
        cases = [suite.read(name) for name in suite.namelist()[2::7]]
    with unnoticed(site), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        for number, data in enumerate(cases):
            with contextlib.suppress(OSError):  # larger than a datagram
                raw.sendto(data, ("127.0.0.1", site.engine))
            if number % 4 == 0:
                with contextlib.suppress(OSError), connection(site, "TCP", port=site.engine) as stream:
                    stream.sendall(data)
            time.sleep(0.001)
