"""Tokens of the REST API with a purpose: what they open, from where, and until when; and answers that are kept."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import constant_time_compare

from provisioning.fields import ChoiceListField, network

PREFIX = "cups_"
"How tokens begin, so that one that leaked into a repository or a log is found and known for what it is."

MOST_NETWORKS = 20
"Networks of one token: they are looked at with every request."


class Scope(models.TextChoices):
    """What a token opens, as far as its account may do it."""

    READ = "read", "Read"
    PROVISIONING = "provisioning", "Change users, rules, servers"
    PRESENCE = "presence", "Publish state, send messages, decide about watchers"
    TELEPHONY = "telephony", "Change lines, press their buttons, end sessions"
    TRACE = "trace", "Read what people write, and the signalling trace"
    TOKENS = "tokens", "See, make and revoke tokens"


class ApiToken(models.Model):
    """A token of an account; only a hash of it is kept, so it is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens", verbose_name="account",
        help_text="Whose rights it has, at most.",
    )  # fmt: skip
    name = models.CharField(max_length=100, help_text="Which program has it: the wall board in the lobby.")
    scopes = ChoiceListField(
        choices=Scope.choices, blank=False, help_text="What it opens; never more than its account may do."
    )
    networks = models.CharField(
        max_length=1000, blank=True, help_text="IP addresses and networks, separated by commas; empty: from anywhere."
    )
    expires_at = models.DateTimeField("valid until", null=True, blank=True, help_text="Empty: until it is deleted.")
    key = models.CharField(max_length=16, unique=True, editable=False)
    "The part of the token that may be seen."
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField("made", auto_now_add=True)
    last_used_at = models.DateTimeField("last used", null=True, editable=False)

    class Meta:
        ordering = ["user__username", "name", "id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({PREFIX}{self.key})"

    def clean(self) -> None:
        """Something that it opens, and networks in one spelling."""
        if not self.scopes:
            raise ValidationError({"scopes": "A token opens something."})
        texts = [text for text in self.networks.replace(",", " ").split() if text]
        if len(texts) > MOST_NETWORKS:
            raise ValidationError({"networks": f"{MOST_NETWORKS} networks at most."})
        try:
            self.networks = ", ".join(dict.fromkeys(network(text) for text in texts))
        except ValidationError as error:
            raise ValidationError({"networks": error}) from None

    def generate(self) -> str:
        """Make the token anew; what it returns is nowhere else."""
        self.key = secrets.token_hex(4)
        whole = f"{PREFIX}{self.key}_{secrets.token_urlsafe(32)}"
        self.digest = _digest(whole)
        return whole

    def is_whole(self, text: str) -> bool:
        """This is the token."""
        return constant_time_compare(_digest(text), self.digest)

    def is_valid(self, now: datetime) -> bool:
        """It has not run out."""
        return self.expires_at is None or self.expires_at > now

    def opens_from(self, address: str) -> bool:
        """Whether it counts from this IP address."""
        if not self.networks:
            return True
        try:
            there = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        there = getattr(there, "ipv4_mapped", None) or there
        return any(there in ip_network(text) for text in self.networks.split(", "))


def _digest(text: str) -> str:
    """A plain hash is enough for 256 random bits, and costs nothing with each request."""
    return sha256(text.encode()).hexdigest()


KEPT_FOR = timedelta(hours=24)
"How long the answer to a request with an Idempotency-Key is given again: over a night with a broken line."


class KeptAnswer(models.Model):
    """What a request with an Idempotency-Key was answered, to be answered the same again (`provisioning.answers`)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    "Of the request, keyed: passwords stand in bodies."
    status = models.PositiveSmallIntegerField(null=True)
    "Null while the request is being answered."
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    "Null for what is too large, or too secret, to be kept."
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return f"to {self.key} of {self.user_id}"
