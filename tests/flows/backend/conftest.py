"""One deployment, and the foreign servers that it is provisioned with."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.flows.backend.scenes import CAST, CISCO, MORE, SCENES
from tests.foreign import Foreign
from tests.services import valkey
from tests.system import Deployment, deployed


@pytest.fixture(scope="package")
def servers() -> Iterator[dict[str, Foreign]]:
    """A foreign server for each scene."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Foreign()) for name in SCENES}


@pytest.fixture(scope="package")
def deployment(servers: dict[str, Foreign]) -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        lines = ["foreign_servers:"]
        for name, (_, options) in SCENES.items():
            more = f", {options}" if options else ""
            lines.append(f'  - {{name: {name}, address: "127.0.0.1:{servers[name].port}"{more}}}')
        lines.append("mappings:")
        for name, (remote, _) in SCENES.items():
            if remote:
                lines.append(f'  - {{user: "{name}@{CISCO}", foreign: "{remote}", server: {name}, priority: 3}}')
        found.apply(CAST + MORE + "\n".join(lines) + "\n")
        found.start_edge()
        found.start_worker()
        yield found
        assert "Traceback" not in found.logs()
