"""The SIP edge as a Django application."""

from django.apps import AppConfig


class SipedgeConfig(AppConfig):
    """Registrations, and the process that speaks SIP."""

    name = "sipedge"
    verbose_name = "SIP edge"

    def ready(self) -> None:
        from presence import store
        from sipedge import models, rows

        store.register(rows.BINDING, models.Binding, rows.BindingRow)
        store.register(rows.MESSAGE, models.StoredMessage, rows.MessageRow)
        store.register(rows.LOGGED, models.LoggedMessage, rows.LoggedRow)
        store.register(rows.INBOX, models.MessengerMessage, rows.InboxRow)
