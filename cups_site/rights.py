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
    """Staff, by the rights to the table of a resource, as in the admin; what is done to one row is a change of it.

    The table is that of the view's `queryset`, also where the view shows something else than its rows. `rights` of a
    view says what a method needs where that is not the usual right.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this account may do this."""
        if not request.user or not request.user.is_staff:
            return False
        if getattr(view, "_ignore_model_permissions", False):  # the list of all resources
            return True
        method = request.method or ""
        usual = "change" if method == "POST" and view.detail else RIGHTS.get(method, "change")
        right = getattr(view, "rights", {}).get(method, usual)
        table = view.queryset.model._meta
        enough = ("view", "change") if right == "view" else (right,)  # who may change something may see it
        return any(request.user.has_perm(f"{table.app_label}.{one}_{table.model_name}") for one in enough)
