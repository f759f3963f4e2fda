"""Who may use a resource of the REST API."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

RIGHTS = {
    "GET": "view", "HEAD": "view", "OPTIONS": "view", "POST": "add", "PUT": "change", "PATCH": "change",
    "DELETE": "delete",
}  # fmt: skip
"Method -> right to the table of a resource."


class ByTable(BasePermission):
    """Staff, by the rights to the table of a resource, as in the admin; what is done to one row is a change of it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this account may do this."""
        if not request.user or not request.user.is_staff:
            return False
        if getattr(view, "_ignore_model_permissions", False):  # the list of all resources
            return True
        right = "change" if request.method == "POST" and view.detail else RIGHTS.get(request.method or "", "change")
        table = view.queryset.model._meta
        return bool(request.user.has_perm(f"{table.app_label}.{right}_{table.model_name}"))
