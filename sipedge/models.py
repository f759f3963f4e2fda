"""Where users can be reached (RFC 3261 section 10, R-REG), and the messages that wait for them or were written down."""

from django.db import models

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
