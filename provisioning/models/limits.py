"""Expiry bounds of each method (REQUIREMENTS section 6, D-05)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from provisioning.choices import Method

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
