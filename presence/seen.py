"""What a watcher is shown, as JSON: a SIP watcher's document in words, and nothing beside it (DESIGN section 6, D-24).

What a presentity does not show is in no document, so it cannot be here. A watcher who may not see an address and one
who asks for an address that is nobody's are told the same, in the same words.
"""

import json
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from presence.access import Judgement, Target, sight
from presence.engine import reading
from presence.engine.authorization import Effect
from presence.engine.components import Component
from presence.engine.composition import PLACEHOLDER_ID
from presence.engine.errors import DomainError
from presence.engine.explain import deciding
from presence.engine.filtering import View
from presence.presentity import Presentity
from presence.rows import LIST
from provisioning.policy import Policy
from provisioning.uri import Aor

ACTIVE = "active"
PENDING = "pending"
ENDED = "ended"


class Seen(NamedTuple):
    """One watcher's knowledge of one presentity; shared by all who see the same."""

    etag: str
    "Equal for equal content; the time of a change does not count."
    text: str
    "JSON."

    def fields(self) -> dict[str, Any]:
        """As an object."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def may_see(policy: Policy, uri: Aor, watcher: Aor, user_agent: str) -> tuple[Target, Judgement] | None:
    """What an address leads to, and the view of it; None when the watcher may not see it or there is nothing."""
    found = sight(policy, uri, watcher, user_agent)
    if found is None or found[0].kind == LIST or found[1].effect is Effect.BLOCK:
        return None
    return found


def nothing(uri: Aor) -> Seen:
    """There is nothing here for this watcher, or nothing any more."""
    return _seen({"aor": uri, "subscription": ENDED}, ENDED)


def subscription_of(judgement: Judgement) -> str:
    """`active`, or `pending` until the presentity has decided."""
    return PENDING if judgement.effect is Effect.CONFIRM else ACTIVE


def seen(
    held: Presentity, uri: Aor, view: View, subscription: str, policy: Policy, now: datetime, watcher: Aor
) -> Seen:
    """What a watcher with this view sees of a presentity, asked for by `uri`."""
    sources = held.sources_for(watcher, "")
    rendered = held.document(uri, view, policy, now, sources)
    try:
        shown = reading.read(rendered.body)
    except DomainError:  # many devices together can say more than is read (D-39); the state is the news
        shown = reading.Shown(rendered.state, (), "", ())
    decided = None
    state = shown.state
    if not view.mask:  # the document says the eighth state as Busy (D-24)
        state = rendered.state
        decided = deciding(held.composed(policy, now, sources))
        if decided is not None and not _shows(view, decided):
            decided = None  # when a hidden device did something is hidden too
    return _seen(
        {
            "aor": uri,
            "subscription": subscription,
            "state": state.value,
            "label": state.label,
            "since": decided.updated_at.isoformat() if decided is not None else None,
            "activities": list(shown.activities),
            "note": shown.note,
            "devices": [
                {
                    "id": one.id,
                    "open": one.open,
                    "audio": one.audio,
                    "video": one.video,
                    "text": one.text,
                    "idle": one.idle,
                    "contact": one.contact,
                }
                for one in shown.devices
                if one.id != PLACEHOLDER_ID
            ],
        },
        subscription,
        state.value,
        rendered.digest,
    )


def _shows(view: View, component: Component) -> bool:
    """Something of the component is in the document (D-28)."""
    if view.unfiltered or not component.devices:
        return True
    return any(view.keeps(device.capabilities, component.device_type) for device in component.devices)


def _seen(fields: dict[str, Any], *said: str) -> Seen:
    etag = blake2b("\x01".join(said).encode(), digest_size=8).hexdigest()
    return Seen(etag, json.dumps({**fields, "etag": etag}, ensure_ascii=False, separators=(",", ":")))
