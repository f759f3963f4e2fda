"""When a phone of a call is given up: what its answers to OPTIONS say (RFC 5057, RFC 4028)."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sipedge.b2bua.watch import Watch, session_headers
from tests.builders import parsed


def watch(*, reliable: bool = False) -> Watch:
    leg: Any = SimpleNamespace(dialog=SimpleNamespace(flow=SimpleNamespace(reliable=reliable)))
    return Watch(leg, asyncio.new_event_loop(), 30.0)


@pytest.mark.parametrize(
    ("statuses", "gone"),
    [
        ([200, 200], [False, False]),
        ([408, 408], [False, True]),
        ([503, 503], [False, True]),
        ([408, 200, 408], [False, False, False]),
        ([405, 481], [False, True]),
    ],
    ids=["there", "silent", "unreachable", "once", "forgotten"],
)
def test_a_phone_over_udp(statuses: list[int], gone: list[bool]) -> None:
    """R-CTI-02: one lost answer is no proof, two in a row are; 481 is at once."""
    seen = watch()
    assert [seen.gone(status) for status in statuses] == gone


def test_a_connection_that_is_gone_is_proof_enough() -> None:
    assert watch(reliable=True).gone(503)


def test_whatever_the_phone_sends_counts() -> None:
    seen = watch()
    assert not seen.gone(408)
    seen.heard()
    assert not seen.gone(408)


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({}, []),
        ({"Session-Expires": "1800"}, []),
        (
            {"Session-Expires": "1800;refresher=uac", "Require": "timer"},
            [("Session-Expires", "1800;refresher=uac"), ("Require", "timer")],
        ),
        (
            {"Session-Expires": "30", "Supported": "timer"},
            [("Session-Expires", "90;refresher=uac"), ("Require", "timer")],
        ),
    ],
    ids=["none", "unknown to the phone", "asked for", "short"],
)
def test_what_is_said_of_the_session_timer(headers: dict[str, str], answered: list[tuple[str, str]]) -> None:
    """RFC 4028 7.2, 9: a phone that knows the timer refreshes; less than 90 seconds are taken as 90."""
    assert session_headers(parsed(**{name.replace("-", "_"): value for name, value in headers.items()})) == answered
