"""CPU time and memory of process trees, read from /proc."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
"Clock ticks per second in /proc/PID/stat."


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of the parts that share the machine."""

    server: float
    database: float
    generator: float

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(self.server - before.server, self.database - before.database, self.generator - before.generator)


def tree(pid: int) -> Iterator[int]:
    """A process and everything below it."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from tree(int(child))


def cpu(pid: int | None) -> float:
    """CPU seconds of a process tree so far, with those of children that have ended; 0 without a process."""
    if pid is None:
        return 0.0
    ticks = 0
    for member in tree(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICK


def memory(pid: int) -> int:
    """Bytes of a process tree, shared pages divided among their users (PSS)."""
    total = 0
    for member in tree(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def generator_cpu() -> float:
    """CPU seconds of this process so far."""
    return time.process_time()


@contextlib.contextmanager
def profiled(pid: int, out: Path, seconds: float) -> Iterator[None]:
    """Sample with py-spy who holds the interpreter, for a second less than these; one line for each stack."""
    out.parent.mkdir(parents=True, exist_ok=True)
    py_spy = str(Path(sys.executable).parent / "py-spy")
    counted = str(max(1, round(seconds - 1)))
    words = [py_spy, "record", "--gil", "-p", str(pid), "-d", counted, "-r", "250", "-f", "raw", "-o", str(out)]
    sampler = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    yield
    sampler.wait()
