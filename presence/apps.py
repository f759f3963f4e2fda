"""The presence engine as a Django application."""

from django.apps import AppConfig


class PresenceConfig(AppConfig):
    """Publications and subscriptions: soft state, and the rules for it."""

    name = "presence"
    verbose_name = "Presence"

    def ready(self) -> None:
        from presence import models, rows, store

        store.register(rows.PUBLICATION, models.Publication, rows.PublicationRow)
        store.register(rows.SUBSCRIPTION, models.Subscription, rows.SubscriptionRow)
        store.register(rows.BACKEND, models.BackendSubscription, rows.BackendRow)
