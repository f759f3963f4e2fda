"""Kamailio as a proxy before our engine role."""

from pathlib import Path
from typing import Any

from tests.interop.kamailio import Server
from tests.phone import PASSWORD


class Front(Server):
    """A proxy that passes what its clients want on to an engine at this port."""

    template = "kamailio_front.cfg"

    def __init__(self, folder: Path, engine: int, *, host: str, **options: Any) -> None:
        super().__init__(folder, host, **options)
        self._engine = engine

    def start(self) -> None:
        """Start."""
        values = {
            "ENGINE": str(self._engine),
            "TRANSPORT": "tls" if self.certificate is not None else "tcp",
            "PASSWORD": PASSWORD,
        }
        self._start(values)
