"""Which live subscriptions a change of provisioning can touch: never too few of them, so that nobody is forgotten."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from django.db.models import Model, Q

from presence.lists import MAX_DEPTH
from presence.rows import LIST
from provisioning.models import (
    Alias,
    DeviceType,
    EngineSettings,
    Persona,
    PrivacyList,
    ReachabilityRule,
    ResourceList,
    ResourceListMember,
    SourcePriority,
    UriAcl,
    UserAgentCapability,
    WatcherFilter,
)

SEARCHED = 50
"Addresses that are searched for in lists that came with a SUBSCRIBE; where there are more, all such lists are meant."

NOBODY: Final = Q(pk__in=[])
EVERYBODY: Final = ~NOBODY
"No empty Q: that would vanish beside another one."


def concern(model: type[Model], ids: Collection[Any]) -> Q:
    """The subscriptions that these rows have to do with, as they stand in the database now."""
    return _OF[model](ids) if ids else NOBODY


def _watched(persona_ids: Collection[int]) -> Q:
    """Whoever watches these users, alone or in a list."""
    addresses = list(Alias.objects.filter(persona_id__in=persona_ids).order_by().values_list("uri", flat=True))
    named = _lists_with(addresses)
    found = Q(persona_id__in=persona_ids) | Q(uri__in=addresses) | Q(kind=LIST, uri__in=named)
    if len(addresses) > SEARCHED:
        return found | (Q(kind=LIST) & ~Q(members=""))
    for address in addresses:
        found |= Q(kind=LIST, members__contains=address)
    return found


def _lists_with(addresses: Collection[str]) -> set[str]:
    """Lists that have one of these addresses among their members, or a list that has."""
    found: set[str] = set()
    wanted = set(addresses)
    for _ in range(MAX_DEPTH):
        rows = ResourceListMember.objects.filter(uri__in=wanted).order_by().values_list("list__uri", flat=True)
        wanted = set(rows) - found
        if not wanted:
            break
        found |= wanted
    return found


def _of_users(ids: Collection[Any]) -> Q:
    """As watched ones, as watchers, and as owners of lists."""
    addresses = list(Alias.objects.filter(persona_id__in=ids).order_by().values_list("uri", flat=True))
    lists = list(ResourceList.objects.filter(owner_id__in=ids).order_by().values_list("uri", flat=True))
    return _watched(ids) | Q(watcher__in=addresses) | Q(kind=LIST, uri__in=lists)


def _of_acls(ids: Collection[Any]) -> Q:
    return _watched(list(UriAcl.objects.filter(pk__in=ids).order_by().values_list("presentity_id", flat=True)))


def _of_privacy_lists(ids: Collection[Any]) -> Q:
    return _watched(list(PrivacyList.objects.filter(pk__in=ids).order_by().values_list("owner_id", flat=True)))


def _of_filters(ids: Collection[Any]) -> Q:
    """Watchers of a domain, or with a client whose name has the type in it (the engine compares exactly)."""
    found = NOBODY
    for domain, client in WatcherFilter.objects.filter(pk__in=ids).order_by().values_list("domain", "client_type"):
        found |= Q(watcher__endswith=f"@{domain}") if domain else Q(user_agent__icontains=client)
    return found


def _of_all(ids: Collection[Any]) -> Q:
    return EVERYBODY


_OF: Final[Mapping[type[Model], Callable[[Collection[Any]], Q]]] = {
    UriAcl: _of_acls,
    PrivacyList: _of_privacy_lists,
    WatcherFilter: _of_filters,
    SourcePriority: _of_all,
    ReachabilityRule: _of_all,
    UserAgentCapability: _of_all,
    DeviceType: _of_all,
    EngineSettings: _of_all,
    Persona: _of_users,
}

MODELS: Final = tuple(_OF)
"Tables whose changes can be previewed."
