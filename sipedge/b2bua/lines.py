"""The lines whose calls go through the SIP switching function, by device and by owner."""

from collections.abc import Iterable
from typing import NamedTuple

from cti.facts import SipLine
from sipedge.b2bua.phonelink import LinkAddress


class LineFacts(NamedTuple):
    """A line, as far as calls need to know."""

    device: str
    "As the call model spells it (`cti.csta.devices.canonical`)."
    persona_id: int
    "Its owner: the phones are where this user has registered."
    link: LinkAddress | None = None


class Lines:
    """All lines of the switch; of one owner's lines the first is the one that its calls are made from."""

    def __init__(self, lines: Iterable[LineFacts] = ()) -> None:
        self.by_device: dict[str, LineFacts] = {}
        self.by_persona: dict[int, LineFacts] = {}
        for line in lines:
            self.by_device.setdefault(line.device, line)
            self.by_persona.setdefault(line.persona_id, line)

    @classmethod
    def of(cls, rows: Iterable[SipLine]) -> "Lines":
        """The lines that an administrator has named."""
        return cls(LineFacts(row.device, row.owner, LinkAddress.parse(row.link)) for row in rows)

    def __len__(self) -> int:
        return len(self.by_device)
