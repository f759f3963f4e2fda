"""Imports of tables: who brought which file, what became of it row by row, and what undoing needs (docs/import.md)."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class Import(models.Model):
    """One file; the row stays."""

    class State(models.TextChoices):
        """How far it is."""

        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked, not applied"
        APPLYING = "applying", "Being applied"
        DONE = "done", "Applied"
        REFUSED = "refused", "Refused: rows are wrong"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    class Mode(models.TextChoices):
        """What happens when rows are wrong."""

        ALL = "all", "All or nothing"
        PARTIAL = "partial", "Take the good rows"

    created_at = models.DateTimeField("brought", default=timezone.now)
    started_at = models.DateTimeField("began", null=True)
    ended_at = models.DateTimeField("ended", null=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name="account"
    )
    who = models.CharField(max_length=150, help_text="The account's name at that time.")
    file_name = models.CharField("file", max_length=200)
    size = models.PositiveIntegerField(help_text="Octets.")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.ALL)
    state = models.CharField(max_length=12, choices=State.choices, default=State.CHECKING)
    phase = models.CharField(max_length=100, blank=True)
    message = models.TextField(blank=True, help_text="Why it ended as it did, in words.")
    done = models.PositiveIntegerField(default=0, help_text="Rows dealt with in this phase.")
    total = models.PositiveIntegerField(default=0, help_text="Rows of this phase.")
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    bad = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0, help_text="Rows that undoing has left as they are.")
    force = models.BooleanField(default=False, help_text="Undoing puts back what was changed since, too.")
    position = models.PositiveIntegerField(default=0, help_text="Rows whose fate is written (partial mode).")
    cancelled = models.BooleanField(default=False, help_text="Somebody wants it to stop.")
    slot = models.PositiveSmallIntegerField(
        unique=True, null=True, help_text="1 while it is under way: there is one import at a time."
    )
    runner = models.CharField(max_length=32, blank=True, help_text="Which run of the task has it.")
    alive_at = models.DateTimeField(null=True, help_text="The last sign of life of that run.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Runs since it last got on.")

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view", "add", "change")

    def __str__(self) -> str:
        return f"{self.file_name} by {self.who}"

    @property
    def percent(self) -> int:
        """Of this phase."""
        return 100 * self.done // self.total if self.total else 0

    @property
    def under_way(self) -> bool:
        """A worker has it, or is going to."""
        return self.slot is not None

    @property
    def can_be_undone(self) -> bool:
        """Something was written, and what undoing needs is still there."""
        ended = self.state in (self.State.DONE, self.State.CANCELLED, self.State.FAILED, self.State.UNDONE)
        if not ended or hasattr(self, "undoable"):
            return ended and bool(self.undoable)
        return self.rows.filter(undo__in=ImportRow.UNDOABLE).exists()


class ImportFile(models.Model):
    """The octets of a file, encrypted, from its arrival until it was applied: there may be passwords in it."""

    of = models.OneToOneField(Import, on_delete=models.CASCADE, related_name="file")
    content = models.BinaryField()

    class Meta:
        default_permissions = ()


class ImportRow(models.Model):
    """What became of one row, or would; rows that change nothing are only counted."""

    class Outcome(models.TextChoices):
        """In one word."""

        BAD = "bad", "Wrong"
        CREATED = "created", "New"
        CHANGED = "changed", "Changed"

    class Undo(models.TextChoices):
        """Whether it was, or can be, put back."""

        NO = "", "Nothing to undo"
        POSSIBLE = "possible", "Can be undone"
        DONE = "done", "Undone"
        KEPT = "kept", "Left as it is"

    UNDOABLE = (Undo.POSSIBLE, Undo.KEPT)

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    kind = models.CharField("table", max_length=20)
    number = models.PositiveIntegerField("row")
    key = models.JSONField(default=list)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    errors = models.JSONField(default=list, help_text="Pairs of column and what is wrong.")
    cells = models.JSONField(null=True, help_text="Of a bad row, as they came; without secrets.")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    secret_columns = models.JSONField(default=list, help_text="Which secrets change.")
    secrets_before = models.JSONField(null=True, help_text="Digests as the user's row held them; for a bounded time.")
    secrets_after = models.CharField(max_length=64, blank=True, help_text="A fingerprint of the digests then.")
    undo = models.CharField(max_length=8, choices=Undo.choices, default=Undo.NO, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why undoing has left it.")

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        indexes = [models.Index(fields=["of", "outcome", "id"], name="import_row_outcome")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def differences(self) -> list[tuple[str, Any, Any]]:
        """Column, before, after, for people; secrets by name only."""
        before, after = self.before or {}, self.after or {}
        found = [(name, before.get(name), value) for name, value in after.items() if before.get(name) != value]
        return [
            *found,
            *((name, "(not shown)" if self.before else None, "(not shown)") for name in self.secret_columns),
        ]

    @property
    def told(self) -> list[tuple[str, str | None, str]]:
        """The differences in words; of a new row only what is not empty, and not what it is known by."""
        found = self.differences
        if self.before is None:
            found = [one for one in found if one[2] not in ("", []) and one[2] not in self.key]
        return [(name, None if before is None else _words(before), _words(after)) for name, before, after in found]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "nothing"
