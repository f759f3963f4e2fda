"""The reachability of a persona: ordered rules over facts about its live components (D-23, D-24, section 5.3)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class Reachability(Enum):
    """The seven states of section 5.3 and the internal one of D-24; values are those of provisioning."""

    AVAILABLE = "available"
    BUSY = "busy"
    INTERRUPTIBLE = "interruptible"
    DND = "dnd"
    AWAY = "away"
    VACATION = "vacation"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        """The state as people call it."""
        return LABELS[self]


LABELS = {
    Reachability.AVAILABLE: "Available",
    Reachability.BUSY: "Busy",
    Reachability.INTERRUPTIBLE: "Interruptible But Busy",
    Reachability.DND: "Do Not Disturb",
    Reachability.AWAY: "Away",
    Reachability.VACATION: "On Vacation",
    Reachability.UNAVAILABLE: "Unavailable",
    Reachability.UNKNOWN: "Unknown",
}

AS_STATED = "as_stated"
"Result of a rule: the state that the strongest manual override states."


class RuleLike(Protocol):
    """A reachability rule: a condition by name, and the state that results."""

    @property
    def condition(self) -> str: ...
    @property
    def state(self) -> str: ...


class ReachabilityRule(NamedTuple):
    """The plain form of `RuleLike`."""

    condition: str
    state: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the conditions look at."""

    stated: Reachability | None = None
    "What the strongest manual override says of the person."
    live: bool = False
    "There is an unexpired component."
    ever_published: bool = False
    backend_missing: bool = False
    "A mapped back-end subscription is not active now."
    open: bool = False
    "Some component is open."
    busy: bool = False
    "Some open component is on the phone or busy."
    other_text: bool = False
    "Another open component offers text and is neither on the phone nor busy."


CONDITIONS: dict[str, Callable[[Facts], bool]] = {
    "manual_override": lambda facts: facts.stated is not None,
    "never_published": lambda facts: not facts.live and not facts.ever_published,
    "backend_missing": lambda facts: not facts.live and facts.backend_missing,
    "no_component": lambda facts: not facts.live,
    "none_open": lambda facts: facts.live and not facts.open,
    "busy_and_other_text": lambda facts: facts.busy and facts.other_text,
    "busy_only": lambda facts: facts.busy and not facts.other_text,
    "otherwise": lambda facts: True,
}
"The conditions that an operator can choose from."

INSTALLED: tuple[ReachabilityRule, ...] = (
    ReachabilityRule("manual_override", AS_STATED),
    ReachabilityRule("never_published", "unknown"),
    ReachabilityRule("backend_missing", "unknown"),
    ReachabilityRule("no_component", "unavailable"),
    ReachabilityRule("none_open", "unavailable"),
    ReachabilityRule("busy_and_other_text", "interruptible"),
    ReachabilityRule("busy_only", "busy"),
    ReachabilityRule("otherwise", "available"),
)
"The rules shipped at installation (D-23)."


def evaluate(rules: Sequence[RuleLike], facts: Facts) -> tuple[Reachability, RuleLike | None]:
    """The state and the first rule that matches; (Unknown, None) when the operator's rules leave a gap.

    A rule that results in the stated state is passed over when nothing is stated, and so is one whose condition or
    state this version does not know.
    """
    for rule in rules:
        condition = CONDITIONS.get(rule.condition)
        if condition is None or not condition(facts):
            continue
        if rule.state == AS_STATED:
            if facts.stated is not None:
                return facts.stated, rule
        elif rule.state in _BY_VALUE:
            return _BY_VALUE[rule.state], rule
    return Reachability.UNKNOWN, None


_BY_VALUE = {state.value: state for state in Reachability}
