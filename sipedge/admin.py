"""The page of registered contacts, read only."""

from django.contrib import admin

from presence.admin import ReadOnly
from sipedge.models import Binding


@admin.register(Binding)
class BindingAdmin(ReadOnly):
    """Registered contacts."""

    list_display = ["persona", "contact", "q", "user_agent", "flow", "edge", "expires_at"]
    list_select_related = ["persona"]
    search_fields = ["persona__aor", "contact", "user_agent"]
