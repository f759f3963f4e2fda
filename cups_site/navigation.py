"""The navigation of the admin: by what people come to do, whatever application a table or page belongs to.

A table or page that stands in no group here finds one by itself: that of its application, else the last one.
"""

from typing import Any, Final, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Group(NamedTuple):
    """Tables and pages that serve one task."""

    name: str
    "In addresses of a page and in tests."
    title: Any
    icon: str
    "Of Material Symbols, which come with unfold."
    members: tuple[str, ...]
    "Tables as `app.model` and pages as `app/name`, in their order."


GROUPS: Final = (
    Group(
        "people",
        _("People"),
        "group",
        (
            "provisioning.persona",
            "provisioning.alias",
            "provisioning.resourcelist",
            "provisioning.domain",
            "provisioning.import",
            "provisioning.directory",
            "provisioning.directoryuser",
            "provisioning.directoryrun",
        ),
    ),
    Group(
        "access",
        _("Who may see what"),
        "visibility_lock",
        ("provisioning.uriacl", "provisioning.privacylist", "provisioning.watcherfilter"),
    ),
    Group(
        "sources",
        _("Sources and rules"),
        "tune",
        (
            "provisioning.sourcepriority",
            "provisioning.useragentcapability",
            "provisioning.devicetype",
            "provisioning.reachabilityrule",
            "provisioning.expirysetting",
            "provisioning.enginesettings",
        ),
    ),
    Group(
        "servers",
        _("Servers and routing"),
        "dns",
        (
            "provisioning.listener",
            "provisioning.trustedpeer",
            "provisioning.accesslistentry",
            "provisioning.foreignserver",
            "provisioning.foreignmapping",
            "provisioning.staticroute",
            "provisioning.methodroute",
            "provisioning.outboundrule",
            "provisioning.peerlimits",
            "provisioning.limitexemption",
        ),
    ),
    Group("telephony", _("Telephony"), "call", ("cti.line", "cti.applicationuser", "cti.ctisettings")),
    Group(
        "messages",
        _("Messages"),
        "chat",
        (
            "sipedge.loggedmessage",
            "sipedge.messengersession",
            "provisioning.cannedmessage",
            "provisioning.messengersettings",
        ),
    ),
    Group(
        "live",
        _("Live state"),
        "sensors",
        (
            "presence.livestate",
            "sipedge.binding",
            "presence.publication",
            "presence.subscription",
            "presence.backendsubscription",
            "presence.edgelease",
        ),
    ),
    Group(
        "insight",
        _("Insight"),
        "troubleshoot",
        (
            "presence/explain",
            "presence.timelineentry",
            "provisioning/changes",
            "sipedge.signallingtrace",
            "sipedge/selftest",
            "cti/calls",
        ),
    ),
    Group(
        "integrators",
        _("Integrators"),
        "webhook",
        ("provisioning.integrator", "provisioning.webhook", "presence.webhookdelivery"),
    ),
    Group(
        "staff",
        _("Staff and tokens"),
        "badge",
        (
            "auth.user",
            "auth.group",
            "provisioning.apitoken",
            "authtoken.tokenproxy",
            "axes.accessattempt",
            "axes.accesslog",
            "axes.accessfailurelog",
        ),
    ),
    Group("more", _("More"), "more_horiz", ()),
)

BY_APPLICATION: Final = {
    "cti": "telephony",
    "presence": "live",
    "sipedge": "live",
    "auth": "staff",
    "authtoken": "staff",
    "axes": "staff",
}
"Where a table or page goes that no group names; those of other applications go to the last group."

TITLES: Final = {
    "auth.user": _("Staff accounts"),
    "auth.group": _("Roles"),
    "authtoken.tokenproxy": _("REST tokens"),
    "axes.accessattempt": _("Failed log-ins of staff"),
    "axes.accesslog": _("Log-ins of staff"),
    "axes.accessfailurelog": _("Log of failed log-ins"),
    "provisioning.enginesettings": _("Engine settings"),
    "provisioning.accesslistentry": _("Not challenged"),
    "sipedge.binding": _("Registered contacts"),
}
"What an entry is called where its table's own name says too little beside the others."

_PLACES: Final = {member: (group.name, at) for group in GROUPS for at, member in enumerate(group.members)}
_LAST: Final = 1000
"Behind the members that a group names; these are sorted by title."


def place(member: str, wished: str = "") -> tuple[str, int]:
    """Group and position of a table or page; `wished` is the group that it asks for itself."""
    if member in _PLACES:
        return _PLACES[member]
    if wished in {group.name for group in GROUPS}:
        return wished, _LAST
    return BY_APPLICATION.get(member.replace("/", ".").partition(".")[0], "more"), _LAST


def grouped(entries: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the account may see, `member -> entry` as in Django's list of applications, by task; no empty group."""
    by_group: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
    for member, entry in entries.items():
        title = str(TITLES.get(member) or gettext(capfirst(str(entry["name"]))))
        name, at = place(member, entry.get("group", ""))
        by_group.setdefault(name, []).append((at, title.lower(), {**entry, "name": title}))
    return [
        {
            "name": group.title,
            "app_label": group.name,
            "app_url": f"{reverse('admin:index')}#{group.name}",
            "has_module_perms": True,
            "icon": group.icon,
            "models": [entry for _at, _title, entry in sorted(by_group[group.name], key=lambda one: one[:2])],
        }
        for group in GROUPS
        if group.name in by_group
    ]


def search(text: str, groups: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Title, group and address of what has these letters in its title; everything of a group that has them."""
    wanted = text.strip().lower()
    if not wanted:
        return []
    return [
        (str(entry["name"]), str(group["name"]), str(entry["admin_url"]))
        for group in groups
        for entry in group["models"]
        if wanted in str(entry["name"]).lower() or wanted in str(group["name"]).lower()
    ]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The same for unfold's sidebar; nothing at all to whom nothing is shown."""
    groups = [
        {
            "title": group["name"],
            "icon": group["icon"],
            "items": [{"title": entry["name"], "link": entry["admin_url"]} for entry in group["models"]],
        }
        for group in admin.site.get_app_list(request)
    ]
    if not groups:
        return []
    first = {"title": _("First page"), "link": reverse("admin:index")}
    return [{"title": _("Overview"), "icon": "home", "items": [first]}, *groups]
