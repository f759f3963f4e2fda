"""Dialogs with phones before they are calls: what is kept of an INVITE, and from when a session counts."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from sipedge.b2bua.legs import Legs
from sipedge.sip.errors import SipError
from tests.builders import TCP, parsed

TRANSACTION: Any = SimpleNamespace(key=("z9hG4bK1",))


class Clock(asyncio.SelectorEventLoop):
    """Notes what is to happen later."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[float] = []

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        self.later.append(delay)
        return super().call_later(delay, callback, *args, context=context)


@pytest.fixture
def legs() -> Any:
    def drop(coroutine: Coroutine[Any, Any, Any]) -> None:
        coroutine.close()

    network = SimpleNamespace(listener_of=lambda flow: SimpleNamespace(sent_by="127.0.0.1:5060"))
    loop = Clock()
    edge: Any = SimpleNamespace(loop=loop, respond=lambda *_: None, background=drop, network=network)
    yield Legs(edge)
    loop.close()


def invite(**headers: str) -> Any:
    return parsed(method="INVITE", CSeq="1 INVITE", Contact="<sip:u1@127.0.0.1:40000>", **headers)


def test_nothing_is_kept_of_an_invite_with_a_body_that_nobody_reads(legs: Any) -> None:
    """RFC 3261 8.2.3: 415, and the edge forgets it; each one would stay for ever otherwise."""
    request = invite(body=b"x", Content_Type="text/plain")
    with pytest.raises(SipError) as refused:
        legs.take(None, "100", request, TCP, TRANSACTION)
    assert refused.value.status == 415
    assert not legs.asked and not legs.by_tag


def test_a_session_counts_from_its_answer(legs: Any) -> None:
    """RFC 4028 section 10: a phone that has rung for a minute is not expected to have refreshed meanwhile."""
    leg = legs.take(None, "100", invite(Session_Expires="90", Supported="timer"), TCP, TRANSACTION)
    leg.say(180)
    assert 92 not in legs.edge.loop.later
    leg.say(200)
    assert 92 in legs.edge.loop.later
