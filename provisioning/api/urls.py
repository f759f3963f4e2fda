"""What provisioning adds to the REST API."""

from rest_framework.routers import BaseRouter

from provisioning.api import directories, tokens, views


def register(router: BaseRouter) -> None:
    """Add the resources of this package."""
    router.register("domains", views.DomainViewSet)
    router.register("users", views.PersonaViewSet)
    router.register("aliases", views.AliasViewSet)
    router.register("expiry", views.ExpirySettingViewSet)
    router.register("sources", views.SourcePriorityViewSet)
    router.register("capabilities", views.UserAgentCapabilityViewSet)
    router.register("reachability-rules", views.ReachabilityRuleViewSet)
    router.register("listeners", views.ListenerViewSet)
    router.register("trusted-peers", views.TrustedPeerViewSet)
    router.register("access-list", views.AccessListEntryViewSet)
    router.register("uri-acls", views.UriAclViewSet)
    router.register("privacy-lists", views.PrivacyListViewSet)
    router.register("watcher-filters", views.WatcherFilterViewSet)
    router.register("device-types", views.DeviceTypeViewSet)
    router.register("lists", views.ResourceListViewSet)
    router.register("foreign-servers", views.ForeignServerViewSet)
    router.register("mappings", views.ForeignMappingViewSet)
    router.register("settings", views.EngineSettingsViewSet)
    router.register("static-routes", views.StaticRouteViewSet)
    router.register("method-routes", views.MethodRouteViewSet)
    router.register("outbound-rules", views.OutboundRuleViewSet)
    router.register("canned-messages", views.CannedMessageViewSet)
    router.register("messenger-settings", views.MessengerSettingsViewSet)
    router.register("limits", views.PeerLimitsViewSet)
    router.register("limit-exemptions", views.LimitExemptionViewSet)
    router.register("integrators", views.IntegratorViewSet)
    router.register("webhooks", views.WebhookViewSet)
    router.register("directories", directories.DirectoryViewSet)
    router.register("directory-runs", directories.DirectoryRunViewSet)
    router.register("tokens", tokens.ApiTokenViewSet)
