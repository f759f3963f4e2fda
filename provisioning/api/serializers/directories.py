"""Directories and their runs as JSON."""

from typing import Any

from rest_framework import serializers

from provisioning import models
from provisioning.api.serializers.base import Validated


class DirectorySerializer(Validated):
    """A directory that users come from; the password can be set, never read."""

    domain = serializers.SlugRelatedField(
        slug_field="name", queryset=models.Domain.objects.all(), required=False, allow_null=True
    )
    password = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=256, trim_whitespace=False
    )
    has_password = serializers.BooleanField(read_only=True)

    class Meta:
        model = models.Directory
        fields = [
            "id", "name", "enabled", "interval", "server", "start_tls", "verify", "ca_file", "bind_name", "password",
            "has_password", "base", "scope", "filter", "page_size", "entries_limit", "id_attribute", "user_attribute",
            "domain", "domain_attribute", "name_attribute", "mail_attributes", "number_attributes", "enabled_by",
            "enabled_attribute", "adopt", "vanished", "delete_after", "most_vanish",
        ]  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only the encrypted password reaches the row."""
        password = attrs.pop("password", None)
        if password is not None:
            sealed = models.Directory()
            sealed.set_password(password)
            attrs["sealed_password"] = sealed.sealed_password
        return super().validate(attrs)


class DirectoryRunSerializer(serializers.ModelSerializer):
    """What a synchronisation has done, or would do."""

    directory = serializers.SlugRelatedField(slug_field="name", read_only=True)
    seconds = serializers.FloatField(read_only=True, allow_null=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    changes = serializers.ListField(
        child=serializers.DictField(), read_only=True,
        help_text="The first 1,000: what, user, entry, fields with before and after, reason.",
    )  # fmt: skip

    class Meta:
        model = models.DirectoryRun
        fields = [
            "id", "directory", "dry", "confirmed", "started_by", "state", "started_at", "ended_at", "seconds", "counts",
            "error", "changes",
        ]  # fmt: skip
        read_only_fields = fields


class RunRequestSerializer(serializers.Serializer):
    """How a synchronisation is asked for."""

    confirm = serializers.BooleanField(
        default=False, help_text="Whatever share of the users may be disabled or deleted by it."
    )


class SampleSerializer(serializers.Serializer):
    """What an entry would become."""

    entry = serializers.CharField()
    problem = serializers.CharField(required=False)
    user = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    enabled = serializers.BooleanField(required=False)
    aliases = serializers.ListField(child=serializers.CharField(), required=False)


class TestSerializer(serializers.Serializer):
    """The connection works."""

    encrypted = serializers.BooleanField()
    samples = SampleSerializer(many=True)
