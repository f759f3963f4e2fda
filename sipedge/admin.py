"""The pages of registered contacts, logged messages and log-ins to the messenger; nobody edits them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator

from presence import acts
from presence.acts_pages import Acting, Button, selected, single
from presence.admin import ReadOnly
from provisioning.admin_pages import PAGES, Page
from sipedge.messagelog import AsText, searchable
from sipedge.messenger import sessions
from sipedge.models import Binding, LoggedMessage, MessengerSession
from sipedge.selftest.page import may_run, self_test
from sipedge.trace.pages import SignallingTraceAdmin

__all__ = ["BindingAdmin", "LoggedMessageAdmin", "MessengerSessionAdmin", "SignallingTraceAdmin"]

SHOWN = 80
"Characters of a message in the list; its own page has all of it."


END_BINDING = Button(
    "end", "End", acts.END_BINDING, "ended",
    "It is taken out of the registration: no calls and messages go there. A client that has the password may register "
    "again.",
)  # fmt: skip

PAGES.append(Page("sipedge", "selftest", "Self-test", may_run, self_test))


@admin.register(Binding)
class BindingAdmin(Acting, ReadOnly):
    """Registered contacts."""

    actions = [selected(END_BINDING, "End the selected contacts")]
    actions_detail = ["end_one"]
    end_one = single(END_BINDING)
    list_display = ["persona", "contact", "q", "user_agent", "flow", "edge", "expires_at"]
    list_select_related = ["persona"]
    search_fields = ["persona__aor", "contact", "user_agent"]


@admin.register(LoggedMessage)
class LoggedMessageAdmin(ReadOnly):
    """The message log, newest first."""

    list_display = ["created_at", "sender", "recipient", "beginning", "status"]
    search_fields = ["sender", "recipient", "words"]
    search_help_text = "Sender, recipient, or text of a message."
    list_filter = ["status", "edge"]
    date_hierarchy = "created_at"
    fields = ["created_at", "sender", "recipient", "persona", "message", "content_type", "call_id", "status", "edge"]
    readonly_fields = ["message"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoggedMessage]:
        """With the text in a form that can be searched."""
        found: QuerySet[LoggedMessage] = super().get_queryset(request).annotate(words=AsText("body"))
        return found

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[LoggedMessage], search_term: str) -> Any:
        """Addresses are ASCII, so that only texts are looked up in another form."""
        return super().get_search_results(request, queryset, searchable(search_term))

    @admin.display(description="Message")
    def beginning(self, message: LoggedMessage) -> str:
        """The first words."""
        return str(Truncator(message.text).chars(SHOWN))

    @admin.display(description="Message")
    def message(self, message: LoggedMessage) -> str:
        """All of it."""
        return format_html("<pre>{}</pre>", message.text)


@admin.register(MessengerSession)
class MessengerSessionAdmin(ReadOnly):
    """Who is logged in to the messenger, and from where; a log-in can be ended."""

    list_display = ["persona", "kind", "address", "user_agent", "edge", "created_at", "expires_at"]
    list_select_related = ["persona"]
    list_filter = ["kind", "edge"]
    search_fields = ["persona__aor", "persona__name", "address"]
    exclude = ["id"]
    actions = ["end"]

    @admin.action(description="End the selected log-ins", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[MessengerSession]) -> None:
        """As if the users had logged out."""
        found = list(queryset)
        for session in found:
            sessions.end(session)
        self.message_user(request, f"{len(found)} log-ins ended.", messages.SUCCESS)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete them."""
        return bool(request.user.has_perm("sipedge.delete_messengersession"))
