"""As whom an account acts on the doors for programs: WebSocket, REST, webhooks (DESIGN section 6)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from presence.engine.errors import NotAuthorised
from provisioning.policy import PersonaFacts, Policy
from provisioning.uri import Aor

Find = Callable[[Aor], PersonaFacts | None]
"Whom an address leads to."


class Account(NamedTuple):
    """A Django user, as far as it matters."""

    id: int
    sees_as_all: bool = False
    "It may look with anybody's eyes: staff who may view live state."
    acts_as_all: bool = False
    "It may publish and write as anybody as well: staff who may change users."

    @classmethod
    def of(cls, user: Any) -> "Account":
        """By the user's rights; they are read from the database."""
        acts = user.is_staff and user.has_perm("provisioning.change_persona")
        return cls(user.pk, acts or (user.is_staff and user.has_perm("presence.view_livestate")), acts)


class Identity(NamedTuple):
    """The eyes and the voice of a program."""

    watcher: Aor
    publishes_for: frozenset[int]
    "Users whose state it may publish."
    may_send: bool


def identify(account: Account, wanted: Aor | None, policy: Policy, find: Find) -> Identity:
    """Whom the account acts as; `wanted`: as whom it asks to. Raises NotAuthorised.

    An account with a binding is that identity and nobody else; staff without one name any, as far as they may.
    """
    bound = policy.integrators.get(account.id)
    if bound is None:
        if not account.sees_as_all:
            raise NotAuthorised("this account acts as nobody")
        if wanted is None:
            raise NotAuthorised("an administrator says as whom: ?as=user@domain")
        persona = find(wanted)
        own = frozenset({persona.id}) if persona is not None and account.acts_as_all else frozenset()
        found = Identity(wanted, own, account.acts_as_all)
    else:
        persona = find(bound.watcher)
        if wanted is not None and wanted not in (bound.watcher, *(persona.addresses if persona is not None else ())):
            raise NotAuthorised("this account acts as somebody else")
        found = Identity(*bound)
    if persona is not None and not persona.enabled:
        raise NotAuthorised("the user is disabled")
    return found


def may_publish(identity: Identity, persona: PersonaFacts | None) -> bool:
    """Nobody's state, and that of a disabled user, is not published."""
    return persona is not None and persona.enabled and persona.id in identity.publishes_for
