"""What the presence engine adds to the REST API."""

from rest_framework.routers import BaseRouter

from presence.api import explain, lists, preview, soft_state, timeline, views


def register(router: BaseRouter) -> None:
    """Add the resources of this package."""
    router.register("presence", views.PresenceViewSet, basename="presence")
    router.register("explain", explain.ExplainViewSet, basename="explain")
    router.register("preview", preview.PreviewViewSet, basename="preview")
    router.register("timeline", timeline.TimelineViewSet, basename="timeline")
    router.register("resource-lists", lists.ResourceListsViewSet, basename="resource-lists")
    router.register("publications", soft_state.PublicationViewSet)
    router.register("subscriptions", soft_state.SubscriptionViewSet)
    router.register("backend-subscriptions", soft_state.BackendSubscriptionViewSet)
    router.register("edges", views.EdgeViewSet)
    router.register("webhook-deliveries", views.WebhookDeliveryViewSet)
