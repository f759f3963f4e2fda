"""Out of memory, wherever it shows: the process ends with its status, and says why."""

import subprocess
import sys

import pytest

from sipedge.exhaustion import STATUS
from tests.system import ROOT

IN_A_CALLBACK = "loop.call_soon(fail)"
IN_A_THREAD = "threading.Thread(target=fail).start()"
IN_A_TASK = "asyncio.ensure_future(work())"

PROGRAM = """
import asyncio, threading, time
from sipedge import exhaustion

def fail():
    raise {error}

async def work():
    fail()

async def main():
    loop = asyncio.get_running_loop()
    exhaustion.watch(loop)
    {where}
    await asyncio.sleep({seconds})

asyncio.run(main())
"""


def run(error: str, where: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(error=error, where=where, seconds=seconds)
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("where", [IN_A_CALLBACK, IN_A_THREAD, IN_A_TASK], ids=["callback", "thread", "task"])
def test_it_ends_at_once(where: str) -> None:
    done = run("MemoryError", where, 600)
    assert (done.returncode, done.stderr.splitlines()[-1].partition(":")[0]) == (STATUS, "out of memory")


@pytest.mark.parametrize("where", [IN_A_CALLBACK, IN_A_THREAD, IN_A_TASK], ids=["callback", "thread", "task"])
def test_other_errors_are_told_as_ever(where: str) -> None:
    done = run("ValueError('seven')", where, 0.5)
    assert done.returncode == 0 and "ValueError: seven" in done.stderr
