"""Refusals are counted by reason and address, in bounded memory, and what peers say harms neither log nor page."""

from datetime import UTC, datetime, timedelta

from sipedge import refusals
from sipedge.refusals import Refusals

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_reasons_and_addresses_are_counted() -> None:
    """R-SEC-03: the greatest first."""
    one = Refusals()
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.2"):
        one.count(refusals.UNTRUSTED, host, NOW)
    one.count(refusals.MALFORMED, "192.0.2.1", NOW)
    shown = one.report()
    assert shown["reasons"][0] == {"reason": "untrusted peer", "count": 3}
    assert shown["peers"][0] == {"address": "192.0.2.2", "reason": "untrusted peer", "count": 2}


def test_of_many_addresses_the_busiest_are_kept() -> None:
    """D-39: memory is bounded; the counts of reasons stay exact."""
    one = Refusals()
    for _ in range(5):
        one.count(refusals.MALFORMED, "192.0.2.1", NOW)
    for number in range(3 * refusals.MAX_KEPT):
        one.count(refusals.MALFORMED, f"10.0.{number >> 8}.{number & 255}", NOW)
    assert len(one.peers) <= refusals.MAX_KEPT
    assert one.reasons[refusals.MALFORMED] == 5 + 3 * refusals.MAX_KEPT
    assert one.report()["peers"][0]["address"] == "192.0.2.1"


def test_names_of_certificates_that_are_refused_are_shown() -> None:
    """R-SEC-05: without control characters, and cut."""
    one = Refusals()
    one.untrusted("192.0.2.1", frozenset({"peer.example", "a\0\n" + "b" * 1000}), NOW)
    names = {row["name"] for row in one.report()["names"]}
    assert "peer.example" in names
    assert all(name.isprintable() and len(name) <= refusals.LONGEST_TEXT for name in names)


def test_the_last_tls_errors_are_kept_equal_ones_once() -> None:
    """R-TRN-01, R-SEC-05: the newest first."""
    one = Refusals()
    for number in range(refusals.MAX_ERRORS + 5):
        one.tls_failed(f"192.0.2.{number}", "127.0.0.1:5061", "no shared cipher", NOW)
    one.tls_failed("192.0.2.20", "127.0.0.1:5061", "no shared cipher", NOW + timedelta(seconds=1))
    shown = one.errors()
    assert len(shown) == refusals.MAX_ERRORS
    assert shown[0] == {
        "at": "2026-01-01T00:00:01+00:00", "peer": "192.0.2.20", "listener": "127.0.0.1:5061",
        "why": "no shared cipher", "count": 2,
    }  # fmt: skip
    assert one.reasons["TLS: no shared cipher"] == refusals.MAX_ERRORS + 6


def test_a_flood_is_a_few_lines_of_log() -> None:
    """D-39: so many in a minute, then again in the next one."""
    one = Refusals()
    allowed = [one._may_log(NOW) for _ in range(100)]
    assert sum(allowed) == refusals.LINES
    assert one._may_log(NOW + timedelta(seconds=refusals.MINUTE))
