"""What was measured, as tables for people and as JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench.histogram import Histogram
from tests.bench.scenarios import MEMORY_OBJECTS, Measured, Scenario

OURS = "ours"
"The name of the server that ratios are about."

KILO = 1024
"Bytes in a kB."

Runs = Mapping[tuple[str, str], Sequence[Measured]]
"(scenario, server) -> one measurement for each repetition."


def facts(runs: Sequence[Measured]) -> dict[str, Any]:
    """The medians of the repetitions of one scenario at one server."""
    if runs[0].memory is not None:
        grown = median(run.memory or 0 for run in runs)
        each = round(grown / MEMORY_OBJECTS)
        found = {"repeats": len(runs), "bytes_each": each, "bytes_per_10000": round(grown), "failures": _failures(runs)}
        return {**found, "bytes_beside_payload": each - runs[0].payload} if runs[0].payload else found
    rates = [run.result.rate for run in runs]
    found: dict[str, Any] = {
        "repeats": len(runs),
        "rate": round(median(rates), 1),
        "rate_lowest": round(min(rates), 1),
        "rate_highest": round(max(rates), 1),
        "notify_rate": round(median(run.result.notifies / run.result.seconds for run in runs), 1),
        "retransmissions": sum(run.result.retransmissions for run in runs),
        "failures": _failures(runs),
    }
    for share in (0.5, 0.99):
        end = f"p{share * 100:.0f}_ms"
        found[f"answer_{end}"] = _quantile([run.result.answer for run in runs], share)
        found[f"complete_{end}"] = _quantile([run.result.complete for run in runs], share)
        quiet = [run.quiet.answer for run in runs if run.quiet is not None]
        if quiet:
            found[f"quiet_{end}"] = _quantile(quiet, share)
    for part in ("server", "database", "generator"):
        shares = [getattr(run.usage, part) / run.result.seconds for run in runs if run.usage is not None]
        found[f"{part}_cores"] = round(median(shares), 2)
        found[f"{part}_us_per_operation"] = round(
            median(share * 1e6 / rate if rate else 0.0 for share, rate in zip(shares, rates, strict=True))
        )
    return found


def _quantile(histograms: Sequence[Histogram], share: float) -> float | None:
    """The median over the repetitions, in milliseconds."""
    values = [value for one in histograms if (value := one.quantile(share)) is not None]
    return round(median(values) * 1000, 2) if values else None


def _failures(runs: Sequence[Measured]) -> dict[str, int]:
    total: dict[str, int] = {}
    for run in runs:
        for what, count in run.result.failures.items():
            total[what] = total.get(what, 0) + count
    return total


def line(scenario: Scenario, server: str, found: Mapping[str, Any]) -> str:
    """One measurement on one line."""
    start = f"{scenario.title:30} {server:20}"
    if "bytes_per_10000" in found:
        beside = f", {found['bytes_beside_payload']} beside the document" if "bytes_beside_payload" in found else ""
        text = f"{start} {found['bytes_per_10000'] / KILO / KILO:8.1f} MB  ({found['bytes_each']} bytes each{beside})"
        return text + (f"  FAILED: {found['failures']}" if found["failures"] else "")
    text = (
        f"{start} {found['rate']:8.0f}/s  200: {_ms(found, 'answer')}  done: {_ms(found, 'complete')}"
        f"  cores: {found['server_cores']:.2f} + {found['database_cores']:.2f} + {found['generator_cores']:.2f}"
    )
    if found.get("quiet_p50_ms"):
        ratios = "/".join(f"{found[f'answer_{end}'] / found[f'quiet_{end}']:.2f}" for end in ("p50_ms", "p99_ms"))
        text += f"  in peace: {_ms(found, 'quiet')}, ratio {ratios}"
    if found["retransmissions"]:
        text += f"  retransmitted: {found['retransmissions']}"
    if found["failures"]:
        text += f"  FAILED: {found['failures']}"
    return text


def _ms(found: Mapping[str, Any], name: str) -> str:
    middle, high = found[f"{name}_p50_ms"], found[f"{name}_p99_ms"]
    return "-" if middle is None else f"{middle:.1f}/{high:.1f} ms"


def ratios(scenarios: Iterable[Scenario], servers: Sequence[str], runs: Runs) -> str:
    """The table of rates and of what ours, with one process and with several, is in proportion to other servers."""
    pairs = _pairs(servers)
    names = [f"  {mine}/{other}" for mine, other in pairs]
    lines = [f"{'':30}" + "".join(f" {name:>20}" for name in servers) + "".join(names)]
    for scenario in scenarios:
        found = {name: facts(runs[scenario.name, name]) for name in servers if (scenario.name, name) in runs}
        if any("rate" not in each for each in found.values()) or not found:
            continue
        cells = "".join(f" {found[name]['rate']:>18.0f}/s" if name in found else f" {'-':>20}" for name in servers)
        for (mine, other), name in zip(pairs, names, strict=True):
            if mine in found and other in found and found[other]["rate"]:
                cells += f"{found[mine]['rate'] / found[other]['rate']:>{len(name)}.2f}"
            else:
                cells += f"{'-':>{len(name)}}"
        lines.append(f"{scenario.title:30}{cells}")
    return "\n".join(lines)


def _pairs(servers: Sequence[str]) -> list[tuple[str, str]]:
    """What is divided by what: each form of ours by each peer; without a peer, several processes by one."""
    ours = [name for name in servers if name.split("-")[0] == OURS]
    pairs = [(mine, other) for other in servers if other not in ours for mine in ours]
    return pairs or [(name, OURS) for name in ours if name != OURS]
