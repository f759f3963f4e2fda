"""Addresses: where the edge listens, and who is believed there (R-SEC-03 to R-SEC-07, D-14, D-21, D-22)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from provisioning.choices import AccessKind, Role, Transport
from provisioning.fields import NetworkField, domain_name, network


class Listener(models.Model):
    """An address that edges listen on, and its role."""

    transport = models.CharField(max_length=8, choices=Transport.choices)
    host = models.GenericIPAddressField(help_text="0.0.0.0 or :: for all addresses.")
    port = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(65535)])
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.PROXY)
    authentication = models.BooleanField(
        default=True, help_text="Challenge clients by digest (proxy role). Off: From is believed."
    )
    advertised = models.CharField(
        max_length=255, blank=True, help_text="host or host:port told to peers, where it differs from the address."
    )

    class Meta:
        ordering = ["transport", "host", "port"]
        constraints = [models.UniqueConstraint(fields=["transport", "host", "port"], name="one_listener_an_address")]

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port} ({self.role})"


class TrustedPeer(models.Model):
    """Who may speak to an engine listener, and whose identity headers count there."""

    network = NetworkField("IP address or network", unique=True)
    description = models.CharField(max_length=200, blank=True)
    automatic = models.BooleanField(
        default=False, editable=False, help_text="Follows from other provisioning; not edited by hand (D-22)."
    )

    class Meta:
        ordering = ["network"]

    def __str__(self) -> str:
        return str(self.network)


class AccessListEntry(models.Model):
    """Who is not challenged at a proxy listener; the engine's trusted peers have no meaning there (D-22)."""

    kind = models.CharField(max_length=8, choices=AccessKind.choices, default=AccessKind.ADDRESS)
    value = models.CharField(max_length=255)
    asserts_identity = models.BooleanField(
        default=False, help_text="Its P-Asserted-Identity and Remote-Party-ID are believed; otherwise only From is."
    )

    class Meta:
        ordering = ["kind", "value"]
        verbose_name_plural = "access list"
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="one_access_entry_a_value")]

    def __str__(self) -> str:
        return str(self.value)

    def clean(self) -> None:
        """One spelling only, as the kind has it."""
        canonical = network if self.kind == AccessKind.ADDRESS else domain_name
        try:
            self.value = canonical(self.value)
        except ValidationError as error:
            raise ValidationError({"value": error}) from None
