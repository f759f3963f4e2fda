"""May this watcher see this presentity? The one function that every door asks (DESIGN section 6, D-15).

Access lists and privacy lists will decide before the default does; `Effect` already has their three answers.
"""

from dataclasses import dataclass
from enum import Enum


class Effect(Enum):
    """What becomes of a subscription."""

    ALLOW = "allow"
    BLOCK = "block"
    "Refused (403)."
    POLITE_BLOCK = "polite_block"
    "Accepted, but the watcher only ever sees Unavailable."


@dataclass(frozen=True, slots=True)
class Decision:
    """An effect and its reason in one sentence."""

    effect: Effect
    why: str


_SELF = Decision(Effect.ALLOW, "The presentity may always see its own state.")
_OPEN = Decision(Effect.ALLOW, "No list is defined and everyone is allowed by default.")
_SHUT = Decision(Effect.BLOCK, "No list is defined and nobody is allowed by default.")


def authorize(*, watcher_persona: int | None, presentity_persona: int, allow_by_default: bool) -> Decision:
    """Decide about one watcher; `watcher_persona` is None for somebody who is not a user of ours."""
    if watcher_persona is not None and watcher_persona == presentity_persona:
        return _SELF
    return _OPEN if allow_by_default else _SHUT
