"""What a watcher is shown of a composed state (section 1.3 steps 4 and 5, D-16, D-18, D-28).

A view is a hashable value: watchers with equal views share one rendered document. Privacy and watcher filters
decide which view a watcher has; several filters together pass what each of them passes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from presence.engine.types import Capabilities

NONE = "none"
PHONE_ONLY = "phone_only"
IM_ONLY = "im_only"
VIDEO_ONLY = "video_only"
PERSON_ONLY = "person_only"

OTHER_DEVICE = "other"
"The type of a device of which the provisioned table says nothing (D-16)."

POLITE = "polite"
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at any presentity; `View()` is unfiltered."""

    filters: frozenset[str] = frozenset()
    "Kinds of filter, all in force at once (D-18)."
    hidden: frozenset[str] = frozenset()
    "Types of device that are not shown."
    mask: str = ""
    "POLITE: always Unavailable, nothing else; PENDING: always Unknown, nothing else; empty: the real state."

    @staticmethod
    def of(filters: Iterable[str] = (), hidden: frozenset[str] = frozenset()) -> "View":
        """The view through these filters; NONE is none. Equal views are one object: every watcher has one."""
        return _shared(frozenset(filters) - {NONE}, hidden)

    @property
    def unfiltered(self) -> bool:
        """Everything is shown."""
        return not (self.filters or self.hidden or self.mask)

    def keeps(self, capabilities: Capabilities, device: str) -> bool:
        """Whether a tuple of a device of this type with these classes of service is shown (R-PUB-16, R-PUB-18)."""
        return device not in self.hidden and all(_passes(kind, capabilities) for kind in self.filters)


@lru_cache(maxsize=4096)
def _shared(filters: frozenset[str], hidden: frozenset[str]) -> View:
    return View(filters, hidden)


def _passes(kind: str, capabilities: Capabilities) -> bool:
    """One filter; an unknown kind passes nothing."""
    if kind == PHONE_ONLY:
        return capabilities.audio
    if kind == IM_ONLY:
        return capabilities.text
    return kind == VIDEO_ONLY and capabilities.video
