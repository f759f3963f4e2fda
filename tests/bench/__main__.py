"""`./run bench`: measures this server, and Kamailio beside it, under the same load on the same machine.

Every scenario begins with fresh servers and empty databases; servers take turns within each repetition, so that
a machine that is slow for a while is slow for all of them. Only ratios carry over to other machines.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.bench import (
    capacity,
    comparison,
    edges,
    footprint,
    imports,
    integrators,
    report,
    scale,
    soak,
    telephony,
    usage,
)
from tests.bench.costs import MEASURED
from tests.bench.databases import Cluster
from tests.bench.load import Load, Pressure
from tests.bench.scenarios import SCENARIOS, Measured, Options, Preparation, Scenario
from tests.bench.servers import Failed, Kamailio, Ours, Server

APART = {
    "capacity": capacity.main,
    "edges": edges.main,
    "footprint": footprint.main,
    "imports": imports.main,
    "integrators": integrators.main,
    "points": lambda words: _points(words),
    "scale": scale.main,
    "simulation": comparison.main,
    "soak": soak.main,
    "telephony": telephony.main,
}
"Each has a load of its own, or none, and options of its own."


def main(arguments: list[str] | None = None) -> int:
    """Measure what the arguments ask for; the exit status is 0 when every operation of every run succeeded."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in APART:
        return APART[words[0]](words[1:])
    chosen = _parser().parse_args(arguments)
    scenarios = [scenario for scenario in SCENARIOS if not chosen.scenarios or scenario.name in chosen.scenarios]
    if unknown := set(chosen.scenarios) - {scenario.name for scenario in SCENARIOS}:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}")
    pressure = Pressure(chosen.window, chosen.seconds, chosen.warm_up, chosen.rate)
    options = Options(pressure, users=chosen.users, settle=chosen.settle)
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(_cluster(chosen.database, needed=_peers(chosen.peer)))
        servers = _servers(chosen, cluster, stack)
        promises = cluster.promises() if cluster is not None else ""
        print(f"{os.cpu_count()} cores; {options.users} users, {pressure.window} operations in flight; {promises}")
        print("times: p50/p99 to the 200, and until the last NOTIFY is there; cores: server + database + generator")
        runs: dict[tuple[str, str], list[Measured]] = {}
        for scenario in scenarios:
            for repeat in range(chosen.repeats):
                for server in _asked(scenario, servers):
                    measured = _run(scenario, server, options, chosen.profile if repeat == 0 else None)
                    runs.setdefault((scenario.name, server.name), []).append(measured)
            for server in _asked(scenario, servers):
                found = report.facts(runs[scenario.name, server.name])
                print(report.line(scenario, server.name, found), flush=True)
    if len(servers) > 1:
        print("\n" + report.ratios(scenarios, [server.name for server in servers], runs))
    if chosen.json:
        _write_json(chosen.json, options, promises, runs)
    return 1 if any(run.result.failures for each in runs.values() for run in each) else 0


def _points(arguments: list[str]) -> int:
    """Measure all that the capacity model is made of, anew: one process of ours, the scenarios and the footprint."""
    parser = argparse.ArgumentParser(prog="./run bench points", description=(_points.__doc__ or "").splitlines()[0])
    parser.add_argument("--json", default=str(MEASURED), metavar="FILE", help="where to (default: %(default)s)")
    parser.add_argument("--seconds", default="5", help="counted time of each run (default 5)")
    parser.add_argument("--repeats", default="3", help="runs of each scenario; medians count (default 3)")
    parser.add_argument("--settle", default="40", help="rest before memory is read (default 40 s)")
    chosen = parser.parse_args(arguments)
    rest = ["--settle", chosen.settle, "--json", chosen.json]
    pressure = ["--peer", "none", "--seconds", chosen.seconds, "--repeats", chosen.repeats]
    return main([*comparison.SCENARIOS, "memory", "memory-publications", *pressure, *rest]) or footprint.main(rest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"default: all of {', '.join(names)}; or one of {', '.join(APART)} alone",
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="counted time of each run (default 5)")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds of load before counting (default 1)")
    parser.add_argument("--users", type=int, default=1000, help="users, each with one publication (default 1000)")
    parser.add_argument("--window", type=int, default=64, help="operations in flight (default 64)")
    parser.add_argument(
        "--edges", type=int, nargs="+", default=[1], help="edge processes of ours that share the address (default 1)"
    )
    parser.add_argument("--rate", type=float, help="begin this many operations per second, not as many as possible")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each scenario; medians count (default 1)")
    parser.add_argument("--settle", type=float, default=40.0, help="rest before memory is read (default 40 s)")
    parser.add_argument(
        "--peer",
        choices=("auto", "none", "kamailio", "kamailio-only"),
        default="auto",
        help="whom to compare with (default: kamailio when it is installed)",
    )
    parser.add_argument(
        "--database", default="postgresql", help="postgresql (throw-away, durable), sqlite, or postgresql://... to use"
    )
    parser.add_argument("--profile", metavar="DIRECTORY", help="write a py-spy profile of our edge for each scenario")
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file (- for standard output)")
    return parser


def _peers(peer: str) -> bool:
    problem = Kamailio.problem()
    if peer in ("kamailio", "kamailio-only") and problem:
        sys.exit(problem)
    return peer != "none" and problem is None


@contextlib.contextmanager
def _cluster(database: str, needed: bool) -> Iterator[Cluster | None]:
    """The PostgreSQL for the servers; none when we run on SQLite and nobody else needs one."""
    with contextlib.ExitStack() as stack:
        if database == "sqlite" and not needed:
            yield None
            return
        if database in ("postgresql", "sqlite"):
            url = stack.enter_context(services.postgresql(durable=True))
        else:
            url = database
        cluster = Cluster(url)
        stack.callback(cluster.close)
        yield cluster


def _servers(chosen: argparse.Namespace, cluster: Cluster | None, stack: contextlib.ExitStack) -> list[Server]:
    servers: list[Server] = []
    if chosen.peer != "kamailio-only":
        bus = stack.enter_context(services.valkey())
        for edges in chosen.edges:
            ours = Ours(None if chosen.database == "sqlite" else cluster, chosen.users, bus, edges)
            stack.callback(ours.close)
            servers.append(ours)
    if cluster is not None and _peers(chosen.peer):
        servers += [Kamailio(cluster, durable=True), Kamailio(cluster, durable=False)]
    return servers


def _asked(scenario: Scenario, servers: list[Server]) -> list[Server]:
    """The servers that a scenario is for."""
    return [one for one in servers if scenario.provisioning is None or isinstance(one, Ours)]


def _run(scenario: Scenario, server: Server, options: Options, profile: str | None) -> Measured:
    try:
        server.start(scenario.provisioning(options.users) if scenario.provisioning is not None else "")
    except Failed as error:
        sys.exit(str(error))
    load = Load(server.address)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        stack.callback(load.close)
        if profile is not None and isinstance(server, Ours):
            begins = functools.partial(
                _sample, server.pid, Path(profile) / f"{scenario.name}-{server.name}.txt", options, stack
            )
            options = dataclasses.replace(options, begins=begins)
        try:
            return scenario.run(load, server, options)
        except Preparation as error:
            sys.exit(f"{scenario.name} at {server.name}: {error}")


def _sample(pid: int, out: Path, options: Options, stack: contextlib.ExitStack) -> None:
    """Sample the edge while operations are counted."""
    stack.enter_context(usage.profiled(pid, out, options.pressure.seconds or 1))


def _write_json(target: str, options: Options, promises: str, runs: dict[tuple[str, str], list[Measured]]) -> None:
    found = {
        "users": options.users,
        "pressure": dataclasses.asdict(options.pressure),
        "database": promises,
        "results": [
            {"scenario": scenario, "server": server, **report.facts(measured)}
            for (scenario, server), measured in runs.items()
        ],
    }
    text = json.dumps(found, indent=1)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
