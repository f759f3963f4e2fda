"""Where users can be reached (RFC 3261 section 10, R-REG)."""

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
