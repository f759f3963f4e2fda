"""Which process has a message at home: the same one for whatever concerns one user, dialog or transaction."""

import random

import pytest

from sipedge.sharing.home import FIRST, MOST, Home, home_of, mark, numbered

COUNT = 4


def request(method: str, target: str, to: str, *, more: str = "") -> bytes:
    return (
        f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK01abc\r\nFrom: <sip:bob@x>;tag=1\r\n"
        f"{to}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


def home(message: bytes, moved: dict[int, int] | None = None) -> Home | None:
    return home_of(message, COUNT, moved or {})


def test_what_concerns_a_user_has_one_home() -> None:
    """However the address is written, and whoever asks."""
    homes = {
        home(request("PUBLISH", "sip:alice@example.com", "To: <sip:alice@example.com>")),
        home(request("SUBSCRIBE", "sip:Alice@example.com;transport=tcp", 't : "A;tag=no" <sip:somebody@else>')),
        home(request("MESSAGE", "pres:alice@example.com", "TO:<sip:alice@example.com>")),
        home(request("REGISTER", "sip:example.com", "To: Alice <sips:alice:pw@example.com>")),
    }
    assert len(homes) == 1
    found = homes.pop()
    assert found is not None and found.new


def test_users_are_spread() -> None:
    found = [home(request("PUBLISH", f"sip:user{n}@x", f"To: <sip:user{n}@x>")) for n in range(1000)]
    counts = [sum(one is not None and one.index == index for one in found) for index in range(COUNT)]
    assert min(counts) > 150


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE", "CANCEL", "INFO", "UPDATE", "REFER", "PRACK"])
def test_calls_have_one_home(method: str) -> None:
    """A call has two ends and its switch knows all lines."""
    for user in ("alice", "bob", "carol", "dave"):
        assert home(request(method, f"sip:{user}@x", f"To: <sip:{user}@x>")) == Home(FIRST, new=False)


@pytest.mark.parametrize("index", range(COUNT))
def test_a_dialog_is_where_its_subscription_is(index: int) -> None:
    id = numbered(random.getrandbits(62) | 1 << 62, index)
    to = f"To: <sip:alice@x>;tag={id:x}"
    assert home(request("SUBSCRIBE", "sip:192.0.2.1:5060", to)) == Home(index, new=False)
    assert home(request("NOTIFY", "sip:192.0.2.1:5060", to)) == Home(index, new=False)
    assert home(request("SUBSCRIBE", "sip:192.0.2.1", to), {id: 3}) == Home(3, new=False), "it has moved"


def test_ids_of_more_processes_than_there_are_now() -> None:
    id = numbered(1 << 62, MOST - 1)
    assert home(request("SUBSCRIBE", "sip:x", f"To: <sip:alice@x>;tag={id:x}")) == Home(FIRST, new=False)


def test_dialogs_of_others_are_calls() -> None:
    assert home(request("NOTIFY", "sip:x", "To: <sip:alice@x>;tag=00ab.17")) == Home(FIRST, new=False)


@pytest.mark.parametrize("via", ["Via: ", "v:", "VIA :  ", "Via:\r\n "])
def test_answers_go_back_to_who_has_asked(via: str) -> None:
    """By the topmost Via's branch, which we have made."""
    answer = (
        f"SIP/2.0 200 OK\r\n{via}SIP/2.0/UDP 192.0.2.1;rport=5060 ; branch=z9hG4bK{mark(2)}cafe.1f, SIP/2.0/UDP "
        "192.0.2.9;branch=z9hG4bK03no\r\nTo: <sip:alice@x>;tag=1\r\n\r\n"
    ).encode()
    assert home(answer) == Home(2, new=False)


@pytest.mark.parametrize(
    "message",
    [
        b"\r\n\r\n",
        b"",
        b"\x00\x01\x00\x00!\x12\xa4B",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKzz.1\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK3fcafe\r\n\r\n",
        b"PUBLISH sip:alice@x SIP/2.0\r\n\r\n",
        b"PUBLISH tel:+1 SIP/2.0\r\nTo: <tel:+1>\r\n\r\n",
        request("OPTIONS", "sip:x", "To: <sip:x>"),
        request("PUBLISH", "sip:alice@x", "X: " + "y" * 5000 + "\r\nTo: <sip:alice@x>"),
    ],
)
def test_anybody_may_answer_what_says_nothing(message: bytes) -> None:
    assert home(message) is None


def test_ids_say_whose_they_are() -> None:
    """And stay within a column of 63 bits, of sixteen digits."""
    for index in (0, 1, MOST - 1):
        id = numbered(random.getrandbits(62) | 1 << 62, index)
        assert id % MOST == index and len(f"{id:x}") == 16 and id < 1 << 63
