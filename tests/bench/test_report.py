"""What the tables say of what was measured."""

from tests.bench import report
from tests.bench.load import Result
from tests.bench.scenarios import SCENARIOS, Measured
from tests.bench.usage import Usage


def result(*latencies: float) -> Result:
    """A run of one second with these latencies."""
    made = Result(operations=len(latencies), seconds=1.0)
    for latency in latencies:
        made.answer.add(latency)
        made.complete.add(latency)
    return made


def test_a_disturbed_run_is_shown_beside_the_quiet_one() -> None:
    """The ratio is of the same run: only that carries over to other machines."""
    scenario = next(one for one in SCENARIOS if one.name == "hostile")
    measured = Measured(result(0.02, 0.02, 0.3), Usage(0.5, 0.1, 0.1), quiet=result(0.01, 0.01, 0.1))
    found = report.facts([measured])
    assert report.line(scenario, "ours", found).endswith("in peace: 9.9/99.3 ms, ratio 2.01/3.00")


def test_a_run_that_nothing_disturbs_has_no_ratio() -> None:
    """Other scenarios look as before."""
    found = report.facts([Measured(result(0.02), Usage(0.5, 0.1, 0.1))])
    assert "quiet_p50_ms" not in found and "peace" not in report.line(SCENARIOS[0], "ours", found)


def test_every_form_of_ours_is_compared_with_every_peer() -> None:
    """Also several processes; without a peer they are compared with one."""
    scenario, servers = SCENARIOS[0], ["ours", "ours-2", "kamailio"]
    runs = {(scenario.name, name): [Measured(result(*[0.02] * rate), Usage(0.5, 0.1, 0.1))]
            for name, rate in zip(servers, (3, 6, 2), strict=True)}  # fmt: skip
    header, line = report.ratios([scenario], servers, runs).splitlines()
    assert header.split()[3:] == ["ours/kamailio", "ours-2/kamailio"]
    assert line.split()[-2:] == ["1.50", "3.00"]
    header, line = report.ratios([scenario], servers[:2], runs).splitlines()
    assert (header.split()[2:], line.split()[-1]) == (["ours-2/ours"], "2.00")


def test_memory_is_told_for_each_and_beside_what_came_from_outside() -> None:
    """A publication's own document is not what the server adds to it."""
    subscriptions = report.facts([Measured(result(0.01), memory=46_000_000)])
    assert report.line(SCENARIOS[0], "ours", subscriptions).endswith("43.9 MB  (4600 bytes each)")
    publications = report.facts([Measured(result(0.01), memory=46_000_000, payload=600)])
    assert report.line(SCENARIOS[0], "ours", publications).endswith("(4600 bytes each, 4000 beside the document)")
