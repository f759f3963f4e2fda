"""The switches of the engine and the proxy: one row."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from provisioning.history.records import Records


def nonce_key() -> bytes:
    """A new key for digest nonces."""
    return secrets.token_bytes(32)


class EngineSettings(models.Model):
    """Operator settings that concern everybody; edited live."""

    allow_by_default = models.BooleanField(
        "watchers are allowed by default",
        default=True,
        help_text="For users without an access list: everyone who passed authentication may subscribe.",
    )
    legacy_dialects = models.BooleanField(
        "accept legacy dialects", default=True, help_text="Misspelt namespaces and media types of older clients."
    )
    legacy_digest = models.BooleanField(
        "legacy digest", default=True, help_text="Digest without qop, as libpurple and Pidgin send it."
    )
    digest_sha256 = models.BooleanField("digest with SHA-256", default=True)
    digest_md5 = models.BooleanField("digest with MD5", default=True, help_text="Most clients know only this one.")
    list_interval = models.PositiveIntegerField(
        "list interval",
        default=1000,
        validators=[MaxValueValidator(60_000)],
        help_text="Milliseconds between two notifications of one list subscription; changes in between go together.",
    )
    relay_message_reports = models.BooleanField(
        "relay message reports", default=True, help_text="Typing notices and delivery reports between clients."
    )
    message_limit = models.PositiveIntegerField(
        "message limit",
        default=8000,
        validators=[MinValueValidator(1), MaxValueValidator(60_000)],
        help_text="Bytes of an instant message; longer ones are refused.",
    )
    offline_limit = models.PositiveIntegerField(
        "kept messages",
        default=100,
        validators=[MaxValueValidator(10_000)],
        help_text="Messages that are kept for a user who is not registered; further ones are refused.",
    )
    offline_lifetime = models.PositiveIntegerField(
        "kept for",
        default=604_800,
        validators=[MinValueValidator(60), MaxValueValidator(31_536_000)],
        help_text="Seconds for which messages are kept.",
    )
    message_log = models.BooleanField(
        "log messages", default=False, help_text="Write down every instant message that passes. Tell your users."
    )
    message_log_days = models.PositiveIntegerField(
        "log kept for",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Days after which logged messages are deleted.",
    )
    trace = models.BooleanField(
        "keep a signalling trace",
        default=True,
        help_text="Each edge keeps its newest messages in memory, for people who look for a fault. Off: forgets them.",
    )
    trace_bodies = models.BooleanField(
        "show what people write",
        default=False,
        help_text="In the signalling trace: texts of messages, digits of calls. Tell your users.",
    )
    timeline = models.BooleanField(
        "keep time lines of all users",
        default=False,
        help_text="Write down what happens to everybody's state, and who is told; off: to that of chosen users.",
    )
    timeline_days = models.PositiveIntegerField(
        "time lines kept for",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Days after which what time lines say is deleted.",
    )
    method_event_routing = models.BooleanField(
        "method and event routing", default=True, help_text="Whether method and event routes count."
    )
    history_days = models.PositiveIntegerField(
        "history kept for",
        default=400,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Days after which older versions of what is provisioned are deleted; the newest one always stays.",
    )
    "Somewhat more than a year by default: what is done once a year can be looked up the next time."
    nonce_key = models.BinaryField(default=nonce_key, editable=False)
    history = Records(left_out=("nonce_key",))

    class Meta:
        verbose_name = "settings"
        verbose_name_plural = "settings"

    def __str__(self) -> str:
        return "Settings"

    def clean(self) -> None:
        """Somebody has to be able to log in."""
        if not (self.digest_sha256 or self.digest_md5):
            raise ValidationError("One digest algorithm has to be on.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """There is one row only."""
        self.pk = 1
        super().save(*args, **kwargs)
