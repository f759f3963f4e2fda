"""From what an explanation names to the administrator's page of it."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from django.db import models
from django.urls import reverse
from django.utils.http import urlencode

from presence.engine.explain import Ref
from presence.models import BackendSubscription, Publication, Subscription
from provisioning.models import (
    DeviceType,
    EngineSettings,
    ForeignMapping,
    ForeignServer,
    Persona,
    PrivacyList,
    ReachabilityRule,
    ResourceList,
    SourcePriority,
    UriAcl,
    UserAgentCapability,
    WatcherFilter,
)

_ROWS: dict[str, tuple[tuple[type[models.Model], ...], tuple[str, ...]]] = {
    "users": ((Persona,), ("pk",)),
    "uri-acls": ((UriAcl,), ("presentity_id",)),
    "privacy-lists": ((PrivacyList,), ("owner_id", "kind", "name")),
    "watcher-filters": ((WatcherFilter,), ("domain", "client_type", "client_version")),
    "sources": ((SourcePriority,), ("value",)),
    "capabilities": ((UserAgentCapability,), ("client_type", "client_version")),
    "device-types": ((DeviceType,), ("match", "value")),
    "reachability-rules": ((ReachabilityRule,), ("condition",)),
    "settings": ((EngineSettings,), ("pk",)),
    "foreign-servers": ((ForeignServer,), ("pk",)),
    "mappings": ((ForeignMapping,), ("persona_id", "foreign")),
    "lists": ((ResourceList,), ("uri",)),
    "subscriptions": ((Subscription,), ("pk",)),
    "components": ((Publication, BackendSubscription), ("pk",)),
}
"Kind of reference -> tables where it may stand, and the columns that its key is made of."


class Viewer(Protocol):
    """Who looks."""

    def has_perm(self, perm: str) -> bool: ...


class Link(NamedTuple):
    """A reference as people follow it."""

    kind: str
    name: str
    url: str
    "Empty where the viewer may not look."


def links(refs: Iterable[Ref], viewer: Viewer) -> list[Link]:
    """Those that there are; rows that are gone are left out."""
    return [link for ref in refs if (link := _link(ref, viewer)) is not None]


def explain_url(watcher: str, presentity: str, user_agent: str) -> str:
    """The page that explains what one of them sees of the other."""
    query = urlencode({"watcher": watcher, "presentity": presentity, "user_agent": user_agent})
    return f"{reverse('admin:presence_explain')}?{query}"


def _link(ref: Ref, viewer: Viewer) -> Link | None:
    if ref.kind == "explain":
        watcher, uri, user_agent = map(str, ref.key)
        return Link(ref.kind, f"why {uri}", explain_url(watcher, uri, user_agent))
    tables, columns = _ROWS[ref.kind]
    wanted: dict[str, Any] = dict(zip(columns, ref.key, strict=True))
    for table in tables:
        row = table._default_manager.filter(**wanted).select_related().first()
        if row is not None:
            return Link(ref.kind, f"{row._meta.verbose_name}: {row}", _url(row, viewer))
    return None


def _url(row: models.Model, viewer: Viewer) -> str:
    label, name = row._meta.app_label, row._meta.model_name
    if not any(viewer.has_perm(f"{label}.{right}_{name}") for right in ("view", "change")):
        return ""
    return reverse(f"admin:{label}_{name}_change", args=[row.pk])
