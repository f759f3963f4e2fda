"""What an administrator says about telephony: lines, application users, and the settings of the gateway (D-36)."""

from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from cti.csta.devices import MAX_DEVICE, BadDevice, canonical
from cti.csta.features import MayCall
from provisioning.fields import AorField, CanonicalField
from provisioning.history.records import Part, Records
from provisioning.models import Alias, Domain, Persona


def device(text: str) -> str:
    """The canonical form of a device; raises ValidationError."""
    try:
        return canonical(text)
    except BadDevice as error:
        raise ValidationError(f"“{text}” is not a number, tel URI or SIP URI: {error}", code="invalid") from None


class DeviceField(CanonicalField):
    """A number or address in the form in which lines are compared."""

    description = "Device identifier"
    canonical = staticmethod(device)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", MAX_DEVICE)
        super().__init__(*args, **kwargs)


class SwitchKind(models.TextChoices):
    """What a line is connected to."""

    SIMULATED = "simulated", "Simulated switch"
    SIP = "sip", "SIP"


class CallRight(models.TextChoices):
    """Whom a line may call, forward to, and bring into its calls."""

    ANYONE = MayCall.ANYONE.value, "Anyone"
    OURS = MayCall.OURS.value, "Lines and users of this system"
    NOBODY = MayCall.NOBODY.value, "Nobody"


class Line(models.Model):
    """A line that programs may monitor and control: those of its owner, and application users."""

    uri = DeviceField(
        "line",
        unique=True,
        help_text="Number, tel URI or SIP URI; 2001 and tel:2001;phone-context=dialstring are the same.",
    )
    owner = models.ForeignKey(
        Persona,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="lines",
        help_text="Who may monitor and control it; application users only, when it has none.",
    )
    switch = models.CharField(max_length=16, choices=SwitchKind.choices, default=SwitchKind.SIMULATED)
    device = models.CharField("device name", max_length=64, blank=True, help_text="The phone, as SEP0002FD3BB5C5.")
    control_link = models.CharField(
        "control link",
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"^([^\s:]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$", "Expected host:port.")],
        help_text="host:port at which the SIP phone can be told to answer (baresip's ctrl_tcp), if it has one.",
    )
    may_call = models.CharField(
        "may call",
        max_length=8,
        choices=CallRight.choices,
        default=CallRight.ANYONE,
        help_text="Whom it may call, forward to, and bring into its calls.",
    )
    takes_calls = models.BooleanField(
        "takes calls", default=True, help_text="Off for what can only call, as a door phone."
    )
    history = Records()

    class Meta:
        ordering = ["uri"]

    def __str__(self) -> str:
        return str(self.uri)


class ApplicationUser(models.Model):
    """A program that logs in by itself, for other people's lines."""

    name = models.CharField(
        max_length=64, unique=True, validators=[RegexValidator(r"^[\w.+-]+$", "Letters, digits and . _ + - only.")]
    )
    password_hash = models.CharField(max_length=200, blank=True, editable=False)
    controls_all = models.BooleanField("controls every line", default=False)
    lines = models.ManyToManyField(
        Line, blank=True, related_name="application_users", help_text="Where it does not control every line."
    )
    history = Records(parts=(Part("lines"),), secrets={"password": ("password_hash",)})

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)

    def set_password(self, password: str) -> None:
        """Keep a hash of it."""
        self.password_hash = make_password(password)

    def check_password(self, password: str) -> bool:
        """It is this one; never without one."""
        return bool(self.password_hash) and check_password(password, self.password_hash)


class CtiSettings(models.Model):
    """How the gateway treats its clients and its switch; one row, edited live."""

    session_timer = models.PositiveIntegerField(
        default=1810,
        validators=[MinValueValidator(1810), MaxValueValidator(2000)],
        help_text="Seconds that a client's session lasts without being renewed.",
    )
    heartbeat = models.PositiveIntegerField(
        default=8,
        validators=[MinValueValidator(5), MaxValueValidator(20)],
        help_text="Seconds between two looks at the switching function.",
    )
    dnd_is_presence = models.BooleanField(
        "Do Not Disturb is shown",
        default=True,
        help_text="Whether a line's Do Not Disturb shows as the owner's presence.",
    )
    gateway_uri = AorField(
        "gateway address",
        blank=True,
        default="",
        help_text="SIP address that clients open their sessions with, in a domain of ours; empty: none.",
    )
    history = Records()

    class Meta:
        verbose_name = "CTI settings"
        verbose_name_plural = "CTI settings"

    def __str__(self) -> str:
        return "CTI settings"

    def clean(self) -> None:
        """The gateway's address has to lead here, and to nobody else."""
        if not self.gateway_uri:
            return
        if Alias.objects.filter(uri=self.gateway_uri).exists():
            raise ValidationError({"gateway_uri": f"{self.gateway_uri} is the address of a user."})
        if not Domain.objects.filter(name=self.gateway_uri.host).exists():
            raise ValidationError({"gateway_uri": f"{self.gateway_uri.host} is not a domain of ours."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """There is one row only."""
        self.pk = 1
        super().save(*args, **kwargs)
