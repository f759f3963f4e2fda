"""What the IP Phone Messenger goes by (R-IM-01, R-IM-02): one row of settings, and texts that are sent often."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from provisioning.history.records import Records
from provisioning.models.people import Persona


def _number(default: int, least: int, most: int, help_text: str) -> Any:
    return models.PositiveIntegerField(
        default=default, validators=[MinValueValidator(least), MaxValueValidator(most)], help_text=help_text
    )


class MessengerSettings(models.Model):
    """Operator settings of the messenger; one row, edited live."""

    enabled = models.BooleanField(default=True, help_text="Whether users can sign in to the messenger.")
    subscription_duration = _number(
        3600, 60, 86_400, "Seconds for which a buddy is subscribed to; refreshed while the user is logged in."
    )
    grace = _number(60, 5, 3600, "Seconds after which a browser that went away without logging out is logged out.")
    contacts = _number(100, 1, 1000, "Buddies of one user at most.")
    messages = _number(200, 10, 5000, "Messages kept in one log-in at most; the oldest go.")
    refresh_interval = _number(30, 7, 3600, "Seconds between two refreshes of a page on a phone.")
    session_timer = _number(480, 1, 9999, "Minutes after which a phone that is not used is logged out.")
    history = Records()

    class Meta:
        verbose_name = "messenger settings"
        verbose_name_plural = "messenger settings"

    def __str__(self) -> str:
        return "Messenger settings"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """There is one row only."""
        self.pk = 1
        super().save(*args, **kwargs)


class CannedMessage(models.Model):
    """A text that is chosen instead of typed: of the system, or of one user."""

    owner = models.ForeignKey(
        Persona, on_delete=models.CASCADE, null=True, blank=True, related_name="canned_messages",
        help_text="Empty: offered to everybody.",
    )  # fmt: skip
    text = models.CharField(max_length=255)
    position = models.PositiveIntegerField(default=0, help_text="They are offered in this order.")
    history = Records()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return str(self.text)

    def clean(self) -> None:
        """Something to say."""
        self.text = " ".join(self.text.split())
        if not self.text:
            raise ValidationError({"text": "A message has a text."})
