"""What a watcher is shown of a composed state (section 1.3 steps 4 and 5, D-16, D-28).

A view is a hashable value: watchers with equal views share one rendered document. Privacy and watcher filters
decide which view a watcher has; several filters at once become one view that passes what all of them pass (D-18).
"""

from dataclasses import dataclass

from presence.engine.types import Capabilities

NONE = "none"
PHONE_ONLY = "phone_only"
IM_ONLY = "im_only"
VIDEO_ONLY = "video_only"
PERSON_ONLY = "person_only"


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at any presentity; `View()` is unfiltered."""

    kind: str = NONE

    @property
    def unfiltered(self) -> bool:
        return self.kind == NONE

    def keeps(self, capabilities: Capabilities) -> bool:
        """Whether a tuple with these classes of service is shown (R-PUB-16, R-PUB-18); an unknown kind shows none."""
        if self.kind == NONE:
            return True
        if self.kind == PHONE_ONLY:
            return capabilities.audio
        if self.kind == IM_ONLY:
            return capabilities.text
        return self.kind == VIDEO_ONLY and capabilities.video
