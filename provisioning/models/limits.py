"""Bounds of what may be asked for: expiry by method (REQUIREMENTS section 6, D-05), and what one peer may take."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from provisioning.choices import Method
from provisioning.fields import NetworkField
from provisioning.history.records import Records

LONGEST = 2_592_000
"Seconds, 30 days: state that is not refreshed for longer is not soft any more."

_SECONDS = [MinValueValidator(1), MaxValueValidator(LONGEST)]


class ExpirySetting(models.Model):
    """Smallest, usual and largest lifetime in seconds; a request above the largest gets the usual one."""

    method = models.CharField(max_length=16, choices=Method.choices, unique=True)
    minimum = models.PositiveIntegerField(validators=_SECONDS, help_text="Seconds; shorter requests are refused.")
    default = models.PositiveIntegerField(
        validators=_SECONDS, help_text="Seconds; for requests that name no lifetime, or one above the maximum."
    )
    maximum = models.PositiveIntegerField(validators=_SECONDS, help_text="Seconds.")
    history = Records()

    class Meta:
        ordering = ["method"]
        verbose_name = "expiry bounds"
        verbose_name_plural = "expiry bounds"
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum__gt=0) & Q(minimum__lte=F("default")) & Q(default__lte=F("maximum")),
                name="expiry_bounds_in_order",
                violation_error_message="Expected 0 < minimum <= default <= maximum.",
            )
        ]

    def __str__(self) -> str:
        return str(self.get_method_display())

    def clean(self) -> None:
        """The three values have an order."""
        values = (self.minimum, self.default, self.maximum)
        if None not in values and not 0 < self.minimum <= self.default <= self.maximum:
            raise ValidationError("Expected 0 < minimum <= default <= maximum.")


def _limit(default: int, most: int, help_text: str, *, least: int = 1) -> Any:
    return models.PositiveIntegerField(
        default=default, validators=[MinValueValidator(least), MaxValueValidator(most)], help_text=help_text
    )


class PeerLimits(models.Model):
    """What one address or one user may take of the edge before it is refused; one row, edited live."""

    connections = _limit(
        5_000, 20_000, "Connections of one address: a NAT in front of many users stays below, a flood does not."
    )
    half_open = _limit(
        1_000, 20_000,
        "Connections of one address on which a handshake or a message has begun and not ended: many after an outage.",
    )  # fmt: skip
    transactions = _limit(
        2_000, 200_000, "Requests of one address that are being handled: a proxy in front of thousands stays below."
    )
    wrong_of_user = _limit(
        30, 10_000, "Wrong passwords for one user from one address: a client with an old one tries 16 in a second."
    )
    wrong_of_address = _limit(300, 100_000, "Wrong passwords from one address for any users: many share a NAT.")
    first_block = _limit(
        30, 86_400, "Seconds for which credentials are then not looked at; each further time twice as long."
    )
    longest_block = _limit(
        900, 86_400, "Seconds at most: people who have corrected their password should not wait for hours."
    )
    publish_rate = _limit(
        600, 1_000_000, "PUBLISH requests of one user in a minute: several devices that change every second stay below."
    )
    message_rate = _limit(
        300, 1_000_000, "MESSAGE requests of one user in a minute: nobody types faster, typing notices included."
    )
    history = Records()

    class Meta:
        verbose_name = "limits of peers"
        verbose_name_plural = "limits of peers"

    def __str__(self) -> str:
        return "Limits of peers"

    def clean(self) -> None:
        """The first block is not the longest."""
        if None not in (self.first_block, self.longest_block) and self.first_block > self.longest_block:
            raise ValidationError({"longest_block": "The longest block is not shorter than the first."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """There is one row only."""
        self.pk = 1
        super().save(*args, **kwargs)


class LimitExemption(models.Model):
    """Addresses that the limits of peers do not concern: monitors, load generators, proxies in front of everybody."""

    network = NetworkField("IP address or network", unique=True)
    description = models.CharField(max_length=200, blank=True)
    history = Records()

    class Meta:
        ordering = ["network"]

    def __str__(self) -> str:
        return str(self.network)
