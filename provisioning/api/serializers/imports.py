"""Imports, their rows, and what is asked of them, as JSON."""

from typing import Any

from rest_framework import serializers

from provisioning.bulk.documents import FORMATS
from provisioning.bulk.kinds import KINDS
from provisioning.models import Import, ImportRow


class ImportSerializer(serializers.ModelSerializer):
    """One import and how far it is."""

    percent = serializers.IntegerField(read_only=True)
    under_way = serializers.BooleanField(read_only=True)
    can_be_undone = serializers.BooleanField(read_only=True)

    class Meta:
        model = Import
        fields = read_only_fields = [
            "id", "created_at", "started_at", "ended_at", "who", "file_name", "size", "mode", "state", "phase",
            "message", "done", "total", "percent", "created", "changed", "unchanged", "bad", "undone", "kept",
            "under_way", "can_be_undone",
        ]  # fmt: skip


class UploadSerializer(serializers.Serializer):
    """A file, and what is to be done with it."""

    file = serializers.FileField(help_text="Its name ends with .csv, .xlsx or .json.")
    mode = serializers.ChoiceField(Import.Mode.choices, default=Import.Mode.ALL)
    dry_run = serializers.BooleanField(default=False, help_text="Only check; it can be applied within a day.")


class ConfirmSerializer(serializers.Serializer):
    """How a checked import is applied."""

    mode = serializers.ChoiceField(Import.Mode.choices, required=False)


class UndoSerializer(serializers.Serializer):
    """How it is undone."""

    force = serializers.BooleanField(default=False, help_text="Put back what was changed since, too.")


class ErrorSerializer(serializers.Serializer):
    """Something is wrong with a cell."""

    column = serializers.CharField()
    text = serializers.CharField()


class DifferenceSerializer(serializers.Serializer):
    """A value of before, and the one of after; those of secrets are not told."""

    column = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ImportRowSerializer(serializers.ModelSerializer):
    """What became of a row of the file, or would."""

    errors = serializers.SerializerMethodField()
    differences = serializers.SerializerMethodField()

    class Meta:
        model = ImportRow
        fields = read_only_fields = [
            "kind", "number", "key", "outcome", "errors", "differences", "undo", "reason",
        ]  # fmt: skip

    def get_errors(self, row: ImportRow) -> list[dict[str, str]]:
        """Each with its column."""
        return ErrorSerializer([{"column": column, "text": text} for column, text in row.errors], many=True).data

    def get_differences(self, row: ImportRow) -> list[dict[str, Any]]:
        """Field by field."""
        found = [{"column": name, "before": before, "after": after} for name, before, after in row.differences]
        return DifferenceSerializer(found, many=True).data


class RowsSerializer(serializers.Serializer):
    """Which rows."""

    outcome = serializers.ChoiceField(ImportRow.Outcome.choices, required=False)
    undo = serializers.ChoiceField([one for one in ImportRow.Undo.choices if one[0]], required=False)


class FileSerializer(serializers.Serializer):
    """Which file is wanted."""

    format = serializers.ChoiceField(FORMATS)
    table = serializers.ChoiceField([], required=False, help_text="Only this table; a CSV file holds one.")

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.fields["table"].choices = [(name, name) for name in KINDS]
