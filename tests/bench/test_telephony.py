"""The figures of the telephony benchmark: what is lost or out of order is seen."""

import pytest

from tests.bench.telephony import CALLED, CALLER, Crowd


def crowd(caller: list[str], called: list[str]) -> Crowd:
    """One call, made by line 2, whose ends have heard these events, a second after each other."""
    made = Crowd(programs=2)
    made.made["c1"] = 2
    made.asked["c1"] = {"DeliveredEvent": 0.5, "EstablishedEvent": 1.0, "ConnectionClearedEvent": 1.5}
    for line, events in ((2, caller), (3, called)):
        made.heard["c1", line] = [(name, float(at)) for at, name in enumerate(events, 1)]
    return made


def test_times_are_those_of_the_far_end() -> None:
    times, calls, lost = crowd(CALLER, CALLED).found()
    assert times == {"DeliveredEvent": [0.5], "EstablishedEvent": [2.0], "ConnectionClearedEvent": [1.5]}
    assert (calls, lost) == (1, 0)


@pytest.mark.parametrize(
    ("caller", "called"),
    [(CALLER[:-1], CALLED), (CALLER, CALLED[::-1]), ([*CALLER, CALLER[-1]], CALLED)],
    ids=["lost", "reordered", "twice"],
)
def test_a_line_that_has_heard_something_else_is_counted(caller: list[str], called: list[str]) -> None:
    assert crowd(caller, called).found()[2] == 1
