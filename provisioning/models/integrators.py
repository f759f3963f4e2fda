"""Programs that see and say presence without SIP: whose eyes they have, and where they are told (DESIGN section 6)."""

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from provisioning.fields import AorField
from provisioning.history.records import Part, Records
from provisioning.models.people import Alias, Persona
from provisioning.uri import Aor


class Acting(models.Model):
    """As whom a program sees presence: a user, or an address that is nobody's here."""

    persona = models.ForeignKey(
        Persona, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name="user",
        help_text="It sees what this user sees.",
    )  # fmt: skip
    watcher = AorField(
        "watcher", blank=True, default="",
        help_text="Instead of a user: an address of nobody here, for access and privacy lists to name.",
    )  # fmt: skip

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(persona__isnull=False, watcher="") | (Q(persona__isnull=True) & ~Q(watcher="")),
                name="one_identity_of_%(class)s",
                violation_error_message="Choose a user, or name a watcher.",
            )
        ]

    @property
    def identity(self) -> Aor:
        """The address that access lists, privacy lists and filters look at."""
        return self.persona.aor if self.persona is not None else Aor(self.watcher)

    def clean(self) -> None:
        """One identity, and a plain watcher is not somebody."""
        if (self.persona_id is None) == (not self.watcher):
            raise ValidationError("Choose a user, or name a watcher.")
        if self.watcher and Alias.objects.filter(uri=self.watcher).exists():
            raise ValidationError({"watcher": f"{self.watcher} is the address of a user; choose the user."})


class Integrator(Acting):
    """What the holder of an account may do on the doors for programs."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="integrator", verbose_name="account",
        help_text="Its tokens and sessions act as this identity.",
    )  # fmt: skip
    publish_own = models.BooleanField(
        "publishes its own state", default=False, help_text="That of the user it acts as."
    )
    publish_for = models.ManyToManyField(
        Persona, blank=True, related_name="+", verbose_name="publishes for",
        help_text="Users whose state it may publish, whatever their own publish policy says.",
    )  # fmt: skip
    may_send = models.BooleanField("sends messages", default=False)
    history = Records(parts=(Part("publish_for"),))

    class Meta(Acting.Meta):
        ordering = ["user__username"]

    def __str__(self) -> str:
        return str(self.user)


def new_secret() -> str:
    """A secret that nobody guesses."""
    return secrets.token_urlsafe(32)


class Webhook(Acting):
    """An address on the web that is told of changes, as far as its identity may see them."""

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(
        "URL", max_length=500, help_text="https, or http on this machine; redirections are not followed."
    )
    secret = models.CharField(
        max_length=128, default=new_secret, help_text="Signs what is sent (HMAC-SHA256); both sides know it."
    )
    enabled = models.BooleanField(default=True)
    history = Records(parts=(Part("targets", ("uri",), key=("uri",)),), secrets={"secret": ("secret",)})

    class Meta(Acting.Meta):
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)

    def clean(self) -> None:
        """A URL that may be told."""
        super().clean()
        problem = url_problem(self.url)
        if problem:
            raise ValidationError({"url": problem})
        if len(self.secret) < 16:
            raise ValidationError({"secret": "A secret has 16 characters at least."})


class WebhookTarget(models.Model):
    """A presentity or a list that a webhook is told about."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="targets")
    uri = AorField("URI", help_text="Of a user, a foreign presentity, or a list.")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "uri"], name="one_webhook_target_a_uri")]

    def __str__(self) -> str:
        return str(self.uri)


def url_problem(url: str) -> str:
    """Why a URL cannot be told, in a sentence; empty when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is no URL."
    if not host or parts.username is not None or not url.isascii() or not url.isprintable() or " " in url:
        return "This is no URL, or it has a password in it."
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return ""
    return "Only https, or http to 127.0.0.1 or ::1, may be told."


def is_loopback(host: str) -> bool:
    """An IP address of this machine that nobody else has; names can be anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
