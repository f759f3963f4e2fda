"""Pages for live state: every user's composed state, and why; edges; soft state as rows, which can be ended."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from presence import (  # noqa: F401  (some are pages that register themselves)
    acts,
    draining,
    live,
    preview_pages,
    timeline_page,
    webhooks,
)
from presence.acts_pages import REASONS, Acting, Button, selected, single
from presence.engine.explain import explain
from presence.explain_page import may_explain
from presence.models import BackendSubscription, EdgeLease, LiveState, Publication, Subscription, WebhookDelivery
from presence.references import explain_url
from provisioning import asking, snapshot
from provisioning.admin.base import Record, UsersSearch
from provisioning.policy import PersonaFacts
from provisioning.snapshot import parts, users

PAGE_REFRESH = 3
"Seconds between two looks of an open page."


END_PUBLICATION = Button(
    "end", "End", acts.END_PUBLICATION, "ended",
    "It is removed as if it had run out, and watchers hear at once. A client that goes on publishes anew when it would "
    "refresh.",
)  # fmt: skip
END_SUBSCRIPTION = Button(
    "end", "End", acts.END_SUBSCRIPTION, "ended",
    "The watcher gets a last notification that says why. A watcher who may see the state can subscribe again.",
    REASONS,
)  # fmt: skip
RESEND = Button(
    "resend",
    "Send again",
    acts.RESEND,
    "sent the state again",
    "The watcher is sent the whole state, whatever it knows.",
)
REFRESH_BACKEND = Button(
    "refresh",
    "Refresh",
    acts.REFRESH_BACKEND,
    "refreshed",
    "The foreign server is asked now, also where it was given up.",
)
END_BACKEND = Button(
    "end", "End", acts.END_BACKEND, "ended",
    "The foreign server is told that it has ended, and its state is forgotten. While somebody here still watches, a "
    "new subscription is made at once.",
)  # fmt: skip


class ReadOnly(Record):
    """Soft state belongs to clients and edges."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(LiveState)
class LiveStateAdmin(UsersSearch, ReadOnly):
    """Users with their composed state; a click shows how it came about."""

    list_display = ["aor_link", "name", "state", "devices"]
    list_display_links = None
    search_fields = ["aor", "name", "aliases__uri"]
    list_per_page = 25
    ordering = ["aor"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The policy, and the states of all users of the page, are read once."""
        found = super().get_changelist_instance(request)
        policy = snapshot.refresh(snapshot.load_rules(), [parts.MAPPINGS])
        facts = [PersonaFacts(one.pk, one.aor, one.name, one.enabled) for one in found.result_list]
        by_key = {one.persona.id: one for one in live.states(facts, policy, timezone.now())}
        for row in found.result_list:
            row.live = by_key.get(row.pk)
        return found

    def get_urls(self) -> list[Any]:
        """With the page of one user."""
        own = [
            path("<int:persona_id>/live/", self.admin_site.admin_view(self.live_view), name="presence_livestate_detail")
        ]
        return own + super().get_urls()

    @admin.display(description="Address of record", ordering="aor")
    def aor_link(self, persona: LiveState) -> str:
        """To the user's page."""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:presence_livestate_detail", args=[persona.pk]), persona.aor
        )

    @admin.display(description="State")
    def state(self, persona: LiveState) -> str:
        """In words, the eighth state under its own name (D-24)."""
        found: live.Live | None = persona.live  # type: ignore[attr-defined]
        return found.composed.state.label if found is not None else ""

    @admin.display(description="Devices")
    def devices(self, persona: LiveState) -> int:
        """Tuples in the composed document."""
        found: live.Live | None = persona.live  # type: ignore[attr-defined]
        return len(found.composed.tuples) if found is not None else 0

    def live_view(self, request: HttpRequest, persona_id: int) -> HttpResponse:
        """One user: state, components, subscriptions, bindings."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        current = snapshot.load_rules([persona_id])
        facts = users.find_by_id(persona_id)
        now = timezone.now()
        states = live.states([facts], current, now) if facts is not None else []
        if facts is None or not states:
            raise Http404
        one = states[0]
        bindings = LiveState.objects.get(pk=persona_id).bindings.filter(expires_at__gt=now).order_by("-q")
        context = {
            **self.admin_site.each_context(request),
            "title": facts.aor,
            "opts": self.model._meta,
            "live": one,
            "components": [(component, live.classes(component)) for component in one.composed.components],
            "steps": explain(one.composed, now=now, rules=current.rules),
            "watchers": [
                (row, explain_url(row.watcher, row.uri, row.user_agent)) for row in live.watchers(one, current, now)
            ],
            "backends": list(one.presentity.backends.values()),
            "bindings": bindings,
            "document": one.document(current, now).decode(),
            "refresh": PAGE_REFRESH,
            "now": now,
        }
        return render(request, "admin/presence/live.html", context)


@admin.register(Publication)
class PublicationAdmin(Acting, ReadOnly):
    """Published documents."""

    actions = [selected(END_PUBLICATION, "End the selected publications")]
    actions_detail = ["end_one"]
    end_one = single(END_PUBLICATION)
    list_display = ["persona", "publisher", "user_agent", "door", "changed_at", "expires_at"]
    list_select_related = ["persona"]
    search_fields = ["persona__aor", "publisher", "user_agent"]
    list_filter = ["door"]
    exclude = ["body"]
    readonly_fields = ["document"]

    @admin.display(description="Document")
    def document(self, publication: Publication) -> str:
        """As it was published."""
        return format_html("<pre>{}</pre>", bytes(publication.body).decode("utf-8", "replace"))


@admin.register(Subscription)
class SubscriptionAdmin(Acting, ReadOnly):
    """Watchers."""

    actions = [
        selected(RESEND, "Send the state to the selected watchers again"),
        selected(END_SUBSCRIPTION, "End the selected subscriptions"),
    ]
    actions_detail = ["resend_one", "end_one"]
    resend_one, end_one = single(RESEND), single(END_SUBSCRIPTION)
    list_display = ["watcher", "uri", "kind", "state", "user_agent", "edge", "created_at", "expires_at"]
    search_fields = ["uri", "watcher"]
    list_filter = ["kind", "state", "edge"]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """With a way to the explanation for those who may see one."""
        return [*self.list_display, "why"] if may_explain(request) else self.list_display

    @admin.display(description="Explain")
    def why(self, row: Subscription) -> str:
        """What this watcher sees, and why."""
        return format_html('<a href="{}">why?</a>', explain_url(row.watcher, row.uri, row.user_agent))


@admin.register(BackendSubscription)
class BackendSubscriptionAdmin(Acting, ReadOnly):
    """Subscriptions at foreign servers."""

    actions = [
        selected(REFRESH_BACKEND, "Refresh the selected subscriptions"),
        selected(END_BACKEND, "End the selected subscriptions"),
    ]
    actions_detail = ["refresh_one", "end_one"]
    refresh_one, end_one = single(REFRESH_BACKEND), single(END_BACKEND)
    list_display = ["local", "foreign", "server", "watcher", "state", "reason", "failures", "refresh_at", "expires_at"]
    list_select_related = ["server"]
    search_fields = ["local", "foreign", "watcher"]
    list_filter = ["state", "server", "shared"]
    exclude = ["body"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly):
    """What webhooks know, and what could not be delivered; with “send again”."""

    list_display = ["uri", "webhook", "state", "number", "attempts", "status", "error", "next_at", "changed_at"]
    list_select_related = ["webhook"]
    search_fields = ["uri", "webhook__name", "error"]
    list_filter = ["state", "webhook"]
    actions = ["send_again"]

    @admin.action(description="Send again")
    def send_again(self, request: HttpRequest, rows: QuerySet[WebhookDelivery]) -> None:
        """As if they were new."""
        count = webhooks.send_again(rows)
        self.message_user(request, f"{count} will be sent again.")


@admin.register(EdgeLease)
class EdgeLeaseAdmin(ReadOnly):
    """Edge processes, with what each says about itself: one page for all."""

    def get_urls(self) -> list[Any]:
        """With what drains an edge."""
        view = self.admin_site.admin_view(self.drain_view)
        return [path("<str:edge>/drain/", view, name="presence_edgelease_drain"), *super().get_urls()]

    def drain_view(self, request: HttpRequest, edge: str) -> HttpResponse:
        """Take an edge out of service; the page then shows how far it is."""
        if not request.user.has_perm("presence.change_edgelease"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not EdgeLease.objects.filter(edge=edge).exists():
            raise Http404
        try:
            draining.progress(edge, restart="restart" in request.POST)
        except asking.NoAnswer as error:
            self.message_user(request, f"Nothing is known to have begun: {error}.", messages.ERROR)
        except asking.Refused as refused:
            self.message_user(request, f"{edge} has refused: {refused.reason}.", messages.ERROR)
        else:
            self.message_user(request, f"{edge} is being drained.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:presence_edgelease_changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Connections, requests, refusals, TLS errors, listeners and certificates of every edge."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "title": "Edges",
            "opts": self.model._meta,
            "may_drain": request.user.has_perm("presence.change_edgelease"),
            "edges": [(lease, lease.state(now), lease.report) for lease in EdgeLease.objects.all()],
            "refresh": PAGE_REFRESH,
        }
        return render(request, "admin/presence/edges.html", context)
