"""`./run start` gives each edge and the worker an address of its own."""

import pytest

from cups_site.launcher.deployment import Problem, check_variables, metrics_address


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("127.0.0.1:9464", ["127.0.0.1:9464", "127.0.0.1:9465"]),
        ("[::1]:9464", ["[::1]:9464", "[::1]:9465"]),
    ],
)
def test_ports_are_counted_on(monkeypatch: pytest.MonkeyPatch, text: str, addresses: list[str]) -> None:
    monkeypatch.setenv("CUPS_METRICS_LISTEN", text)
    assert [metrics_address(number)["CUPS_METRICS_LISTEN"] for number in (0, 1)] == addresses


def test_without_an_address_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_METRICS_LISTEN", " ")
    assert metrics_address(0) == {}


@pytest.mark.parametrize("text", ["9464", "127.0.0.1:", "127.0.0.1:65535", ":x"])
def test_what_leads_nowhere_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CUPS_METRICS_LISTEN", text)
    with pytest.raises(Problem, match="CUPS_METRICS_LISTEN"):
        check_variables()
        metrics_address(1)
