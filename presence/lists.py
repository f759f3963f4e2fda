"""Which presentities a list leads to (RFC 4662, RFC 5367): provisioned or sent along, lists in lists included."""

from collections.abc import Iterable

from presence.engine.errors import MalformedDocument
from presence.engine.resource_lists import parse
from provisioning.policy import ListFacts, Policy
from provisioning.uri import Aor, BadUri

MAX_MEMBERS = 500
"Members of one list subscription: each costs memory and a part of the first notification."

MAX_NAMED = 16_000
"Characters of all addresses together: the first notification names every member, and has to fit into one message."

MAX_DEPTH = 5
"Levels of lists in lists that are followed."


def may_subscribe(found: ListFacts, watcher: Aor, policy: Policy) -> bool:
    """A list with an owner is for its owner only."""
    persona = policy.resolve(watcher)
    return found.owner is None or (persona is not None and persona.id == found.owner)


def members_of(policy: Policy, uris: Iterable[Aor], watcher: Aor) -> list[Aor]:
    """The members of a list in order, each once; a list among them stands for its own members.

    A list that contains itself, by whatever way, is followed once; one that the watcher may not subscribe to stays a
    member that leads nowhere. What is deeper than MAX_DEPTH, or beyond MAX_MEMBERS or MAX_NAMED, is left out.
    """
    found: dict[Aor, None] = {}
    seen: set[Aor] = set()
    named = [0]

    def follow(uris: Iterable[Aor], depth: int) -> None:
        for uri in uris:
            if len(found) >= MAX_MEMBERS or named[0] > MAX_NAMED:
                return
            inner = policy.lists.get(uri)
            if inner is None or not may_subscribe(inner, watcher, policy):
                if uri not in found:
                    named[0] += len(uri)
                    found[uri] = None
            elif uri not in seen and depth < MAX_DEPTH:
                seen.add(uri)
                follow(inner.members, depth + 1)

    follow(uris, 0)
    return list(found)


def sent_along(body: bytes) -> list[Aor]:
    """The addresses of a list that came with a SUBSCRIBE (RFC 5367); raises a domain error.

    Entries that are no SIP address can never have a state, so they are refused rather than shown as unknown.
    """
    uris = [uri for one in parse(body) for uri in one.uris()]
    if not uris:
        raise MalformedDocument("a list without entries")
    try:
        return list(dict.fromkeys(Aor.parse(uri.partition("?")[0]) for uri in uris))
    except BadUri as error:
        raise MalformedDocument(f"an entry is not a SIP address: {error}") from None
