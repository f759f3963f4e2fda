"""Machines of their own for an estate: network namespaces (ip-netns(8)) that a bridge joins with this process.

    clients (this process) --+
    edges, database ---------+-- bridge, in a namespace of its own
    bus, workers ------------+

Each machine has an address; its cable can be pulled and put back. Root's work: `needs_namespaces` says so.
"""

import os
import subprocess
from types import TracebackType
from typing import Self

import pytest

from tests.programs import needs_program

NETWORK = "198.18"
"For tests of networks only (RFC 2544), so nobody routes it."

PREFIX = 24
"Bits of a network: some two hundred machines."


def needs_namespaces() -> None:
    """Skip where there are none; but they have to be there where root runs everything (CUPS_REQUIRE_PEERS)."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    needs_program("ip")
    name = f"cups-{os.getpid()}-probe"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
    elif os.environ.get("CUPS_REQUIRE_PEERS"):
        pytest.fail(f"no network namespaces, and this run has to have them: {tried.stderr.strip()}")
    else:
        pytest.skip(f"no network namespaces: {tried.stderr.strip()}")


class Machine:
    """One namespace with one address."""

    def __init__(self, network: "Network", number: int) -> None:
        self.address = network.address(number)
        self._network = network
        self._name = f"{network.name}-{number}"
        self._plug = f"{network.name}-{number}"
        "The end of its cable at the bridge."

    @property
    def inside(self) -> list[str]:
        """Words before those of a program that is to run here; it is the same process."""
        return ["ip", "netns", "exec", self._name]

    def build(self) -> None:
        """Make the namespace and its cable."""
        _ip("netns", "add", self._name)
        self._network.connect(self._plug, self._name, self.address)
        _ip("-n", self._name, "link", "set", "lo", "up")

    def pull(self) -> None:
        """Pull the cable: nothing goes in or out, and nobody is told so."""
        _ip("-n", self._network.name, "link", "set", self._plug, "down")

    def put_back(self) -> None:
        """Put the cable back."""
        _ip("-n", self._network.name, "link", "set", self._plug, "up")

    def remove(self) -> None:
        """Take the namespace away, when its programs have ended."""
        subprocess.run(["ip", "netns", "del", self._name], capture_output=True)


class Network:
    """A bridge, this process, and machines by name."""

    def __init__(self, *names: str) -> None:
        self.name = f"cups{os.getpid() % 100_000}"  # interfaces have fifteen characters
        self._third = os.getpid() % 256
        self.here = self.address(1)
        "The address of this process."
        self.machines = {name: Machine(self, number) for number, name in enumerate(names, 2)}

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def address(self, number: int) -> str:
        """The address with this number."""
        return f"{NETWORK}.{self._third}.{number}"

    def __enter__(self) -> Self:
        try:
            _ip("netns", "add", self.name)
            _ip("-n", self.name, "link", "add", "bridge", "type", "bridge")
            _ip("-n", self.name, "link", "set", "bridge", "up")
            self.connect(f"{self.name}-1", "", self.here)
            for machine in self.machines.values():
                machine.build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def connect(self, plug: str, machine: str, address: str) -> None:
        """A cable between the bridge and a namespace, or (none named) this one."""
        within = ["-n", machine] if machine else []
        link = "net0" if machine else self.name
        place = ["netns", machine] if machine else []
        _ip("link", "add", link, *place, "type", "veth", "peer", "name", plug, "netns", self.name)
        _ip("-n", self.name, "link", "set", plug, "master", "bridge", "up")
        _ip(*within, "address", "add", f"{address}/{PREFIX}", "dev", link)
        _ip(*within, "link", "set", link, "up")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for machine in self.machines.values():
            machine.remove()
        subprocess.run(["ip", "link", "del", self.name], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
