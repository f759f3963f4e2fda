"""Kamailio in front of several edges, by the configuration that is in deploy/."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.interop.kamailio import Server
from tests.system import ROOT

CONFIGURATION = ROOT / "deploy" / "kamailio" / "kamailio.cfg"

EDGE_PATIENCE = 15_000
"Milliseconds: an edge on a busy machine is slow, and not dead."

WRONG_PASSWORDS = 3
"Few, so that a test has soon given them."


class Balancer(Server):
    """The proxy of deploy/kamailio with other addresses, before these edges."""

    module = "dispatcher"
    sign_of_life = 200

    def __init__(self, folder: Path, edges: Sequence[tuple[str, int]], *, transport: str, **options: Any) -> None:
        """`transport`: over which it speaks to the edges."""
        super().__init__(folder, **options)
        self._edges = edges
        self._transport = transport

    def start(self) -> None:
        """Start."""
        self._start({"FRONT_HOST": self.host, "FRONT_PORT": str(self.port)})

    @property
    def _probed(self) -> str:
        return f"sip:{self.host}:{self.port}"

    def _configuration(self, values: dict[str, str]) -> str:
        """The addresses and the edges, as an administrator changes them; more patience, and a log for the tests."""
        edges = self._folder / "dispatcher.list"
        edges.write_text(
            "".join(f"1 sip:{host}:{port};transport={self._transport} 0 0\n" for host, port in self._edges)
        )
        text = CONFIGURATION.read_text().replace("log_stderror=no", "log_stderror=yes")
        changed = {
            "FRONT_HOST": values["FRONT_HOST"],
            "FRONT_PORT": values["FRONT_PORT"],
            "MODULE_PATH": values["MODULES"],
            "EDGE_LIST": str(edges),
            "EDGE_PATIENCE": str(EDGE_PATIENCE),
            "WRONG_PASSWORDS": str(WRONG_PASSWORDS),
        }
        for name, value in changed.items():
            text, number = re.subn(f'(?m)^#!substdef "!{name}!.*!g"$', f'#!substdef "!{name}!{value}!g"', text)
            assert number == 1, f"{name} in {CONFIGURATION}"
        return text
