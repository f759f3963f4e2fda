"""docs/metrics.md names exactly the metrics that there are; its alerts and the dashboard ask for nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.metrics.catalogue import Known, catalogue

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "metrics.md").read_text()
DASHBOARD = json.loads((DOCS / "grafana" / "cups.json").read_text())
KNOWN = {name: one for group in catalogue().values() for one in group for name in one.series}
OF_THE_TARGET = {"instance", "job", "le"}
"Labels that Prometheus adds, and that of histograms."
OF_EVERY_PROCESS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def row(one: Known) -> str:
    """A metric's row in its table."""
    return f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels) or '-'} | {one.meaning} |"


@pytest.mark.parametrize(("process", "title"), [("edge", "Edge"), ("web", "Web process"), ("worker", "Worker")])
def test_each_table_is_what_the_code_says(process: str, title: str) -> None:
    """Name, kind, labels and meaning; none is missing, none is left over."""
    section = PAGE.partition(f"\n### {title}\n")[2].partition("\n#")[0]
    written = [line for line in section.splitlines() if line.startswith("| `cups_")]
    assert sorted(written) == sorted(map(row, catalogue()[process]))


def test_names_are_as_prometheus_wants_them() -> None:
    """One prefix, base units, each name once."""
    names = [one.name for group in catalogue().values() for one in group]
    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"cups_[a-z]+(_[a-z]+)*", name), name
        assert not name.endswith(("_milliseconds", "_ms", "_minutes", "_kilobytes")), name


def expressions() -> Iterator[tuple[str, str]]:
    """Where, and what is asked there: panels, variables of the dashboard, alerts."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]
    for rule in alerts():
        yield rule["alert"], rule["expr"]


def alerts() -> list[dict[str, Any]]:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    return [rule for block in blocks for group in block.get("groups", ()) for rule in group["rules"]]


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_what_is_asked_for_exists(place: str, expression: str) -> None:
    """Each metric, and each label that it is chosen or added up by."""
    names = set(re.findall(r"\b(?:cups|process)_\w+|\bup\b", expression))
    assert names and names - OF_EVERY_PROCESS <= KNOWN.keys(), place
    labels = {label for name in names & KNOWN.keys() for label in KNOWN[name].labels} | OF_THE_TARGET
    chosen = re.findall(r"(\w+)=", " ".join(re.findall(r"\{(.*?)\}", expression)))
    added = re.findall(r"\w+", " ".join(re.findall(r"\bby \((.*?)\)", expression)))
    assert {*chosen, *added} <= labels, place


def test_every_metric_is_on_the_dashboard() -> None:
    """So that nobody looks for one in vain."""
    asked = " ".join(expression for _, expression in expressions())
    shown = {name for name in KNOWN if re.search(rf"\b{name}\b", asked)}
    missing = [one.name for group in catalogue().values() for one in group if not one.series & shown]
    assert missing == ["cups_trace_messages", "cups_database_up", "cups_backend_subscriptions", "cups_messenger_logins"]


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    """Identifiers are unique, panels have a place of their own, and each legend uses labels that are kept."""
    panels = DASHBOARD["panels"]
    assert DASHBOARD["uid"] and DASHBOARD["title"] and DASHBOARD["schemaVersion"] >= 36
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & taken and place["x"] + place["w"] <= 24
        taken |= squares
        for target in panel.get("targets", ()):
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            added = re.findall(r"\w+", " ".join(re.findall(r"\bby \((.*?)\)", target["expr"])))
            assert not named or named <= set(added) | (OF_THE_TARGET if not added else set()), panel["title"]


def test_every_alert_says_what_to_do() -> None:
    rules = alerts()
    assert len(rules) >= 10
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
