"""The ordered rules that turn components of state into reachability (D-23)."""

from django.core.exceptions import ValidationError
from django.db import models

from provisioning.choices import Condition, State
from provisioning.history.records import Records


class ReachabilityRule(models.Model):
    """A condition and the state that it results in; the first rule that applies decides."""

    position = models.PositiveSmallIntegerField(unique=True, help_text="Rules are tried in this order.")
    condition = models.CharField(max_length=24, choices=Condition.choices)
    state = models.CharField(max_length=16, choices=State.choices)
    history = Records()

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_condition_display()}: {self.get_state_display()}"

    def clean(self) -> None:
        """Only a manual override states something itself."""
        if self.state == State.AS_STATED and self.condition != Condition.MANUAL_OVERRIDE:
            raise ValidationError({"state": "Only a manual override states a state of its own."})
