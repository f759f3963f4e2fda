"""The simulation, and that it agrees with the model and with what was measured."""

import dataclasses
import json

import pytest

from tests.bench import comparison, queues
from tests.bench.capacity import needs
from tests.bench.comparison import CASES, Line
from tests.bench.costs import MEASURED, Costs
from tests.bench.population import Population
from tests.bench.simulation import Clock, Cores, Site, busy_hour, window

SECONDS = 60.0
"Of the busy hour."

FACTOR = 2.0
"What the model says of the slowest answer in a hundred is a rule of thumb."


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs.read()


def test_events_happen_in_order() -> None:
    """Those of the same time in the order in which they were asked for; those after the end do not."""
    clock, seen = Clock(), []
    for time, name in ((2.0, "c"), (1.0, "a"), (1.0, "b"), (9.0, "never")):
        clock.at(time, lambda name=name: seen.append((clock.now, name)))  # type: ignore[misc]
    clock.run(3.0)
    assert seen == [(1.0, "a"), (1.0, "b"), (2.0, "c")] and clock.now == 3.0


def test_a_core_does_one_thing_after_the_other() -> None:
    clock = Clock()
    one, two = Cores(clock), Cores(clock, 2)
    assert [one.work(1.0), one.work(1.0)] == [1.0, 2.0]
    assert [two.work(1.0), two.work(1.0), two.work(1.0)] == [1.0, 1.0, 2.0]
    assert one.backlog == 2.0


def test_plans_that_wait_go_together(costs: Costs) -> None:
    """Group commit: the first one alone, all that came meanwhile in the next transaction."""
    site = Site(dataclasses.replace(costs, edge_publish=0.0, flush=1.0), 1)
    answered: list[float] = []
    for _ in range(5):
        site.publish(site.edges[0], 0, answered.append)
    site.clock.run(0.5)
    for _ in range(3):
        site.publish(site.edges[0], 0, answered.append)
    site.clock.run(10.0)
    assert (site.batches, site.plans, len(answered)) == (2, 8, 8)
    assert answered[0] < answered[1], "the first one had nobody to wait for"


def test_a_users_requests_come_to_one_edge(costs: Costs) -> None:
    site = Site(costs, 4)
    assert site.home(17) is site.home(17)
    assert {site.edges.index(site.home(user)) for user in range(100)} == {0, 1, 2, 3}


def test_the_same_seed_gives_the_same_hour(costs: Costs) -> None:
    people = Population(1_000)
    first, again, other = (busy_hour(costs, people, 2, seconds=20, seed=seed) for seed in (3, 3, 4))
    assert (first.edges, first.counts) == (again.edges, again.counts)
    assert first.counts != other.counts


@pytest.mark.parametrize("name", CASES)
def test_model_and_simulation_agree(costs: Costs, name: str) -> None:
    """Within a quarter: how busy edges and database are, what happens a second, how many plans go together."""
    firm, (slowest, imbalance) = comparison.population(costs, name, SECONDS)
    assert [str(line) for line in firm if not line.close] == []
    assert imbalance.close
    assert 1 / FACTOR < slowest.model / slowest.simulated < FACTOR


def test_both_agree_with_what_was_measured(costs: Costs) -> None:
    """Within a quarter: operations a second of each scenario of ./run bench that both can play."""
    lines = list(comparison.measured_points(costs, json.loads(MEASURED.read_text())))
    assert len(lines) >= 6
    assert [str(line) for line in lines if not line.close] == []


def test_an_edge_with_too_much_to_do_is_busy_all_the_time(costs: Costs) -> None:
    """The model says that answers never come; in the simulation they wait longer and longer."""
    people = Population(5_000, changes=360.0)
    seen = busy_hour(costs, people, 1, seconds=5, warm_up=3)
    assert seen.busy == pytest.approx(1.0, abs=0.01)
    assert queues.latency(costs, needs(costs, people, edges=1)).mean == float("inf")
    assert (seen.answers.quantile(0.5) or 0) > 1.0


def test_a_full_window_waits_for_the_disk_where_that_is_slow(costs: Costs) -> None:
    slow = dataclasses.replace(costs, flush=0.5)
    assert window(slow, "publish", 8, seconds=20).rate("publish") < 40
    assert queues.saturated(slow, "publish", 8) < 40


def test_figures_that_differ_are_marked() -> None:
    assert Line("a", 1.0, 1.2).close and not Line("a", 1.0, 1.5).close
    assert not Line("a", 1.0, 1.0, 2.0).close
    assert str(Line("a", 1.0, 1.5)).endswith("apart")
