"""The last minutes on the first page: rates from what edges report, bounded, whatever edges do."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cups_site.metrics.database import Figures
from cups_site.pulse import APART, POINTS, Pulse, curves, errors
from presence.models import EdgeLease

START = datetime(2026, 1, 1, tzinfo=UTC)
FIGURES = Figures(10, 5, {"active": 3, "pending": 1}, {}, 7, 0, 0, {}, {}, {"bindings": 9.6, "publications": 0.0})


class Clock:
    """Moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def lease(name: str, seconds: float, received: int, *, began: float = 0.0, **more: Any) -> EdgeLease:
    return EdgeLease(
        edge=name,
        started_at=START + timedelta(seconds=began),
        renewed_at=START + timedelta(seconds=seconds),
        report={"transactions": {"received": received}, **more},
    )


def test_rates_of_all_edges() -> None:
    """Messages and answers a second by class, error answers by code, what waits, what is held."""
    clock = Clock()
    pulse = Pulse(clock)
    first = pulse.look([lease("a", 0, 100, answers={"200": 50}), lease("b", 0, 10)], FIGURES)
    assert first[-1].received == 0
    clock.now = 10
    looks = pulse.look(
        [
            lease("a", 10, 200, answers={"200": 70, "202": 10, "404": 3}, queues={"notify": 4, "commit": 1}),
            lease("b", 5, 20, answers={"403": 1, "407": 5}, queues={"notify": 2}),
        ],
        FIGURES,
    )
    now = looks[-1]
    assert (now.received, now.answers) == (12.0, {"2xx": 3.0, "4xx": 1.5})
    assert (now.registered, now.subscriptions, now.queues, now.late) == (7, 4, 7, 9.6)
    assert errors(looks) == [("404", 3), ("403", 1)]
    drawn = curves(looks)
    assert drawn["seconds"] == [-10, 0] and drawn["received"] == [0.0, 12.0]
    assert drawn["answers"] == {"2xx": [0.0, 3.0], "4xx": [0.0, 1.5]} and drawn["late"] == [10, 10]


def test_an_edge_that_says_nothing_new_goes_on_and_one_that_begins_anew_counts_from_there() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.look([lease("a", 0, 100)], FIGURES)
    clock.now = 5
    pulse.look([lease("a", 5, 150, answers={"500": 2})], FIGURES)
    clock.now = 10
    looks = pulse.look([lease("a", 5, 150, answers={"500": 2})], FIGURES)
    assert looks[-1].received == 10 and errors(looks) == [("500", 2)], "told once"
    clock.now = 15
    looks = pulse.look([lease("a", 15, 3, began=12)], None)
    assert looks[-1].received == 0 and looks[-1].registered == 0
    clock.now = 20
    assert pulse.look([lease("a", 20, 8, began=12)], FIGURES)[-1].received == 1
    clock.now = 25
    assert pulse.look([], FIGURES)[-1].received == 0


def test_many_who_look_cost_one_and_what_is_kept_is_bounded() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(5):
        assert len(pulse.look([], FIGURES)) == 1
    for _ in range(2 * POINTS):
        clock.now += APART
        pulse.look([], FIGURES)
    assert len(pulse.look([], FIGURES)) == POINTS
