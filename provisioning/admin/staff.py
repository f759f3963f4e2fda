"""Accounts of the admin and of REST, and their groups: the four roles, and whatever else an administrator makes."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from provisioning.roles import ROLES

admin.site.unregister([User, Group])

OURS = [role.name for role in ROLES]
"Groups that are kept as they are."


class WithRights(ModelAdmin):
    """Choices with names as long as those of rights fit into the page."""

    class Media:
        css = {"all": ["provisioning/staff.css"]}


@admin.register(User)
class UserAdmin(DjangoUserAdmin, WithRights):
    """Accounts; nobody gives away rights that only superusers have."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_staff", "is_superuser", "is_active", "roles", "last_login"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With their groups."""
        found: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return found

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        """By name."""
        return ", ".join(group.name for group in user.groups.all())

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes another one, or gives single rights."""
        found = super().get_readonly_fields(request, obj)
        return found if _is_super(request) else (*found, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A superuser is changed by superusers only, password included."""
        protected = obj is not None and obj.is_superuser and not _is_super(request)
        return bool(super().has_change_permission(request, obj)) and not protected

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The same."""
        protected = obj is not None and obj.is_superuser and not _is_super(request)
        return bool(super().has_delete_permission(request, obj)) and not protected

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """In bulk as well."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        if not _is_super(request):
            protected = [*protected, *(str(one) for one in objs if one.is_superuser)]
        return found, counts, missing, protected


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, WithRights):
    """Groups; the roles of the product are as they are (`provisioning.roles`)."""

    list_display = ["name", "purpose"]

    @admin.display(description="Purpose")
    def purpose(self, group: Group) -> str:
        """Of a role."""
        return next((role.purpose for role in ROLES if role.name == group.name), "")

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Only superusers make groups of rights: whoever else could would have all rights."""
        kept = obj is not None and obj.name in OURS
        return _is_super(request) and not kept

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only superusers."""
        return _is_super(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Only superusers, and no role."""
        return _is_super(request) and not (obj is not None and obj.name in OURS)


def _is_super(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)
