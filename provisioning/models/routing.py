"""Where requests go that are not served here: static routes, method and event routes, which domains may be called.

Priorities run the other way than those of sources: the lower one is tried first (D-25).
"""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from provisioning.choices import HopTransport, PatternKind, RouteMatch
from provisioning.fields import DomainNameField
from provisioning.history.records import Records
from provisioning.patterns import HOST, BadPattern, compiled

_RANK = [MinValueValidator(1), MaxValueValidator(65535)]
_PORT = [MinValueValidator(1), MaxValueValidator(65535)]


class NextHop(models.Model):
    """A server that requests are passed on to."""

    next_hop = DomainNameField("next hop", blank=True, help_text="Host name or IP address.")
    port = models.PositiveIntegerField(
        null=True, blank=True, validators=_PORT, help_text="Empty: as the name server says, else the usual one."
    )
    transport = models.CharField(
        max_length=8, choices=HopTransport.choices, default=HopTransport.ANY, blank=True,
        help_text="Empty: as the name server says, else UDP.",
    )  # fmt: skip

    class Meta:
        abstract = True


class StaticRoute(NextHop):
    """A next hop for requests to some domains or numbers; goes before what name servers say."""

    kind = models.CharField(max_length=8, choices=PatternKind.choices, default=PatternKind.DOMAIN)
    pattern = models.CharField(
        max_length=255, help_text="Domain: * for any part. Number: . for any one character, * at the end for the rest."
    )
    priority = models.PositiveIntegerField(
        default=1, validators=_RANK, help_text="Among routes of one pattern the lowest is tried first."
    )
    weight = models.PositiveIntegerField(
        default=1, validators=_RANK, help_text="Among equal priorities the highest is tried first."
    )
    less_specific = models.BooleanField(
        "allow less specific",
        default=True,
        help_text="If all routes of this pattern fail, routes of wider ones follow.",
    )
    in_service = models.BooleanField(default=True, help_text="Off: parked, without being deleted.")
    description = models.CharField(max_length=200, blank=True)
    history = Records()

    class Meta:
        ordering = ["kind", "pattern", "priority", "-weight", "next_hop"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "pattern", "next_hop", "port", "transport"], name="one_static_route_a_hop",
                nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.pattern} to {self.next_hop}"

    def clean(self) -> None:
        """A pattern that can be read, and somewhere to go."""
        if not self.next_hop:
            raise ValidationError({"next_hop": "A route leads somewhere."})
        self.pattern = self.pattern.strip().lower() if self.kind == PatternKind.DOMAIN else self.pattern.strip()
        _readable(self.kind, self.pattern)


class MethodRoute(NextHop):
    """Requests of a method, or of an event package, for users of ours that another server answers."""

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=RouteMatch.choices, default=RouteMatch.METHOD)
    token = models.CharField(max_length=64, help_text="A method such as INVITE, or an event package such as presence.")
    description = models.CharField(max_length=200, blank=True)
    history = Records()

    class Meta:
        ordering = ["name"]
        verbose_name = "method or event route"
        constraints = [models.UniqueConstraint(fields=["kind", "token"], name="one_method_route_a_token")]

    def __str__(self) -> str:
        return f"{self.token} to {self.next_hop or 'this server'}"

    def clean(self) -> None:
        """Methods are written in capitals, event packages compare as they are."""
        self.token = self.token.strip()
        if self.kind == RouteMatch.METHOD:
            self.token = self.token.upper()
            if self.token in ("REGISTER", "ACK", "CANCEL", "NOTIFY"):
                raise ValidationError({"token": f"{self.token} follows its own rules and is not routed."})
        if not self.token or not self.token.replace("-", "").replace(".", "").replace("_", "").isalnum():
            raise ValidationError({"token": "A method or an event package is one word."})


class OutboundRule(models.Model):
    """Whether users of ours may reach some domains; the most specific pattern decides, without any all may be."""

    pattern = models.CharField(max_length=255, unique=True, help_text="A domain; * for any part of it, or for all.")
    allow = models.BooleanField(default=True)
    description = models.CharField(max_length=200, blank=True)
    history = Records()

    class Meta:
        ordering = ["pattern"]
        verbose_name = "outbound rule"

    def __str__(self) -> str:
        return f"{self.pattern}: {'allowed' if self.allow else 'refused'}"

    def clean(self) -> None:
        """One spelling, one that can be read."""
        self.pattern = self.pattern.strip().lower()
        _readable(HOST, self.pattern)


def _readable(kind: str, pattern: str) -> None:
    try:
        compiled(kind, pattern)
    except BadPattern as error:
        raise ValidationError({"pattern": f"“{pattern}”: {error}."}) from None
