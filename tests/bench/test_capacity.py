"""The capacity model: what it takes from measured points, and how it bends."""

import dataclasses
import json
import random
from pathlib import Path

import pytest

from tests.bench import footprint, tables
from tests.bench.capacity import Bounds, batch_of, clusters, crossing, main, needs
from tests.bench.costs import MEASURED, Costs, Missing
from tests.bench.population import Buddies, Population


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs.read()


def document() -> dict[str, object]:
    found: dict[str, object] = json.loads(MEASURED.read_text())
    return found


def test_the_cost_of_a_notify_is_what_nine_more_watchers_cost(costs: Costs) -> None:
    """And composing is what the first one costs beside its NOTIFY."""
    spent = {one["scenario"]: one.get("server_us_per_operation") for one in document()["results"]}  # type: ignore[attr-defined]
    assert costs.edge_notify * 9e6 == pytest.approx(spent["publish-10"] - spent["publish-1"])
    assert (costs.edge_publish + costs.edge_compose + costs.edge_notify) * 1e6 == pytest.approx(spent["publish-1"])


def test_what_is_missing_among_the_points_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = document()
    points["results"] = [one for one in points["results"] if one["scenario"] != "refresh"]  # type: ignore[attr-defined]
    with pytest.raises(Missing, match="refresh"):
        Costs.of(points)
    points = document()
    points["footprint"] = {"database_alone_us": 1, "heard_publish_us": 1, "heard_register_us": 1}
    with pytest.raises(Missing, match="memory_base"):
        Costs.of(points)
    (tmp_path / "broken").write_text("{")
    assert main(["--points", str(tmp_path / "broken")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_what_nobody_has_measured_is_said_to_be_assumed(costs: Costs) -> None:
    assert "flush" in costs.assumed and "edge_publish" not in costs.assumed
    points = document()
    points["results"].append({"scenario": "message", "server": "ours", "server_us_per_operation": 700})  # type: ignore[attr-defined]
    with_messages = Costs.of(points)
    assert with_messages.edge_message == pytest.approx(0.0007) and "edge_message" not in with_messages.assumed


def test_a_new_footprint_leaves_the_other_points_alone(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps(document()))
    footprint.write(path, {"memory_base": 1.0})
    written = json.loads(path.read_text())
    assert written["results"] == document()["results"] and written["footprint"] == {"memory_base": 1.0}


def test_a_few_people_are_watched_by_very_many() -> None:
    """The moments of the distribution are those of what is drawn from it."""
    buddies, chance = Buddies(20.0, most=1000.0), random.Random(7)
    drawn = [buddies.draw(chance) for _ in range(200_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(20.0, rel=0.05)
    assert sum(one * one for one in drawn) / len(drawn) == pytest.approx(buddies.square, rel=0.1)
    assert sum(max(0, one - 100) for one in drawn) / len(drawn) == pytest.approx(buddies.beyond(100), rel=0.1)
    assert buddies.beyond(0) == pytest.approx(20.0) and buddies.beyond(1000) == 0
    assert min(drawn) >= int(buddies.least) and max(drawn) > 500


def test_twice_as_many_users_do_twice_as_much(costs: Costs) -> None:
    one, two = needs(costs, Population(10_000)), needs(costs, Population(20_000))
    for name in ("work", "log_rate", "stored", "bandwidth"):
        assert getattr(two, name) == pytest.approx(2 * getattr(one, name))


def test_edges_are_not_busier_than_they_may_be(costs: Costs) -> None:
    """Nor are there more of them than needed."""
    for users in (1_000, 50_000, 300_000, 1_000_000):
        found = needs(costs, Population(users))
        assert found.work / found.edges + found.hearing <= Bounds().busy + 1e-9
        if found.edges > 1 and found.memory_each < Bounds().memory / 2:
            fewer = needs(costs, Population(users), edges=found.edges - 1)
            assert fewer.work / fewer.edges + fewer.hearing > Bounds().busy


def test_a_cluster_bends_where_edges_hear_of_each_other(costs: Costs) -> None:
    """No number of edges is enough where hearing of the others fills each of them."""
    loud = dataclasses.replace(costs, edge_heard_publish=0.01)
    assert needs(loud, Population(1_000_000)).problems[0] == "edges hear too much of each other"
    assert needs(costs, Population(1_000)).problems == ()


def test_clusters_are_as_few_as_do(costs: Costs) -> None:
    people = Population(20_000_000)
    number = clusters(costs, people)
    assert number > 1
    assert needs(costs, people.part(number - 1)).problems and not needs(costs, people.part(number)).problems
    with pytest.raises(ValueError):
        clusters(costs, people, Bounds(log_rate=0.0))


def test_federation_costs_what_crosses(costs: Costs) -> None:
    people = Population(1_000_000)
    assert crossing(costs, people, 1, 0.5) == 0
    assert crossing(costs, people, 4, 0.0) == 0
    few, many, most = (crossing(costs, people, 4, share) for share in (0.01, 0.1, 0.9))
    assert 0 < few < many < most
    assert most < 4 * needs(costs, people).work, "one subscription serves all watchers of a cluster"


def test_a_transaction_takes_what_has_gathered(costs: Costs) -> None:
    """At low load one plan each; at a high one as many as come in its time."""
    assert batch_of(costs, 0.1, 0.0001) == pytest.approx(1.0, abs=0.01)
    size = batch_of(costs, 2000.0, 0.0001)
    lasts = costs.database_batch + costs.flush + size * 0.0001
    assert size == pytest.approx(2000.0 * lasts, rel=0.05) and size > 3


def test_amounts_are_read_at_a_glance() -> None:
    assert [tables.amount(one) for one in (0, 0.0175, 1.0, 12.34, 999.6, 1_000_000, 100e6)] == [
        "0", "0.0175", "1", "12.3", "1 k", "1 M", "100 M",
    ]  # fmt: skip
    assert tables.amount(5.74e9, "B") == "5.74 GB"


def test_the_table_has_a_column_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    """./run bench capacity."""
    assert main(["--users", "1000", "1000000", "100000000"]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].split() == ["users", "1", "k", "1", "M", "100", "M"]
    assert "do not fit into one cluster" in printed and "assumed, not measured" in printed
