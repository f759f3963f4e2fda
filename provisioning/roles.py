"""The four roles that staff can be given: groups of rights to tables, which count in the admin and by REST alike.

They are kept as they stand here: whoever wants other ones makes a group of its own. Superusers may do everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

OURS: Final = ("provisioning", "presence", "cti", "sipedge")
"Applications whose tables roles are about."

PRIVATE: Final = ("loggedmessage", "messengermessage", "storedmessage", "signallingtrace", "timelineentry")
"What people have written to each other, and who with whom: not for everybody who helps."

ACCOUNTS: Final = ("apitoken",)
"Who comes in by REST: as accounts of staff, for administrators."

SUPPORTED: Final = ("persona", "alias", "privacylist", "privacylistmember", "resourcelist", "resourcelistmember")
"What the help desk puts right for a user, password and PIN included; users are made and taken away by operators."


LIVE: Final = ("publication", "subscription", "backendsubscription", "binding")
"What clients and edges keep alive. Nobody edits it: to change it is to end it, to send it again, to refresh it."


@dataclass(frozen=True, slots=True)
class Role:
    """Rights under a name."""

    name: str
    purpose: str
    rights: Callable[[], Q]
    "Which of all permissions."


def _of(*labels: str) -> Q:
    return Q(content_type__app_label__in=labels)


def _reading(*labels: str) -> Q:
    return _of(*labels) & Q(codename__startswith="view_")


def _tables(*names: str) -> Q:
    return Q(content_type__app_label__in=OURS, content_type__model__in=names)


def _help_desk() -> Q:
    edited = _tables(*SUPPORTED) & ~Q(codename__in=["add_persona", "delete_persona"])
    acted_on = _tables(*LIVE) & Q(codename__startswith="change_")
    seen = _reading(*OURS) & ~_tables(*PRIVATE, *ACCOUNTS)
    return seen | edited | acted_on | Q(codename="delete_messengersession")


ROLES: Final = (
    Role("Administrator", "Everything, and who else may do what.", lambda: _of(*OURS, "auth", "authtoken")),
    Role("Operator", "Everything but accounts of staff.", lambda: _of(*OURS) & ~_tables(*ACCOUNTS)),
    Role("Help desk", "Sees provisioning and live state, puts users right, ends log-ins and live objects.", _help_desk),
    Role("Auditor", "Sees everything, changes nothing.", lambda: _reading(*OURS, "auth")),
)


def install(sender: Any, using: str = "default", **_: Any) -> None:
    """After the last application is migrated: the groups have their rights, those of new tables too."""
    if sender.label != list(apps.get_app_configs())[-1].label:
        return
    for role in ROLES:
        group, _made = Group.objects.using(using).get_or_create(name=role.name)
        group.permissions.set(Permission.objects.using(using).filter(role.rights()))
