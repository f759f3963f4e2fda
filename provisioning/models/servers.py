"""Addresses: where the edge listens, who is believed there, and servers elsewhere (R-SEC-03 to R-SEC-07, R-BCK)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from provisioning.choices import AccessKind, ClientCertificates, ForeignTransport, Role, Transport
from provisioning.fields import (
    AorField,
    DomainNameField,
    NetworkField,
    ServerAddressField,
    domain_name,
    network,
    server_address,
)
from provisioning.history.records import Part, Records
from provisioning.models.people import Domain, Persona


class Listener(models.Model):
    """An address that edges listen on, and its role."""

    transport = models.CharField(max_length=8, choices=Transport.choices)
    host = models.GenericIPAddressField(help_text="0.0.0.0 or :: for all addresses.")
    port = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(65535)])
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.PROXY)
    authentication = models.BooleanField(
        default=True, help_text="Challenge clients by digest (proxy role). Off: From is believed."
    )
    client_certificates = models.CharField(
        max_length=8,
        choices=ClientCertificates.choices,
        default=ClientCertificates.OPTIONAL,
        help_text="TLS only. A peer is told from others by the names in its certificate.",
    )
    advertised = models.CharField(
        max_length=255, blank=True, help_text="host or host:port told to peers, where it differs from the address."
    )
    history = Records(parts=(Part("advertisements", ("network", "address"), key=("network",)),))

    class Meta:
        ordering = ["transport", "host", "port"]
        constraints = [models.UniqueConstraint(fields=["transport", "host", "port"], name="one_listener_an_address")]

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port} ({self.role})"


class AdvertisedAddress(models.Model):
    """What a listener is called by peers of one network, as inside and outside of a NAT."""

    listener = models.ForeignKey(Listener, on_delete=models.CASCADE, related_name="advertisements")
    network = NetworkField("peers in", help_text="IP address or network; the narrowest one counts.")
    address = models.CharField(max_length=255, help_text="host or host:port that these peers are told.")

    class Meta:
        ordering = ["listener", "network"]
        verbose_name_plural = "advertised addresses"
        constraints = [models.UniqueConstraint(fields=["listener", "network"], name="one_advertised_address_a_network")]

    def __str__(self) -> str:
        return f"{self.address} for {self.network}"

    def clean(self) -> None:
        """A host, with a port where it has one."""
        try:
            self.address = server_address(self.address)
        except ValidationError as error:
            raise ValidationError({"address": error}) from None


class TrustedPeer(models.Model):
    """Who may speak to an engine listener, and whose identity headers count there."""

    network = NetworkField("IP address or network", unique=True, null=True, blank=True)
    tls_name = models.CharField(
        "TLS name",
        max_length=255,
        unique=True,
        null=True,
        blank=True,
        help_text="Instead of an address: a domain in its certificate's subject alternative name (DNS or SIP URI).",
    )
    description = models.CharField(max_length=200, blank=True)
    automatic = models.BooleanField(
        default=False, editable=False, help_text="Follows from other provisioning; not edited by hand."
    )
    history = Records()

    class Meta:
        ordering = ["network", "tls_name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(network__isnull=True) ^ Q(tls_name__isnull=True),
                name="a_trusted_peer_has_an_address_or_a_name",
                violation_error_message="Either an address, or a TLS name.",
            )
        ]

    def __str__(self) -> str:
        return str(self.network or self.tls_name)

    def clean(self) -> None:
        """One of both, in one spelling."""
        self.network, self.tls_name = self.network or None, self.tls_name or None
        if bool(self.network) == bool(self.tls_name):
            raise ValidationError("Either an address, or a TLS name.")
        if self.tls_name:
            try:
                self.tls_name = domain_name(self.tls_name)
            except ValidationError as error:
                raise ValidationError({"tls_name": error}) from None


class AccessListEntry(models.Model):
    """Who is not challenged at a proxy listener; the engine's trusted peers have no meaning there (D-22)."""

    kind = models.CharField(max_length=8, choices=AccessKind.choices, default=AccessKind.ADDRESS)
    value = models.CharField(max_length=255)
    asserts_identity = models.BooleanField(
        default=False, help_text="Its P-Asserted-Identity and Remote-Party-ID are believed; otherwise only From is."
    )
    history = Records()

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


class ForeignServer(models.Model):
    """A presence server elsewhere that holds state of ours, or of a whole domain (R-BCK-01, R-AOR-07, D-30)."""

    name = models.CharField(max_length=64, unique=True)
    address = ServerAddressField(help_text="IP address or host name; without :port as the name server says, else 5060.")
    transport = models.CharField(max_length=8, choices=ForeignTransport.choices, default=ForeignTransport.UDP)
    domain = DomainNameField(blank=True, help_text="All presentities of this domain are there: they need no mapping.")
    expires = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(60), MaxValueValidator(2_592_000)],
        help_text="Seconds that subscriptions there ask for; empty: the default of all back-end subscriptions.",
    )
    shared_identity = models.BooleanField(
        default=False,
        help_text="One subscription serves all watchers, in our own name. Off: each watcher is named to the server.",
    )
    identity = AorField(
        "own identity", blank=True, default="", help_text="With shared identity; empty: presence@ our first domain."
    )
    call_manager = models.BooleanField(default=False, help_text="A CallManager node.")
    enabled = models.BooleanField(default=True)
    history = Records()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain"], condition=~Q(domain=""), name="one_foreign_server_a_domain",
                violation_error_message="Another foreign server covers this domain.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.name)

    def clean(self) -> None:
        """A domain is served here or there."""
        if self.domain and Domain.objects.filter(name=self.domain).exists():
            raise ValidationError({"domain": f"{self.domain} is a domain of ours; map single users of it instead."})


class ForeignMapping(models.Model):
    """A user's state, or a part of it, is that of a presentity at a foreign server (R-BCK-04, R-BCK-05)."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="mappings", verbose_name="user")
    foreign = AorField("foreign presentity")
    server = models.ForeignKey(ForeignServer, on_delete=models.CASCADE, related_name="mappings")
    priority = models.IntegerField(
        default=0, help_text="Of this component of state, unless its source says otherwise; the larger wins."
    )
    history = Records()

    class Meta:
        ordering = ["persona__aor", "-priority", "foreign"]
        constraints = [models.UniqueConstraint(fields=["persona", "foreign"], name="one_mapping_a_foreign_presentity")]

    def __str__(self) -> str:
        return f"{self.persona} is {self.foreign} at {self.server}"
