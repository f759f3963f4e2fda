"""Where users can be reached (RFC 3261 section 10, R-REG), and the messages that wait for them or were written down."""

from django.db import models
from django.utils.crypto import constant_time_compare, salted_hmac

from provisioning.models import Persona


class Binding(models.Model):
    """One registered contact of a user; written by `presence.store` only."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="bindings")
    contact = models.TextField()
    q = models.FloatField()
    call_id = models.TextField("Call-ID")
    cseq = models.BigIntegerField("CSeq")
    user_agent = models.TextField("User-Agent")
    instance = models.TextField()
    flow = models.TextField()
    path = models.TextField()
    edge = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return str(self.contact)


class StoredMessage(models.Model):
    """A message for a user who was not registered when it came (D-34); written by `presence.store` only."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="stored_messages")
    sender = models.TextField()
    recipient = models.TextField()
    content_type = models.TextField()
    body = models.BinaryField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.sender} to {self.recipient}"


class LoggedMessage(models.Model):
    """An instant message that passed while the message log was on; written by `presence.store` only."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    persona = models.ForeignKey(
        Persona,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The recipient, if it is a user of ours.",
    )
    sender = models.TextField(db_index=True)
    recipient = models.TextField(db_index=True)
    content_type = models.TextField()
    body = models.BinaryField()
    call_id = models.TextField("Call-ID")
    status = models.PositiveSmallIntegerField(help_text="What the sender was answered.")
    edge = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.sender} to {self.recipient}"

    @property
    def text(self) -> str:
        """The body as people read it; what is not UTF-8 is replaced."""
        return bytes(self.body).decode("utf-8", "replace")


class MessengerSession(models.Model):
    """A log-in to the messenger: one browser or one phone of a user, and the edge that its user agent is at."""

    id = models.CharField(max_length=32, primary_key=True)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="messenger_sessions")
    kind = models.CharField(max_length=8, choices=[("web", "Browser"), ("phone", "Phone")])
    edge = models.CharField(max_length=64, blank=True)
    user_agent = models.TextField(blank=True)
    address = models.CharField(max_length=45, blank=True)
    settings = models.JSONField(default=dict, help_text="What the user has chosen: sound, notifications, refresh.")
    secret = models.CharField(max_length=32, blank=True, editable=False)
    "A mark of the password or PIN that it was made with; empty for one that was made before there were marks."
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.persona} by {self.get_kind_display().lower()}"

    def mark(self) -> str:
        """Of the user's password, or PIN on a phone, as it is now; it tells nothing about it."""
        secret = self.persona.pin if self.kind == "phone" else self.persona.sha256
        return salted_hmac("sipedge.messenger", f"{self.pk} {secret}", algorithm="sha256").hexdigest()[:32]

    def fits(self) -> bool:
        """The secret has not changed since: whoever changes it, by whatever door, ends the log-ins made by it."""
        return not self.secret or constant_time_compare(self.secret, self.mark())


class PhonePreferences(models.Model):
    """What a user has chosen on the phone pages, for every log-in."""

    persona = models.OneToOneField(Persona, on_delete=models.CASCADE, related_name="phone_preferences")
    refresh_interval = models.PositiveIntegerField(null=True, help_text="Seconds; empty: that of the settings.")
    session_timer = models.PositiveIntegerField(null=True, help_text="Minutes; empty: that of the settings.")
    protect = models.BooleanField(default=False, help_text="The PIN is asked for before messages and settings.")
    sound = models.BooleanField(default=False, help_text="The phone chimes when a message has come.")

    class Meta:
        verbose_name_plural = "phone preferences"

    def __str__(self) -> str:
        return f"of {self.persona}"


class SignallingTrace(models.Model):
    """No table: the edges keep the trace in memory. Gives its page an address, and the right to see it a name."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "signalling trace"
        verbose_name_plural = "signalling trace"


class MessengerMessage(models.Model):
    """A message of one log-in, in or out; gone with the log-in. Written by `presence.store` only."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    session_id = models.CharField(max_length=32, db_index=True)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="+")
    peer = models.TextField(help_text="The other one's address.")
    outgoing = models.BooleanField()
    text = models.TextField()
    status = models.PositiveSmallIntegerField(help_text="What an outgoing one was answered; 200 for one that came in.")
    unread = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{'to' if self.outgoing else 'from'} {self.peer}"
