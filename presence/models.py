"""Soft state: it lives until `expires_at` unless it is refreshed (RFC 3903, RFC 6665).

Rows are written by `presence.store` only. Ids are random and made by whoever creates the row, `version` counts its
changes; together they are the entity tag. What was removed stays as a tombstone for a while: empty, and expired at
the moment of its removal.
"""

from datetime import datetime

from django.db import models

from provisioning.fields import AorField
from provisioning.models import ForeignServer, Persona, Webhook


class Publication(models.Model):
    """One component of state: the document that one client published (R-AOR-05)."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="publications")
    publisher = models.TextField()
    user_agent = models.TextField()
    content_type = models.TextField()
    door = models.CharField(max_length=16)
    body = models.BinaryField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return f"{self.id:x}-{self.version}"


class Subscription(models.Model):
    """One watcher's subscription to a user, a list or a foreign presentity, with its dialog."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, null=True, related_name="subscriptions")
    kind = models.CharField(max_length=8, default="user")
    uri = models.TextField("asked for")
    members = models.TextField(default="")
    watcher = models.TextField()
    event_id = models.TextField()
    min_interval = models.FloatField(default=0.0)
    accept = models.TextField()
    eventlist = models.BooleanField()
    user_agent = models.TextField()
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=16)
    edge = models.CharField(max_length=64, db_index=True)
    dialog = models.TextField()
    cseq = models.BigIntegerField("end of the CSeq block")
    sent_digest = models.CharField(max_length=16)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["watcher"], name="subscription_by_watcher", opclasses=["text_pattern_ops"])]

    def __str__(self) -> str:
        return f"{self.watcher} watches {self.uri}"


class BackendSubscription(models.Model):
    """A subscription of ours at a foreign server, and the component of state that it holds (R-AOR-06, R-BCK-01)."""

    id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    key = models.BigIntegerField(db_index=True)
    local = models.TextField("local presentity")
    foreign = models.TextField("foreign presentity")
    server = models.ForeignKey(ForeignServer, on_delete=models.CASCADE, related_name="subscriptions")
    shared = models.BooleanField()
    watcher = models.TextField("in the name of")
    accept = models.TextField()
    priority = models.IntegerField()
    edge = models.CharField(max_length=64, db_index=True)
    dialog = models.TextField()
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=64)
    failures = models.IntegerField()
    body = models.BinaryField()
    user_agent = models.TextField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    refresh_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-updated_at"]
        verbose_name = "back-end subscription"

    def __str__(self) -> str:
        return f"{self.local} is {self.foreign}"


class EdgeLease(models.Model):
    """An edge process says that it lives, and up to when its watchers and rows agree."""

    edge = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    settled_at = models.DateTimeField()
    clean = models.BooleanField()
    expires_at = models.DateTimeField()
    report = models.JSONField(default=dict)

    ADOPTED = "adopted"
    "In the report of an edge that is gone: which edges have taken over how much (`presence.leases.note`)."

    class Meta:
        ordering = ["edge"]
        verbose_name = "edge"

    def __str__(self) -> str:
        return str(self.edge)

    @classmethod
    def running(cls, now: datetime) -> "models.QuerySet[EdgeLease]":
        """Those that live, by name."""
        return cls.objects.filter(clean=False, expires_at__gt=now)

    @property
    def draining(self) -> bool:
        """It is about to leave."""
        return bool(self.report.get("drain"))

    @property
    def adopted(self) -> dict[str, dict[str, int]]:
        """What others have taken over since its lease ran out: by edge, numbers by kind."""
        found: dict[str, dict[str, int]] = self.report.get(self.ADOPTED) or {}
        return found

    def state(self, now: datetime) -> str:
        """running, draining, stopped (in order) or lost."""
        if self.clean:
            return "stopped"
        if self.draining and self.expires_at > now:
            return "draining"
        return "running" if self.expires_at > now else "lost"


class WebhookDelivery(models.Model):
    """What a webhook knows of one address, and what it has still to be told: the newest state only."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    STATES = [(WAITING, "Waiting"), (DELIVERED, "Delivered"), (DEAD, "Given up")]

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    uri = AorField("address")
    state = models.CharField(max_length=16, choices=STATES, default=WAITING)
    number = models.BigIntegerField("changes so far", default=0)
    told = models.CharField(max_length=16, blank=True, editable=False)
    due = models.CharField(max_length=16, blank=True, editable=False)
    document = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    status = models.PositiveIntegerField("last HTTP status", null=True)
    error = models.CharField("last error", max_length=200, blank=True)
    next_at = models.DateTimeField("next attempt", db_index=True)
    claimed_until = models.DateTimeField(null=True, editable=False)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["-changed_at"]
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "uri"], name="one_delivery_a_webhook_and_uri")]

    def __str__(self) -> str:
        return f"{self.uri} to {self.webhook}"


class TimelineEntry(models.Model):
    """Something that happened to a user's state; written by `presence.timeline` only.

    No foreign key: what is written goes on being true when the user is deleted, until its time is over.
    """

    MADE = "made"
    CHANGED = "changed"
    ENDED = "ended"
    BACKEND = "backend"
    POLICY = "policy"
    TOLD = "told"
    CUT_OFF = "cut_off"
    KINDS = [
        (MADE, "Publication made"),
        (CHANGED, "Publication changed"),
        (ENDED, "Publication ended"),
        (BACKEND, "Foreign state"),
        (POLICY, "Provisioning changed"),
        (TOLD, "Watchers told"),
        (CUT_OFF, "Watcher cut off"),
    ]

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    key = models.BigIntegerField("user's id")
    aor = models.TextField("user")
    edge = models.CharField("written by", max_length=64)
    what = models.CharField(max_length=16, choices=KINDS)
    detail = models.TextField()
    before = models.CharField("state before", max_length=40)
    after = models.CharField("state after", max_length=40)
    count = models.PositiveIntegerField("notifications", default=0)
    watchers = models.TextField(default="")

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = "time line"
        verbose_name_plural = "time line"
        indexes = [models.Index(fields=["key", "at"], name="timeline_of_a_user")]

    def __str__(self) -> str:
        return f"{self.aor}: {self.get_what_display()}"

    @property
    def addresses(self) -> list[str]:
        """The watchers that it names."""
        return self.watchers.split("\n") if self.watchers else []


class LiveState(Persona):
    """The users again, for the pages that show their live state."""

    class Meta:
        proxy = True
        ordering = ["aor"]
        verbose_name = "live state"
        verbose_name_plural = "live state"
